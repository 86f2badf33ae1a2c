//! The built-in kinds: Kubernetes' types with their defaults and validation.
//!
//! Place: above `quorate-resources`, whose generic code it feeds with data: [`registry`] lists the
//! kinds. The types are those of `k8s-openapi`, and this is the only crate that names it; everyone
//! else takes them from here.
//!
//! Invariants: defaults are idempotent and never override what was written; validation names the
//! field and says what to do; nothing here does I/O.
//!
//! ```
//! use quorate_kinds::{Pod, registry};
//! use quorate_resources::{Kind, Object};
//! let registry = registry();
//! let info = registry.by_name("po").expect("pods are built in");
//! let mut pod: Object = serde_json::from_value(serde_json::json!({
//!     "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "web", "namespace": "shop" },
//!     "spec": { "containers": [{ "name": "web", "image": "web:1" }] },
//! }))?;
//! (info.default)(&mut pod);
//! let typed: Pod = pod.decode()?;
//! assert_eq!(typed.spec.unwrap().restart_policy.as_deref(), Some("Always"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod column;
pub mod cron;
mod default;
mod info;
mod json;
mod merge;
#[cfg(feature = "schemas")]
mod schema;
mod types;
mod validate;

pub use info::registry;
pub use k8s_openapi;
#[cfg(feature = "schemas")]
pub use schema::schemas;
pub use types::*;
