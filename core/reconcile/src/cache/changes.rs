//! What a subscriber of the cache hears.

use crate::{CacheChange, Snapshot};
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

/// The changes of one or more whole revisions, and the snapshot they lead to.
#[derive(Clone, Debug)]
pub struct Update {
    /// The objects after the changes.
    pub snapshot: Snapshot,
    /// The changes in revision order; never empty.
    pub changes: Arc<[CacheChange]>,
}

/// Follows the cache. A subscriber that is too slow gets one update with the difference instead of
/// the updates that it missed: it never has to relist, it only skips intermediate states.
#[derive(Debug)]
pub struct Changes {
    updates: broadcast::Receiver<Update>,
    latest: watch::Receiver<Snapshot>,
    seen: Snapshot,
}

impl Changes {
    pub(super) fn new(
        updates: broadcast::Receiver<Update>,
        latest: watch::Receiver<Snapshot>,
        seen: Snapshot,
    ) -> Self {
        Self { updates, latest, seen }
    }

    /// Waits for the next update; `None` once the cache is gone. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Update> {
        loop {
            let update = match self.updates.recv().await {
                Ok(update) if update.snapshot.revision() <= self.seen.revision() => continue,
                Ok(update) => update,
                Err(RecvError::Lagged(_)) => match self.difference() {
                    Some(update) => update,
                    None => continue,
                },
                Err(RecvError::Closed) => return None,
            };
            self.seen = update.snapshot.clone();
            return Some(update);
        }
    }

    /// The snapshot that the updates so far have led to.
    #[must_use]
    pub fn seen(&self) -> &Snapshot {
        &self.seen
    }

    fn difference(&mut self) -> Option<Update> {
        let snapshot = self.latest.borrow_and_update().clone();
        let changes: Arc<[CacheChange]> = self.seen.changes_to(&snapshot).into();
        if changes.is_empty() {
            self.seen = snapshot;
            return None;
        }
        Some(Update { snapshot, changes })
    }
}
