//! openraft's log storage over [`RaftLog`].
//!
//! Invariants: `append` returns once the entries can be read and reports durability from the log's
//! writer thread; a vote is durable before `save_vote` returns; nothing is purged that the state
//! has not made durable, because the state has no log of its own.

use crate::state::State;
use crate::types::{Entry, LogId, TypeConfig, Vote, log_id};
use crate::wire::{decode_payload, decode_vote, encode_payload, encode_vote};
use futures::Stream;
use openraft::OptionalSend;
use openraft::entry::RaftEntry;
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use quorate_log::{Done, RaftLog};
use quorate_seams::{bug, spawn_blocking};
use quorate_types::{LogIndex, Term};
use std::fmt::Debug;
use std::io;
use std::ops::{Bound, Range, RangeBounds};
use tokio::sync::oneshot;

/// Most bytes of entries that one read brings into memory.
const READ_BYTES: usize = 4 * 1024 * 1024;

/// The newest entries are in the log's cache, or were written a moment ago: reading them does not
/// wait for the disk. Reads further back leave the async threads.
const TAIL_ENTRIES: u64 = 1024;

/// The log as openraft sees it.
#[derive(Clone, Debug)]
pub(crate) struct LogStore {
    log: RaftLog,
    state: State,
}

impl LogStore {
    pub(crate) fn new(log: RaftLog, state: State) -> Self {
        Self { log, state }
    }

    pub(crate) fn log(&self) -> &RaftLog {
        &self.log
    }
}

/// Reads the log. It has no share in the state: streams to other members hold readers for as long as
/// a slow connection takes to end, and nobody is to wait for that.
#[derive(Clone, Debug)]
pub(crate) struct LogReader {
    log: RaftLog,
}

impl LogReader {
    /// The part of a range that the log holds.
    fn held(&self, range: &impl RangeBounds<u64>) -> Range<u64> {
        let state = self.log.state();
        let first = state.purged.map_or(0, |id| id.index.0 + 1);
        let end = state.last.map_or(0, |id| id.index.0 + 1);
        let start = match range.start_bound() {
            Bound::Included(at) => *at,
            Bound::Excluded(at) => at + 1,
            Bound::Unbounded => 0,
        };
        let stop = match range.end_bound() {
            Bound::Included(at) => at + 1,
            Bound::Excluded(at) => *at,
            Bound::Unbounded => u64::MAX,
        };
        let start = start.max(first);
        start..stop.min(end).max(start)
    }

    /// Whether the log begins after an index although nothing was purged. Ours begin at 0; those of
    /// openraft's suite need not.
    fn begins_after(&self, index: u64) -> bool {
        self.log.state().purged.is_none()
            && matches!(self.log.read(index..index + 1), Err(quorate_log::Error::Missing { .. }))
    }

    fn is_purged(&self, index: u64) -> bool {
        self.log.state().purged.is_some_and(|purged| index <= purged.index.0)
    }

    /// Entries of a range from its start on, at least one unless it is empty, bounded in bytes.
    async fn read(&self, range: Range<u64>, max_bytes: usize) -> Result<Vec<Entry>, io::Error> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let last = self.log.state().last.map_or(0, |id| id.index.0);
        let entries = if range.start + TAIL_ENTRIES > last {
            self.log.read_bounded(range, max_bytes)
        } else {
            let log = self.log.clone();
            let read = spawn_blocking(move || log.read_bounded(range, max_bytes)).await;
            read.ok_or_else(|| io::Error::other("the log reader panicked"))?
        };
        entries.map_err(io::Error::other)?.iter().map(decode_entry).collect()
    }
}

fn decode_entry(entry: &quorate_log::Entry) -> Result<Entry, io::Error> {
    let id = log_id(entry.id.term.0, entry.id.index.0);
    Ok(Entry::new(id, decode_payload(&entry.payload)?))
}

fn encode_entry(entry: &Entry) -> quorate_log::Entry {
    quorate_log::Entry { id: to_log(&entry.log_id), payload: encode_payload(&entry.payload) }
}

fn to_log(id: &LogId) -> quorate_log::LogId {
    quorate_log::LogId { term: Term(id.leader_id.term), index: LogIndex(id.index) }
}

pub(crate) fn from_log(id: quorate_log::LogId) -> LogId {
    log_id(id.term.0, id.index.0)
}

/// A callback for the writer thread and the future that it completes.
fn completion() -> (Done, impl Future<Output = Result<(), io::Error>>) {
    let (done, completed) = oneshot::channel();
    let callback: Done = Box::new(move |result| {
        // Whoever waited may have been cancelled; the write stands all the same.
        let _ = done.send(result);
    });
    let wait = async {
        match completed.await {
            Ok(result) => result.map_err(io::Error::other),
            Err(_) => Err(io::Error::other("the log was closed before the write was durable")),
        }
    };
    (callback, wait)
}

impl RaftLogReader<TypeConfig> for LogReader {
    async fn try_get_log_entries<RB>(&mut self, range: RB) -> Result<Vec<Entry>, io::Error>
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let held = self.held(&range);
        let mut entries = Vec::new();
        let mut at = held.start;
        while at < held.end {
            if entries.is_empty() && self.begins_after(at) {
                at += 1;
                continue;
            }
            let more = self.read(at..held.end, READ_BYTES).await?;
            at = more.last().map_or(held.end, |entry| entry.log_id.index + 1);
            entries.extend(more);
        }
        Ok(entries)
    }

    async fn entries_stream<RB>(
        &mut self,
        range: RB,
    ) -> impl Stream<Item = Result<Entry, io::Error>> + OptionalSend
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        use futures::{StreamExt, TryStreamExt, stream};
        let reader = self.clone();
        let held = self.held(&range);
        let chunks = stream::try_unfold(held.start, move |at| {
            let reader = reader.clone();
            let end = held.end;
            async move {
                if at >= end {
                    return Ok::<_, io::Error>(None);
                }
                let entries = reader.read(at..end, READ_BYTES).await?;
                let next = entries.last().map_or(end, |entry| entry.log_id.index + 1);
                Ok(Some((stream::iter(entries.into_iter().map(Ok)), next)))
            }
        });
        chunks.try_flatten().boxed()
    }

    async fn limited_get_log_entries(
        &mut self,
        start: u64,
        end: u64,
    ) -> Result<Vec<Entry>, io::Error> {
        let held = self.held(&(start..end));
        let found =
            if held.start == start { self.read(held, READ_BYTES).await } else { Ok(Vec::new()) };
        match found {
            // A deposed leader may purge what its replication, on its way out, still wants to read:
            // no reason to end the member. openraft takes an empty answer for "not now".
            Err(_) if self.is_purged(start) => Ok(Vec::new()),
            found => found,
        }
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        self.log.vote().map(decode_vote).transpose().map_err(io::Error::from)
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = LogReader;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, io::Error> {
        let state = self.log.state();
        Ok(LogState {
            last_purged_log_id: state.purged.map(from_log),
            last_log_id: state.last.map(from_log),
        })
    }

    async fn get_log_reader(&mut self) -> LogReader {
        LogReader { log: self.log.clone() }
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        let (done, durable) = completion();
        self.log.save_vote(encode_vote(vote), done).map_err(io::Error::other)?;
        if bug("raft-votes-before-durable") {
            return Ok(());
        }
        durable.await
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), io::Error> {
        self.log.save_committed(committed.as_ref().map(to_log)).map_err(io::Error::other)
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, io::Error> {
        Ok(self.log.committed().map(from_log))
    }

    async fn append<I>(
        &mut self,
        entries: I,
        callback: IOFlushed<TypeConfig>,
    ) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries = entries.into_iter().map(|entry| encode_entry(&entry)).collect();
        if bug("raft-acknowledges-before-durable") {
            callback.io_completed(Ok(()));
            return self.log.append(entries, Box::new(drop)).map_err(io::Error::other);
        }
        let done: Done =
            Box::new(move |result| callback.io_completed(result.map_err(io::Error::other)));
        self.log.append(entries, done).map_err(io::Error::other)
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> Result<(), io::Error> {
        let (done, durable) = completion();
        let last_kept = last.map(|id| LogIndex(id.index));
        self.log.truncate_after(last_kept, done).map_err(io::Error::other)?;
        durable.await
    }

    async fn purge(&mut self, upto: LogId) -> Result<(), io::Error> {
        let undurable = self.state.durable_index() < Some(LogIndex(upto.index));
        if undurable && !bug("raft-purges-what-is-not-durable") {
            let state = self.state.clone();
            let flushed = spawn_blocking(move || state.flush()).await;
            flushed
                .ok_or_else(|| io::Error::other("flushing the state panicked"))?
                .map_err(io::Error::other)?;
        }
        let (done, durable) = completion();
        self.log.purge(to_log(&upto), done).map_err(io::Error::other)?;
        durable.await
    }
}
