//! The values that callers and the log exchange.

use crate::error::Error;
use bytes::Bytes;
use quorate_types::{ClusterId, LogIndex, MemberId, Term};

/// Most bytes one call may bring, once encoded (256 MiB).
pub const MAX_CALL_BYTES: usize = 256 << 20;
/// Most bytes that may wait for the disk (512 MiB); a call beyond it gets [`Error::Full`].
///
/// It is a stop against running out of memory, not a throttle: the callers of the replicated store
/// are bounded by what they have in flight, far below it.
pub const MAX_QUEUED_BYTES: usize = 512 << 20;

/// The term and index of an entry, ordered by term first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId {
    /// The term of the leader that made the entry.
    pub term: Term,
    /// The position in the log.
    pub index: LogIndex,
}

/// One entry; its payload is opaque to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Term and index. Indexes are contiguous; the first of a log is free to choose.
    pub id: LogId,
    /// Any bytes.
    pub payload: Bytes,
}

/// Sizes. The defaults suit production.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Length of a segment file in bytes: 4 KiB to 1 GiB, 64 MiB by default. One call that is larger
    /// gets a segment of its own.
    pub segment_bytes: u64,
    /// Payload bytes of the newest entries kept in memory, 16 MiB by default. Entries that are not yet
    /// on disk are kept in any case.
    pub cache_bytes: usize,
    /// Purged segments kept to be overwritten, 2 by default; more are deleted.
    pub spare_segments: usize,
    /// What a log that is made now is told apart by from every other that its member may have had:
    /// draw it at random. 0, the default, for none. A log that exists keeps its own.
    pub birth: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, cache_bytes: 16 << 20, spare_segments: 2, birth: 0 }
    }
}

/// Whose log it is: written into every segment and checked when the log is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The cluster.
    pub cluster: ClusterId,
    /// The member of it.
    pub member: MemberId,
}

/// The ends of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogState {
    /// The last entry that was purged.
    pub purged: Option<LogId>,
    /// The last entry; the purged one when no entry is left.
    pub last: Option<LogId>,
}

/// Called once from the log's thread when the call is durable, or never will be.
///
/// It must not block: every later acknowledgement waits for it.
pub type Done = Box<dyn FnOnce(Result<(), Error>) + Send>;

/// Counters since the log was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// `fdatasync` calls on segments, those of opening and rotation included.
    pub syncs: u64,
    /// Groups written: each is one write and one sync.
    pub groups: u64,
    /// Bytes written in groups.
    pub bytes: u64,
    /// Entries made durable.
    pub entries: u64,
    /// Segment files created.
    pub segments_created: u64,
    /// Segment files overwritten instead of created.
    pub segments_recycled: u64,
    /// Bytes that wait for the disk right now.
    pub queued_bytes: usize,
}
