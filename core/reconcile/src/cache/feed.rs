//! The one task that turns store events into snapshots.

use super::{Publisher, Update};
use crate::{Backoff, CacheChange, Error, Snapshot};
use futures::StreamExt;
use quorate_resources::{Objects, decode_stored};
use quorate_store::{Event, EventKind, KeyRange, KeyValue, RangeRequest, WatchBatch, WatchRequest};
use quorate_types::{GroupKind, ObjectKey, Revision};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Where all objects lie.
const PREFIX: &str = "/registry/";
/// Keys read at once by a listing.
const PAGE: usize = 4096;
/// Waits between attempts to reach the store again.
const RETRY: Backoff = Backoff { base: Duration::from_millis(10), limit: Duration::from_secs(2) };

/// Reads, follows, and publishes.
pub(super) struct Feed {
    objects: Objects,
    publisher: Arc<Publisher>,
    snapshot: Snapshot,
}

impl Feed {
    pub(super) fn new(objects: Objects, publisher: Arc<Publisher>, snapshot: Snapshot) -> Self {
        Self { objects, publisher, snapshot }
    }

    /// The first listing: sees everything acknowledged before.
    pub(super) async fn list_first(&mut self) -> Result<(), Error> {
        self.list(RangeRequest::prefix(PREFIX)).await
    }

    /// Follows the store until it is dropped.
    pub(super) async fn run(mut self) {
        let mut failures = 0;
        loop {
            let before = self.snapshot.revision();
            let lost = self.follow().await;
            failures = if self.snapshot.revision() > before { 1 } else { failures + 1 };
            if let Err(quorate_store::Error::Compacted { .. }) = lost {
                tracing::info!(after = %self.snapshot.revision(), "history lost, listing anew");
                // Our own member's state suffices: it is where the lost history was applied.
                match self.list(RangeRequest::prefix(PREFIX).serializable()).await {
                    Ok(()) => continue,
                    Err(error) => tracing::warn!(%error, "cannot list objects"),
                }
            } else if let Err(error) = lost {
                tracing::debug!(%error, "watch of the objects interrupted");
            }
            let seams = self.objects.seams();
            let delay = RETRY.delay(failures, seams.random.next_u64());
            seams.clock.sleep(delay).await;
        }
    }

    /// Applies batches until the stream ends.
    async fn follow(&mut self) -> Result<(), quorate_store::Error> {
        let request = WatchRequest::new(KeyRange::prefix(PREFIX))
            .from(self.snapshot.revision().next())
            .with_progress();
        let mut stream = self.objects.store().watch(request).await?;
        while let Some(batch) = stream.next().await {
            self.apply(&batch?);
        }
        Ok(())
    }

    fn apply(&mut self, batch: &WatchBatch) {
        let changes: Vec<CacheChange> =
            batch.events.iter().filter_map(|event| self.apply_event(event)).collect();
        self.snapshot.advance(batch.revision);
        self.publish(changes);
    }

    fn apply_event(&mut self, event: &Event) -> Option<CacheChange> {
        let (kind, key) = self.objects.registry().parse_storage_key(&event.kv.key)?;
        match event.kind {
            EventKind::Put => self.put(&kind, key, &event.kv),
            EventKind::Delete => self.snapshot.remove(&kind, key, event.kv.mod_revision),
        }
    }

    fn put(&mut self, kind: &GroupKind, key: ObjectKey, kv: &KeyValue) -> Option<CacheChange> {
        match decode_stored(kv) {
            Ok(object) => Some(self.snapshot.put(kind, key, object)),
            Err(error) => {
                tracing::error!(%kind, %key, %error, "stored object cannot be read, left out");
                self.snapshot.remove(kind, key, kv.mod_revision)
            }
        }
    }

    /// Publishes first, so that whoever hears of a change finds it in the newest snapshot.
    fn publish(&self, changes: Vec<CacheChange>) {
        self.publisher.latest.send_replace(self.snapshot.clone());
        if !changes.is_empty() {
            let update = Update { snapshot: self.snapshot.clone(), changes: changes.into() };
            // An error only means that nobody listens.
            let _ = self.publisher.updates.send(update);
        }
    }

    /// Replaces the snapshot by a listing and publishes the difference.
    async fn list(&mut self, request: RangeRequest) -> Result<(), Error> {
        let old = self.snapshot.clone();
        let mut pages = Pages::new(request);
        let mut listed: BTreeSet<(GroupKind, ObjectKey)> = BTreeSet::new();
        while let Some(kvs) = pages.next(&self.objects).await? {
            for kv in kvs {
                let Some(id) = self.objects.registry().parse_storage_key(&kv.key) else { continue };
                let known = self.snapshot.object(&id.0, &id.1);
                if known.and_then(|object| object.metadata.resource_version)
                    != Some(kv.mod_revision)
                {
                    self.put(&id.0, id.1.clone(), &kv);
                }
                listed.insert(id);
            }
        }
        let gone: Vec<(GroupKind, ObjectKey)> = old
            .kinds()
            .flat_map(|kind| old.objects(kind).map(|object| (kind.clone(), object.metadata.key())))
            .filter(|id| !listed.contains(id))
            .collect();
        for (kind, key) in gone {
            self.snapshot.remove(&kind, key, pages.revision);
        }
        self.snapshot.advance(pages.revision);
        self.publish(old.changes_to(&self.snapshot));
        Ok(())
    }
}

/// A listing at one revision, page by page.
struct Pages {
    request: RangeRequest,
    revision: Revision,
    more: bool,
}

impl Pages {
    fn new(request: RangeRequest) -> Self {
        Self { request: request.limit(PAGE), revision: Revision::NONE, more: true }
    }

    async fn next(&mut self, objects: &Objects) -> Result<Option<Vec<KeyValue>>, Error> {
        if !self.more {
            return Ok(None);
        }
        let response = objects.store().range(self.request.clone()).await?;
        if self.revision == Revision::NONE {
            self.revision = response.revision;
            self.request.revision = response.revision;
        }
        self.more = response.more;
        if let (Some(last), KeyRange::Span(start, _)) =
            (response.kvs.last(), &mut self.request.range)
        {
            // The smallest key after the last one.
            *start = [&last.key[..], &[0]].concat().into();
        }
        Ok(Some(response.kvs))
    }
}
