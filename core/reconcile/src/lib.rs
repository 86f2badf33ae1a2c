//! The reconcile runtime: one cache at one revision, a deduplicating queue, and writes that a
//! deposed leader can no longer make.
//!
//! Place: between the objects (`quorate-resources`) and everything that acts on them: the built-in
//! controllers, the scheduler, the node agent, the service proxy, and reconcilers of applications.
//!
//! Invariants:
//! - A [`Snapshot`] holds every object of every kind as of one revision; a later one is never older.
//! - A reconciler never runs twice at once for one key, and always sees its own last write.
//! - Reconcilers run where the Raft leader is; each of their writes carries the leader's term.
//! - Nothing polls: a runtime without changes and without deadlines does nothing at all.
//!
//! ```
//! use quorate_reconcile::{Cache, Context, Error, Next, Reconciler, Watch};
//! use quorate_types::{GroupKind, ObjectKey};
//!
//! #[derive(Debug)]
//! struct Greeter;
//!
//! #[async_trait::async_trait]
//! impl Reconciler for Greeter {
//!     fn name(&self) -> &'static str {
//!         "greeter"
//!     }
//!     fn watches(&self) -> Vec<Watch> {
//!         vec![Watch::own(GroupKind::new("", "ConfigMap"))]
//!     }
//!     async fn reconcile(&self, cx: &Context, key: &ObjectKey) -> Result<Next, Error> {
//!         let kind = GroupKind::new("", "ConfigMap");
//!         let Some(_map) = cx.snapshot().object(&kind, key) else { return Ok(Next::Done) };
//!         Ok(Next::Done)
//!     }
//! }
//! ```

mod backoff;
mod cache;
mod context;
mod error;
mod event;
mod leading;
mod own_writes;
pub mod queue;
mod reconciler;
mod runtime;
mod snapshot;
#[cfg(test)]
mod testing;
mod watch;

pub use backoff::Backoff;
pub use cache::{Cache, CacheBuilder, Changes, Update};
pub use context::Context;
pub use error::Error;
pub use event::EventType;
pub use leading::while_leading;
pub use reconciler::{Next, Reconciler};
pub use runtime::{Running, Runtime, RuntimeBuilder};
pub use snapshot::{CacheChange, Snapshot};
pub use watch::Watch;
