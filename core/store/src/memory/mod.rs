//! The reference store: what is right, in memory, simple rather than fast.
//!
//! Place: behind [`crate::Store`] like every store. Tests of the control plane run on it, and the
//! conformance suite compares other stores with it.
//!
//! Invariants: the whole history since the last compaction is kept, so every read at a revision
//! and every watch looks at the same facts. A transaction is checked completely before it changes
//! anything. No task runs in the background: whoever looks at the store first ends the leases that
//! are due, and a waiting watcher sleeps no longer than the next lease lives.

mod history;
mod lease;
mod requests;
mod state;
mod store;
mod txn;
mod watch;

#[cfg(test)]
mod tests;

pub use store::MemoryStore;
