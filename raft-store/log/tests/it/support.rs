//! A simulated directory, callbacks to wait for, and a model of what the log must hold.

use bytes::Bytes;
use quorate_log::{Done, Entry, Error, Identity, LogId, Options, RaftLog};
use quorate_seams::SimDisk;
use quorate_types::{ClusterId, LogIndex, MemberId, Term};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

pub(crate) const DIR: &str = "/data/log";
/// Nothing waits this long unless it hangs.
pub(crate) const HANG: Duration = Duration::from_secs(60);

pub(crate) fn identity() -> Identity {
    Identity { cluster: ClusterId(0xc1), member: MemberId(3) }
}

/// Segments and caches so small that rotation and disk reads happen all the time.
pub(crate) fn small() -> Options {
    Options { segment_bytes: 4096, cache_bytes: 1000, spare_segments: 2, birth: 0 }
}

pub(crate) fn open(disk: &SimDisk) -> Result<RaftLog, Error> {
    RaftLog::open(disk.shared(), Path::new(DIR), identity(), small())
}

pub(crate) fn id(term: u64, index: u64) -> LogId {
    LogId { term: Term(term), index: LogIndex(index) }
}

/// Entries whose bytes repeat from index to index, so that stale ones would look right.
pub(crate) fn entries(term: u64, start: u64, count: u64, size: usize) -> Vec<Entry> {
    let payload = Bytes::from(vec![0x51; size]);
    let entry = |index| Entry { id: id(term, index), payload: payload.clone() };
    (start..start + count).map(entry).collect()
}

/// A callback and the place where its result arrives.
pub(crate) fn callback() -> (Done, Receiver<Result<(), Error>>) {
    let (sender, receiver) = channel();
    (Box::new(move |result| drop(sender.send(result))), receiver)
}

/// Runs one call and waits for its callback.
pub(crate) fn wait(call: impl FnOnce(Done) -> Result<(), Error>) -> Result<(), Error> {
    let (done, result) = callback();
    call(done)?;
    result.recv_timeout(HANG).expect("the callback came")
}

pub(crate) fn append(log: &RaftLog, entries: Vec<Entry>) -> Result<(), Error> {
    wait(|done| log.append(entries, done))
}

pub(crate) fn segment(sequence: u64) -> PathBuf {
    Path::new(DIR).join(format!("{sequence:020}.log"))
}

/// What a log holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) purged: Option<LogId>,
    pub(crate) entries: VecDeque<Entry>,
    pub(crate) vote: Option<Bytes>,
    pub(crate) committed: Option<LogId>,
}

impl Model {
    pub(crate) fn last(&self) -> Option<LogId> {
        self.entries.back().map(|entry| entry.id).or(self.purged)
    }

    pub(crate) fn next(&self) -> u64 {
        self.last().map_or(1, |last| last.index.0 + 1)
    }

    pub(crate) fn truncate_after(&mut self, kept: Option<u64>) {
        self.entries.retain(|entry| kept.is_some_and(|kept| entry.id.index.0 <= kept));
    }

    pub(crate) fn purge(&mut self, upto: LogId) {
        if self.purged.is_none_or(|purged| purged.index < upto.index) {
            self.purged = Some(upto);
            self.entries.retain(|entry| entry.id.index > upto.index);
        }
    }

    /// Everything that the log answers.
    pub(crate) fn of(log: &RaftLog) -> Self {
        let state = log.state();
        let first = state.purged.map_or(1, |purged| purged.index.0 + 1);
        let end = state.last.map_or(1, |last| last.index.0 + 1);
        let entries = VecDeque::from(log.read(first..end).unwrap());
        let found =
            Self { purged: state.purged, entries, vote: log.vote(), committed: log.committed() };
        assert_eq!(found.last(), state.last);
        found
    }
}
