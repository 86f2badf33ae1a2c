//! Watching keys change.

use crate::{Error, KeyRange, KeyValue};
use futures::stream::BoxStream;
use quorate_types::Revision;
use std::sync::Arc;

/// Whether a key was written or deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// The key before the change; `None` exactly for creations.
    pub prev_kv: Option<KeyValue>,
}

/// All changes of one or more whole revisions, in revision order; a revision is never split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchBatch {
    /// Everything up to and including this revision has been delivered.
    pub revision: Revision,
    /// The changes; empty for a mere progress report. Shared by all watchers of the same range.
    pub events: Arc<[Event]>,
}

/// What to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchRequest {
    /// Which keys.
    pub range: KeyRange,
    /// First revision to deliver; [`Revision::NONE`] for the next one.
    pub from: Revision,
    /// Deliver a batch without events whenever the store has moved on but the range has not changed.
    pub progress: bool,
}

impl WatchRequest {
    /// Watches a range from the next revision on.
    #[must_use]
    pub fn new(range: KeyRange) -> Self {
        Self { range, from: Revision::NONE, progress: false }
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
}

/// Batches in revision order without a gap. After an error the stream ends:
/// [`Error::Compacted`] means that history was lost and the watcher must read anew, every other
/// error that it may resume from the revision after the last batch, on any member.
pub type WatchStream = BoxStream<'static, Result<WatchBatch, Error>>;
