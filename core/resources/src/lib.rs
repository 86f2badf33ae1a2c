//! Kind registry, objects and their rules, patches and admission over a store.
//!
//! Place: above [`quorate_store`], below everything that works with objects: controllers,
//! scheduler, agents, the façade. Kinds are data in a [`Registry`]; the built-in ones come from
//! `quorate-kinds`, users add their own.
//!
//! Invariants: an object in the store has passed its kind's check, defaults and validation; its
//! resource version is the store's revision; every change is one transaction under a compare, so
//! no write is ever based on a state that has passed; a write whose outcome is unknown is reported
//! and never repeated.
//!
//! ```
//! use quorate_resources::{Kind, KindInfo, Object, ObjectKey, Objects, Registry};
//! use serde::{Deserialize, Serialize};
//! #[derive(Clone, Debug, Serialize, Deserialize)]
//! struct Site { spec: SiteSpec }
//! #[derive(Clone, Debug, Serialize, Deserialize)]
//! struct SiteSpec { domain: String }
//! impl Kind for Site {
//!     const GROUP: &'static str = "example.com";
//!     const VERSION: &'static str = "v1";
//!     const KIND: &'static str = "Site";
//!     const PLURAL: &'static str = "sites";
//!     const NAMESPACED: bool = false;
//! }
//! # futures::executor::block_on(async {
//! let mut registry = Registry::new();
//! registry.register(KindInfo::of::<Site>())?;
//! let seams = quorate_seams::Seams::system();
//! let store = quorate_store::MemoryStore::new(seams.clock.clone());
//! let objects = Objects::new(store, registry.into(), seams);
//! let mut site = Object::new::<Site>(ObjectKey::cluster("home"));
//! site.body.insert("spec".into(), serde_json::json!({ "domain": "example.com" }));
//! let created = objects.create(site).await?;
//! assert_eq!(created.decode::<Site>()?.spec.domain, "example.com");
//! # Ok::<(), quorate_resources::Error>(()) }).unwrap();
//! ```

mod admission;
mod column;
pub mod custom;
mod decode;
mod error;
pub mod field;
mod hint;
mod kind;
#[cfg(feature = "kubernetes")]
mod kubernetes;
pub mod manifest;
pub mod merge;
mod metadata;
mod object;
mod objects;
pub mod ownership;
pub mod patch;
mod registry;
pub mod schema;
mod storage;
pub mod timestamp;
mod typed;
mod typed_admission;
mod validate;

pub use admission::{Admission, Admitted, Claims, Operation};
pub use column::{Column, ScalePaths};
pub use error::Error;
pub use field::{FieldError, FieldReason};
pub use kind::Kind;
pub use metadata::{Metadata, OwnerReference};
pub use object::Object;
pub use objects::{
    Action, Applied, Change, Committed, DeleteOptions, Deleted, ObjectList, ObjectPage, Objects,
    PageRequest, Propagation,
};
pub use quorate_types::{GroupKind, ObjectKey, Revision, Selector, Term, Uid};
pub use registry::{KindInfo, MergeKeys, Registry, check};
pub use storage::decode_stored;
pub use typed::{Api, Typed};
pub use typed_admission::{ForKind, TypedAdmission};
