//! Objects over the reference store, as their users see them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod admission;
mod commit;
mod deletion;
mod lifecycle;
mod manifests;
mod races;
mod world;
mod yielding;
