//! The shared cache: one watch over `/registry/` feeds every kind in revision order.
//!
//! Place: one per process and store; everything that reads objects shares it. Followers run it as
//! well, so a new leader starts warm.
//!
//! Invariants: a snapshot is published per batch of whole revisions, before subscribers hear of the
//! batch; revisions never go back; lost history (compaction) is bridged by a new listing, and
//! subscribers get the difference, so nobody ever has to relist. Without writes nothing runs.

mod changes;
mod feed;

pub use changes::{Changes, Update};

use crate::snapshot::Definition;
use crate::{Error, Snapshot};
use feed::Feed;
use quorate_resources::{Object, Objects};
use quorate_seams::{SharedClock, Task, spawn, timeout};
use quorate_types::Revision;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, watch};

/// Batches that a subscriber may be behind before it gets one difference instead of the batches.
const CHANGES_CAPACITY: usize = 1024;

/// All objects of a store, followed as they change. Dropping the last handle stops it.
pub struct Cache {
    publisher: Arc<Publisher>,
    _feed: Task<()>,
}

/// Where the feed puts what it learns.
#[derive(Debug)]
struct Publisher {
    latest: watch::Sender<Snapshot>,
    updates: broadcast::Sender<Update>,
}

/// Sets up a [`Cache`].
#[derive(Debug, Default)]
pub struct CacheBuilder {
    definitions: Vec<Definition>,
}

impl CacheBuilder {
    /// Files every object for which the function gives a value, for [`Snapshot::by`]. The function
    /// sees the objects of all kinds.
    #[must_use]
    pub fn index(mut self, name: &'static str, value: fn(&Object) -> Option<String>) -> Self {
        self.definitions.push(Definition { name, value });
        self
    }

    /// Reads all objects, then follows them.
    ///
    /// # Errors
    /// The first listing failed; after it, the cache recovers from every error by itself.
    pub async fn start(self, objects: Objects) -> Result<Arc<Cache>, Error> {
        let snapshot = Snapshot::empty(self.definitions.into());
        let publisher = Arc::new(Publisher {
            latest: watch::Sender::new(snapshot.clone()),
            updates: broadcast::Sender::new(CHANGES_CAPACITY),
        });
        let mut feed = Feed::new(objects, Arc::clone(&publisher), snapshot);
        feed.list_first().await?;
        Ok(Arc::new(Cache { publisher, _feed: spawn(feed.run()) }))
    }
}

impl Cache {
    /// A cache with field indexes.
    #[must_use]
    pub fn builder() -> CacheBuilder {
        CacheBuilder::default()
    }

    /// Starts a cache without field indexes; returns once the first listing is in. What was
    /// acknowledged before the call is in its snapshots.
    ///
    /// # Errors
    /// The first listing failed.
    pub async fn start(objects: Objects) -> Result<Arc<Self>, Error> {
        Self::builder().start(objects).await
    }

    /// The newest snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.publisher.latest.borrow().clone()
    }

    /// Waits for a snapshot at a revision or after it. Waits for ever if the store never gets there.
    pub async fn wait_for(&self, revision: Revision) -> Snapshot {
        let mut latest = self.publisher.latest.subscribe();
        let found = latest.wait_for(|snapshot| snapshot.revision() >= revision).await;
        found.expect("self holds the sender, so it cannot be gone").clone()
    }

    /// Every change after the newest snapshot, in revision order.
    #[must_use]
    pub fn changes(&self) -> Changes {
        self.subscribe().1
    }

    /// A snapshot, and exactly what changes after it.
    #[must_use]
    pub fn subscribe(&self) -> (Snapshot, Changes) {
        // Subscribed first: what comes between the two is in both, and `Changes` skips it.
        let updates = self.publisher.updates.subscribe();
        let snapshot = self.snapshot();
        let latest = self.publisher.latest.subscribe();
        (snapshot.clone(), Changes::new(updates, latest, snapshot))
    }

    /// Waits until the function gives a value for a snapshot; `None` after the time limit. The
    /// function is asked for the newest snapshot and for each that follows; it may skip some.
    pub async fn until<T>(
        &self,
        clock: &SharedClock,
        limit: Duration,
        mut f: impl FnMut(&Snapshot) -> Option<T>,
    ) -> Option<T> {
        let mut latest = self.publisher.latest.subscribe();
        let found = async {
            loop {
                let snapshot = latest.borrow_and_update().clone();
                if let Some(value) = f(&snapshot) {
                    return Some(value);
                }
                latest.changed().await.ok()?;
            }
        };
        timeout(&**clock, limit, found).await.flatten()
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let snapshot = self.snapshot();
        f.debug_struct("Cache")
            .field("revision", &snapshot.revision())
            .field("objects", &snapshot.len())
            .finish()
    }
}

#[cfg(test)]
mod tests;
