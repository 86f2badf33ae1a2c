//! Every version of every key since the last compaction, and every event.
//!
//! Invariants: `events` and `keys` tell the same story; a key has at most one version per revision;
//! nothing is recorded at or below the current revision.

use crate::{
    Error, Event, EventKind, KeyRange, KeyValue, RangeRequest, RangeResponse, WatchRequest,
};
use bytes::Bytes;
use quorate_types::{LeaseId, Revision};
use std::collections::BTreeMap;

/// Versions of one key by revision; `None` is a deletion.
type Versions = BTreeMap<Revision, Option<KeyValue>>;

/// The key space over time.
#[derive(Debug)]
pub(super) struct History {
    keys: BTreeMap<Bytes, Versions>,
    events: BTreeMap<Revision, Vec<Event>>,
    current: Revision,
    compacted: Revision,
}

impl History {
    /// An empty key space at revision 1.
    pub(super) fn new() -> Self {
        Self {
            keys: BTreeMap::new(),
            events: BTreeMap::new(),
            current: Revision(1),
            compacted: Revision::NONE,
        }
    }

    pub(super) fn current(&self) -> Revision {
        self.current
    }

    pub(super) fn compacted(&self) -> Revision {
        self.compacted
    }

    /// Refuses revisions that do not exist yet and those that exist no more.
    pub(super) fn check_readable(&self, revision: Revision) -> Result<(), Error> {
        if revision > self.current {
            return Err(Error::FutureRevision { requested: revision, current: self.current });
        }
        if revision > Revision::NONE && revision < self.compacted {
            return Err(self.compacted_error(revision));
        }
        Ok(())
    }

    pub(super) fn compacted_error(&self, requested: Revision) -> Error {
        Error::Compacted { requested, compacted: self.compacted }
    }

    /// The keys of a range as they were at a revision, in byte order.
    pub(super) fn at<'a>(
        &'a self,
        range: &'a KeyRange,
        revision: Revision,
    ) -> impl Iterator<Item = &'a KeyValue> {
        self.keys
            .range(range.start().clone()..)
            .take_while(|(key, _)| range.contains(key))
            .filter_map(move |(_, versions)| version_at(versions, revision))
    }

    /// The keys of a range now, changes that are being recorded included.
    pub(super) fn latest<'a>(&'a self, range: &'a KeyRange) -> impl Iterator<Item = &'a KeyValue> {
        self.at(range, Revision(i64::MAX))
    }

    /// Answers a read whose revision has been checked; `now` is the current revision to report.
    pub(super) fn read(&self, request: &RangeRequest, now: Revision) -> RangeResponse {
        let at = if request.revision > Revision::NONE { request.revision } else { now };
        let mut found: Vec<&KeyValue> = self.at(&request.range, at).collect();
        let count = found.len() as u64;
        if request.count_only {
            return RangeResponse { revision: now, kvs: Vec::new(), count, more: false };
        }
        found.retain(|kv| request.filter.admits(kv));
        if let Some(sort) = request.sort {
            // Stable, so ties stay in byte order.
            found.sort_by(|a, b| sort.relate(a, b));
        }
        let limit = if request.limit == 0 { found.len() } else { request.limit };
        let strip = |kv: &KeyValue| {
            let value = if request.keys_only { Bytes::new() } else { kv.value.clone() };
            KeyValue { value, ..kv.clone() }
        };
        let more = found.len() > limit;
        let kvs = found.into_iter().take(limit).map(strip).collect();
        RangeResponse { revision: now, kvs, count, more }
    }

    /// Records a put at the next revision and gives the key as it was.
    pub(super) fn put(&mut self, key: &Bytes, value: &Bytes, lease: LeaseId) -> Option<KeyValue> {
        let revision = self.current.next();
        let prev = self.latest(&KeyRange::Key(key.clone())).next().cloned();
        let kv = KeyValue {
            key: key.clone(),
            value: value.clone(),
            create_revision: prev.as_ref().map_or(revision, |prev| prev.create_revision),
            mod_revision: revision,
            version: prev.as_ref().map_or(1, |prev| prev.version + 1),
            lease,
        };
        let event = Event { kind: EventKind::Put, kv: kv.clone(), prev_kv: prev.clone() };
        self.record(key, Some(kv), event);
        prev
    }

    /// Records the deletion of a range at the next revision and gives the keys as they were.
    pub(super) fn delete(&mut self, range: &KeyRange) -> Vec<KeyValue> {
        let deleted: Vec<KeyValue> = self.latest(range).cloned().collect();
        for prev in &deleted {
            let kv = KeyValue {
                key: prev.key.clone(),
                mod_revision: self.current.next(),
                ..KeyValue::default()
            };
            let event = Event { kind: EventKind::Delete, kv, prev_kv: Some(prev.clone()) };
            self.record(&prev.key, None, event);
        }
        deleted
    }

    fn record(&mut self, key: &Bytes, version: Option<KeyValue>, event: Event) {
        let revision = self.current.next();
        self.keys.entry(key.clone()).or_default().insert(revision, version);
        self.events.entry(revision).or_default().push(event);
    }

    /// Whether changes have been recorded since the last commit.
    fn has_changes(&self) -> bool {
        self.events.contains_key(&self.current.next())
    }

    /// The current revision, were what is being recorded committed.
    pub(super) fn pending(&self) -> Revision {
        if self.has_changes() { self.current.next() } else { self.current }
    }

    /// Ends a transaction: the revision grows if anything was recorded.
    pub(super) fn commit(&mut self) {
        self.current = self.pending();
    }

    /// Forgets what was overwritten or deleted before or at a revision.
    pub(super) fn compact(&mut self, revision: Revision) -> Result<(), Error> {
        if revision <= self.compacted {
            return Err(self.compacted_error(revision));
        }
        self.check_readable(revision)?;
        self.compacted = revision;
        self.events = self.events.split_off(&revision);
        for versions in self.keys.values_mut() {
            forget_before(versions, revision);
        }
        self.keys.retain(|_, versions| !versions.is_empty());
        Ok(())
    }

    /// The events that a watch asks for from a revision on, whole revisions until there are
    /// `enough`, and the revision up to which they are complete.
    pub(super) fn events_from(
        &self,
        from: Revision,
        request: &WatchRequest,
        enough: usize,
    ) -> (Vec<Event>, Revision) {
        let told = |event: &Event| Event {
            prev_kv: event.prev_kv.clone().filter(|_| request.prev_kv),
            ..event.clone()
        };
        let mut found = Vec::new();
        for (revision, events) in self.events.range(from..) {
            found.extend(events.iter().filter(|event| request.admits(event)).map(told));
            if found.len() >= enough {
                return (found, *revision);
            }
        }
        (found, self.current)
    }
}

fn version_at(versions: &Versions, revision: Revision) -> Option<&KeyValue> {
    versions.range(..=revision).next_back().and_then(|(_, version)| version.as_ref())
}

/// Keeps the version that holds at the revision, unless it is a deletion, and all later ones.
fn forget_before(versions: &mut Versions, revision: Revision) {
    let held = version_at(versions, revision).cloned();
    *versions = versions.split_off(&revision.next());
    if let Some(kv) = held {
        versions.insert(kv.mod_revision, Some(kv));
    }
}
