//! What a pass works with.

use crate::event::{EventType, Occurrence};
use crate::{Error, Snapshot};
use quorate_resources::{Change, Committed, Object, Objects, timestamp};
use quorate_seams::{SharedClock, WallTime};

/// The world as one pass sees it, and its only way to change it.
#[derive(Clone, Debug)]
pub struct Context {
    reporter: &'static str,
    snapshot: Snapshot,
    objects: Objects,
}

impl Context {
    /// A context outside a runtime, for tests of a reconciler and for one-off passes. What is
    /// written through it does not show in its snapshot.
    #[must_use]
    pub fn new(reporter: &'static str, snapshot: Snapshot, objects: Objects) -> Self {
        Self { reporter, snapshot, objects }
    }

    /// All objects, at least as new as this reconciler's own last write.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The objects in the store, for reads that must be newer than the snapshot and for single
    /// writes. Writes carry the leader's term and are refused once another leader is elected.
    #[must_use]
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// Time for durations and deadlines.
    #[must_use]
    pub fn clock(&self) -> &SharedClock {
        &self.objects.seams().clock
    }

    /// Wall time, for timestamps in objects only.
    #[must_use]
    pub fn now(&self) -> WallTime {
        self.clock().wall()
    }

    /// Makes all changes in one transaction or none. An empty list costs nothing.
    ///
    /// # Errors
    /// [`Error::is_stale`] when an object has changed since the snapshot: return it, the key soon
    /// runs again with a newer one.
    pub async fn commit(&self, changes: Vec<Change>) -> Result<Committed, Error> {
        if changes.is_empty() {
            return Ok(Committed { revision: self.snapshot.revision(), objects: Vec::new() });
        }
        Ok(self.objects.commit(changes).await?)
    }

    /// Records a Kubernetes Event about an object. Best effort: a failure is logged, nothing waits
    /// for it to be retried. Repetitions of a reason raise the count of the one event.
    pub async fn event(
        &self,
        regarding: &Object,
        kind: EventType,
        reason: &str,
        message: impl Into<String>,
    ) {
        let occurrence = Occurrence {
            regarding,
            kind,
            reason,
            message: message.into(),
            reporter: self.reporter,
            time: timestamp::format(self.now()),
        };
        let change = occurrence.change(&self.snapshot);
        if let Err(error) = self.objects.commit(vec![change]).await {
            tracing::debug!(reporter = self.reporter, reason, %error, "event not recorded");
        }
    }
}
