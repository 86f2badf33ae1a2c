//! The handle that callers hold.

use crate::error::{Error, Fault};
use crate::format::{ENTRY_HEAD, FRAME_HEADER, Frame, Place, verify_entry};
use crate::recovery::{self, Recovered};
use crate::segments::Home;
use crate::shared::{Inner, Shared};
use crate::types::{Done, Entry, Identity, LogId, LogState, Options, Stats};
use crate::view::Planned;
use crate::writer::Writer;
use bytes::Bytes;
use quorate_seams::{DiskFile, SharedDisk, Thread, bug};
use quorate_types::LogIndex;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// A raft log on disk: a cheap handle, cloned freely.
///
/// Calls return at once; `append`, `save_vote`, `truncate_after` and `purge` take a callback that
/// runs when they are durable. Every call that returns `Ok` runs its callback exactly once, in the
/// order of the calls, on the log's thread; a call that returns an error never runs it. State and
/// reads reflect a call as soon as it returns.
///
/// After the first failed write or sync every callback gets [`Error::Poisoned`], and those calls no
/// longer change what state and reads show. One process at a time may open a directory; the owner of
/// the data directory sees to that.
#[derive(Clone, Debug)]
pub struct RaftLog {
    handle: Arc<Handle>,
}

#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    home: Home,
    birth: u64,
    thread: Thread,
}

impl RaftLog {
    /// Opens the log in a directory, or creates it there. Blocks while it reads all segments.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Foreign`] and [`Error::Version`] leave every file as it was;
    /// [`Error::Options`] for sizes out of bounds; [`Error::Io`] for what the disk refuses.
    pub fn open(
        disk: SharedDisk,
        dir: &Path,
        identity: Identity,
        options: Options,
    ) -> Result<Self, Error> {
        let segment_bytes = options.segment_bytes;
        if !(4096..=1 << 30).contains(&segment_bytes) {
            return Err(Error::Options { segment_bytes });
        }
        let home = Home { disk, dir: dir.to_path_buf(), identity, options };
        let Recovered { segments, carried, view, files, birth } = recovery::open(home.clone())?;
        let (vote, committed) = (carried.vote.clone(), carried.committed);
        let inner = Inner::new(view, vote, committed, files, segments.stats);
        let shared = Arc::new(Shared::new(inner));
        let writer = Writer::new(Arc::clone(&shared), segments, carried);
        let thread = Thread::start("raft-log", writer.run())
            .map_err(Fault::of("starting the thread for", dir))?;
        Ok(Self { handle: Arc::new(Handle { shared, home, birth, thread }) })
    }

    /// What tells this log from every other that its member may have had: the [`Options::birth`] with
    /// which it was made; 0 when nobody said.
    #[must_use]
    pub fn birth(&self) -> u64 {
        self.handle.birth
    }

    /// Both ends of the log, queued calls included.
    #[must_use]
    pub fn state(&self) -> LogState {
        self.handle.shared.lock().view.state()
    }

    /// The last entry as far as the log is durable.
    #[must_use]
    pub fn durable(&self) -> Option<LogId> {
        self.handle.shared.lock().durable
    }

    /// The last vote saved, queued calls included.
    #[must_use]
    pub fn vote(&self) -> Option<Bytes> {
        self.handle.shared.lock().vote.clone()
    }

    /// The last committed position saved. After a crash it may be an older one: it has no sync of its
    /// own.
    #[must_use]
    pub fn committed(&self) -> Option<LogId> {
        self.handle.shared.lock().committed
    }

    /// Appends entries; they must continue the log.
    ///
    /// # Errors
    /// [`Error::Gap`], [`Error::TooLarge`], [`Error::Full`] and [`Error::Closed`] change nothing.
    pub fn append(&self, entries: Vec<Entry>, done: Done) -> Result<(), Error> {
        let frames = entries.into_iter().map(Frame::Entry).collect();
        self.handle.shared.submit(frames, done, |inner, frames| {
            inner.view.append(frames.iter().filter_map(Frame::entry))
        })
    }

    /// The entries with indexes `[start, end)`, all of them.
    ///
    /// # Errors
    /// [`Error::Missing`] when one is not in the log; [`Error::Damaged`] or [`Error::Io`] when the disk
    /// does not give back what was written.
    pub fn read(&self, range: Range<u64>) -> Result<Vec<Entry>, Error> {
        self.read_bounded(range, usize::MAX)
    }

    /// The first entries of `[start, end)` whose payloads fit `max_bytes`; always at least one, unless
    /// the range is empty.
    ///
    /// # Errors
    /// As [`RaftLog::read`], for the entries that would be returned.
    pub fn read_bounded(&self, range: Range<u64>, max_bytes: usize) -> Result<Vec<Entry>, Error> {
        let plan = self.handle.shared.lock().view.plan(range, max_bytes)?;
        let load = |step| match step {
            Planned::Cached(entry) => Ok(entry),
            Planned::Stored(id, place) => self.handle.load(id, place),
        };
        plan.into_iter().map(load).collect()
    }

    /// The last entry with at least so many bytes of entries behind it.
    #[must_use]
    pub fn beyond(&self, bytes: u64) -> Option<LogIndex> {
        self.handle.shared.lock().view.beyond(bytes)
    }

    /// Saves the vote; opaque bytes, at most [`crate::MAX_CALL_BYTES`].
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Full`] and [`Error::Closed`] change nothing.
    pub fn save_vote(&self, vote: Bytes, done: Done) -> Result<(), Error> {
        let mut frames = vec![Frame::Vote(vote.clone())];
        if bug("log-forgets-vote") {
            frames.clear();
        }
        self.handle.shared.submit(frames, done, |inner, _| {
            inner.vote = Some(vote);
            Ok(0)
        })
    }

    /// Notes how far the log is committed. It causes no sync: it rides with the next group.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Closed`] and [`Error::Poisoned`] change nothing.
    pub fn save_committed(&self, committed: Option<LogId>) -> Result<(), Error> {
        self.handle.shared.submit_committed(committed)
    }

    /// Removes every entry with a greater index; with `None` every entry that is not purged.
    ///
    /// # Errors
    /// [`Error::Full`] and [`Error::Closed`] change nothing.
    pub fn truncate_after(&self, last_kept: Option<LogIndex>, done: Done) -> Result<(), Error> {
        let mut frames = vec![Frame::Truncate(last_kept)];
        if bug("log-forgets-truncation") {
            frames.clear();
        }
        self.handle.shared.submit(frames, done, |inner, _| {
            inner.view.truncate_after(last_kept);
            Ok(0)
        })
    }

    /// Forgets the entries up to an id, which may lie beyond the last one: then the log restarts
    /// behind it. An id below an earlier purge changes nothing.
    ///
    /// # Errors
    /// [`Error::Full`] and [`Error::Closed`] change nothing.
    pub fn purge(&self, upto: LogId, done: Done) -> Result<(), Error> {
        self.handle.shared.submit(vec![Frame::Purge(upto)], done, |inner, _| {
            inner.view.purge(upto);
            Ok(0)
        })
    }

    /// Counters since the log was opened.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.handle.shared.lock().stats()
    }

    /// Finishes every queued call, then stops the thread. Later calls get [`Error::Closed`]; reads go
    /// on. Dropping the last handle closes the log too. From within a callback neither waits: then
    /// the directory must not be opened again by this process.
    pub fn close(&self) {
        self.handle.close();
    }
}

impl Handle {
    fn load(&self, id: LogId, place: Place) -> Result<Entry, Error> {
        let path = self.home.segment_path(place.segment);
        let file = self.shared.lock().files.get(&place.segment).cloned();
        let entry = file.map(|file| read_frame(&*file, &path, id, place));
        match entry {
            Some(Ok(Some(entry))) => Ok(entry),
            // Purged or truncated since the read was planned: its segment may hold something else.
            _ if !self.shared.lock().view.is_at(id.index, place) => {
                Err(Error::Missing { index: id.index })
            }
            Some(Err(fault)) => Err(fault.into()),
            Some(Ok(None)) | None => Err(Error::Damaged {
                path,
                offset: u64::from(place.offset),
                reason: "an entry does not read back as it was written",
            }),
        }
    }

    fn close(&self) {
        self.shared.close();
        self.thread.join();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.close();
    }
}

fn read_frame(
    file: &dyn DiskFile,
    path: &Path,
    id: LogId,
    place: Place,
) -> Result<Option<Entry>, Fault> {
    let payload = usize::try_from(place.length).unwrap_or(usize::MAX);
    let mut bytes = vec![0; FRAME_HEADER + ENTRY_HEAD + payload];
    let read = file.read_at(u64::from(place.offset), &mut bytes);
    let read = read.map_err(Fault::of("reading", path))?;
    Ok(verify_entry(&bytes[..read], place, id))
}
