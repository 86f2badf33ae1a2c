//! Users, roles and permissions against a model that looks at every key.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod model;
mod rules;
