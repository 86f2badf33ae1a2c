//! The scheduler: a pure plan over a snapshot, and a driver that writes the binds.
//!
//! Place: above the reconcile runtime, beside the controllers. [`plan`] knows nothing of stores,
//! clocks or tasks; [`Scheduler`] wires it to the cache and commits a whole batch of binds in one
//! transaction, fenced by the leader's term.
//!
//! Invariants: a plan never over-commits a node, also not within one batch; the same state and pods
//! give the same plan; every pod that is not placed carries the reason of every node that refused it.

mod amounts;
mod driver;
mod error;
pub mod filters;
mod node;
mod plan;
mod plugin;
mod pod;
pub mod scores;
mod state;

pub use amounts::Amounts;
pub use driver::{Scheduler, SchedulerOptions};
pub use error::Error;
pub use node::NodeInfo;
pub use plan::{Decision, Unschedulable, plan};
pub use plugin::{Filter, Profile, Refusal, Score};
pub use pod::PodInfo;
pub use state::ClusterState;
