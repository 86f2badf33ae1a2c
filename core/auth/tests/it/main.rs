//! Users, roles and permissions against a model that looks at every key.

mod model;
mod rules;
