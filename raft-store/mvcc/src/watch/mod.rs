//! Watching: a ring of recent revisions, and cursors that fall back to the history behind it.
//!
//! Place: apply publishes into the ring once per batch and wakes the watchers; each watcher pulls at
//! its own pace. A watcher costs its cursor; events are encoded once and shared.
//!
//! Invariants: apply never waits for a watcher. A watcher sees every revision that touches its
//! range exactly once, in order and whole, or its stream ends with an error.

mod history;
mod ring;
mod stream;
#[cfg(test)]
mod tests;

pub(crate) use history::since;
pub(crate) use ring::{Ring, Signal};
pub(crate) use stream::{Watcher, refused};

use quorate_store::Event;
use quorate_types::Revision;
use std::sync::Arc;

/// A piece of history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pulled {
    /// Whole revisions, in order.
    pub(crate) revisions: Vec<Published>,
    /// Nothing is missing up to and including this revision.
    pub(crate) complete: Revision,
}

/// All changes of one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) revision: Revision,
    pub(crate) events: Arc<[Event]>,
}
