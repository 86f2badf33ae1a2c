//! Which pods have an actor: those bound to this node, and those that should no longer be here.
//!
//! Place: follows the shared cache and the executors' hints; the only one that starts actors.
//!
//! Invariants: nothing of an executor is touched before it has said what it holds ([`adopt`]); a
//! task counts as an orphan only after a linearizable read has shown that its pod is gone, so that a
//! lagging cache never costs a running pod.

pub(crate) mod adopt;
mod supervisor;

pub(crate) use supervisor::{Message, Supervisor};
