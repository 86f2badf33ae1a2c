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
use std::sync::{Arc, OnceLock};

/// A piece of history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pulled {
    /// Whole revisions, in order.
    pub(crate) revisions: Vec<Published>,
    /// Nothing is missing up to and including this revision.
    pub(crate) complete: Revision,
}

/// All changes of one revision, shared by all watchers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) revision: Revision,
    pub(crate) events: Arc<Events>,
}

impl Published {
    pub(crate) fn new(revision: Revision, events: Vec<Event>) -> Self {
        let events = Events { whole: events.into(), bare: OnceLock::new() };
        Self { revision, events: Arc::new(events) }
    }
}

/// Events with the previous keys and, once somebody wants it, without.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Events {
    whole: Arc<[Event]>,
    bare: OnceLock<Arc<[Event]>>,
}

impl Events {
    /// All events, as they were recorded.
    pub(crate) fn whole(&self) -> &Arc<[Event]> {
        &self.whole
    }

    /// The events for watchers that want the previous keys, or do not.
    pub(crate) fn told(&self, prev_kv: bool) -> &Arc<[Event]> {
        if prev_kv || self.whole.iter().all(|event| event.prev_kv.is_none()) {
            return &self.whole;
        }
        let bare = |event: &Event| Event { prev_kv: None, ..event.clone() };
        self.bare.get_or_init(|| self.whole.iter().map(bare).collect())
    }
}
