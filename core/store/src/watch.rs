//! Watching keys change.

use crate::{Error, KeyRange, KeyValue};
use futures::stream::BoxStream;
use quorate_types::Revision;
use std::sync::Arc;
use tokio::sync::watch;

/// Whether a key was written or deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// Written.
    Put,
    /// Deleted, by a request or by the end of its lease.
    Delete,
}

/// One change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The key after the change; after a deletion only `key` and `mod_revision` are set.
    pub kv: KeyValue,
    /// The key before the change; `None` for creations and for watchers that did not ask for it.
    pub prev_kv: Option<KeyValue>,
}

impl Event {
    /// Bytes of its keys and values.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let of = |kv: &KeyValue| kv.key.len() + kv.value.len();
        of(&self.kv) + self.prev_kv.as_ref().map_or(0, of)
    }
}

/// All changes of one or more whole revisions, in revision order; a revision is never split unless
/// the watcher asked for fragments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchBatch {
    /// Everything up to and including this revision has been delivered, unless `more` is set.
    pub revision: Revision,
    /// The changes; empty for a mere progress report. Shared by all watchers of the same range.
    pub events: Arc<[Event]>,
    /// A fragment: the next batch goes on with the same revision.
    pub more: bool,
}

impl WatchBatch {
    /// A whole batch.
    #[must_use]
    pub fn new(revision: Revision, events: Arc<[Event]>) -> Self {
        Self { revision, events, more: false }
    }

    /// A report that nothing is missing up to a revision.
    #[must_use]
    pub fn progress(revision: Revision) -> Self {
        Self::new(revision, Arc::from([]))
    }

    /// Splits it into fragments of at most so many bytes each, of one event at least; zero does not
    /// split. All but the last say that more follows.
    #[must_use]
    pub fn fragments(self, most_bytes: usize) -> Vec<Self> {
        let total: usize = self.events.iter().map(Event::bytes).sum();
        if most_bytes == 0 || total <= most_bytes {
            return vec![self];
        }
        let mut parts: Vec<Vec<Event>> = Vec::new();
        let mut room = 0;
        for event in self.events.iter() {
            let bytes = event.bytes();
            match parts.last_mut().filter(|_| bytes <= room) {
                Some(part) => {
                    part.push(event.clone());
                    room -= bytes;
                }
                None => {
                    parts.push(vec![event.clone()]);
                    room = most_bytes.saturating_sub(bytes);
                }
            }
        }
        let last = parts.len().saturating_sub(1);
        let fragment = |(at, part): (usize, Vec<Event>)| Self {
            revision: self.revision,
            events: part.into(),
            more: at < last,
        };
        parts.into_iter().enumerate().map(fragment).collect()
    }
}

/// Asks watchers where they stand. Every watcher that was opened with it answers a ring with one
/// batch without events, once it has delivered everything up to the revision in it; rings that come
/// before the answer share it. Clones ring for the same watchers.
#[derive(Clone, Debug)]
pub struct ProgressBell {
    rings: watch::Sender<u64>,
}

impl ProgressBell {
    /// A bell that nobody hears yet.
    #[must_use]
    pub fn new() -> Self {
        Self { rings: watch::Sender::new(0) }
    }

    /// Asks every watcher that was opened with this bell.
    pub fn ring(&self) {
        self.rings.send_modify(|rings| *rings += 1);
    }

    /// For stores: counts the rings from now on.
    #[must_use]
    pub fn listen(&self) -> watch::Receiver<u64> {
        self.rings.subscribe()
    }
}

impl Default for ProgressBell {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for ProgressBell {
    fn eq(&self, other: &Self) -> bool {
        self.rings.same_channel(&other.rings)
    }
}

impl Eq for ProgressBell {}

/// What to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchRequest {
    /// Which keys.
    pub range: KeyRange,
    /// First revision to deliver; [`Revision::NONE`] for the next one.
    pub from: Revision,
    /// Deliver a batch without events whenever the store has moved on but the range has not changed.
    pub progress: bool,
    /// Tell the keys as they were before each change.
    pub prev_kv: bool,
    /// Kinds of events to leave out.
    pub without: Vec<EventKind>,
    /// Split a batch into fragments of at most so many bytes of keys and values; zero for never.
    pub fragment: usize,
    /// Where to hear that somebody asks for a progress report.
    pub bell: Option<ProgressBell>,
}

impl WatchRequest {
    /// Watches a range from the next revision on.
    #[must_use]
    pub fn new(range: KeyRange) -> Self {
        Self {
            range,
            from: Revision::NONE,
            progress: false,
            prev_kv: false,
            without: Vec::new(),
            fragment: 0,
            bell: None,
        }
    }

    /// Watches from a revision on, that one included.
    #[must_use]
    pub fn from(mut self, revision: Revision) -> Self {
        self.from = revision;
        self
    }

    /// Also reports revisions that do not touch the range.
    #[must_use]
    pub fn with_progress(mut self) -> Self {
        self.progress = true;
        self
    }

    /// Also tells the keys as they were before each change.
    #[must_use]
    pub fn with_prev_kv(mut self) -> Self {
        self.prev_kv = true;
        self
    }

    /// Leaves out events of a kind.
    #[must_use]
    pub fn without(mut self, kind: EventKind) -> Self {
        self.without.push(kind);
        self
    }

    /// Splits batches of more than so many bytes.
    #[must_use]
    pub fn fragmented(mut self, most_bytes: usize) -> Self {
        self.fragment = most_bytes;
        self
    }

    /// Also reports progress whenever the bell rings.
    #[must_use]
    pub fn with_bell(mut self, bell: &ProgressBell) -> Self {
        self.bell = Some(bell.clone());
        self
    }

    /// Whether an event is to be delivered.
    #[must_use]
    pub fn admits(&self, event: &Event) -> bool {
        self.range.contains(&event.kv.key) && !self.without.contains(&event.kind)
    }
}

/// Batches in revision order without a gap. After an error the stream ends:
/// [`Error::Compacted`] means that history was lost and the watcher must read anew, every other
/// error that it may resume from the revision after the last whole batch, on any member.
pub type WatchStream = BoxStream<'static, Result<WatchBatch, Error>>;

#[cfg(test)]
mod tests {
    use super::*;

    fn event(bytes: usize) -> Event {
        let kv = KeyValue { value: vec![7; bytes].into(), ..KeyValue::default() };
        Event { kind: EventKind::Put, kv, prev_kv: None }
    }

    fn sizes(bytes: &[usize], most: usize) -> Vec<(Vec<usize>, bool)> {
        let batch = WatchBatch::new(Revision(5), bytes.iter().map(|one| event(*one)).collect());
        let parts = batch.fragments(most).into_iter();
        parts.map(|part| (part.events.iter().map(Event::bytes).collect(), part.more)).collect()
    }

    #[test]
    fn fragments_are_as_large_as_allowed_and_only_the_last_is_the_end() {
        assert_eq!(sizes(&[4, 3, 3], 0), [(vec![4, 3, 3], false)]);
        assert_eq!(sizes(&[4, 3, 3], 10), [(vec![4, 3, 3], false)]);
        assert_eq!(sizes(&[4, 3, 3], 9), [(vec![4, 3], true), (vec![3], false)]);
        let alone = [(vec![4], true), (vec![30], true), (vec![3], false)];
        assert_eq!(sizes(&[4, 30, 3], 5), alone);
        assert_eq!(sizes(&[], 5), [(vec![], false)]);
    }
}
