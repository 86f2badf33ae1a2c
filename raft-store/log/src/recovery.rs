//! From a directory to a log: prove the chain, cut what a crash tore, refuse what is damaged.
//!
//! What can be told apart, and how, is in [`crate::format`]. Nothing is written before the whole log
//! has been proved; then only behind its end.

mod replay;
mod scan;
mod window;

use crate::error::{Error, Fault};
use crate::format::{Carried, Frame, SEGMENT_HEADER};
use crate::segments::{Home, Segment, Segments, Tail, sequence_of};
use crate::view::View;
use quorate_seams::DiskFile;
use replay::{Replay, Replayed};
use scan::End;
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use window::Window;

/// A log that is proved, durable and open for writing.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) segments: Segments,
    pub(crate) carried: Carried,
    pub(crate) view: View,
    pub(crate) files: BTreeMap<u64, Arc<dyn DiskFile>>,
    pub(crate) birth: u64,
}

/// Opens the log of a directory, or makes an empty one when it has no segments.
pub(crate) fn open(home: Home) -> Result<Recovered, Error> {
    let dir = &home.dir;
    home.disk.create_dir_all(dir).map_err(Fault::of("creating directory", dir))?;
    let names = home.disk.list(dir).map_err(Fault::of("listing", dir))?;
    let sequences: Vec<u64> = names.iter().filter_map(|name| sequence_of(name, ".log")).collect();
    if sequences.is_empty() { create(home, &names) } else { recover(home, &sequences, &names) }
}

fn create(home: Home, names: &[String]) -> Result<Recovered, Error> {
    remove_spares(&home, names)?;
    if let Some(parent) = home.dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        home.disk.sync_dir(parent).map_err(Fault::of("syncing directory", parent))?;
    }
    let carried = Carried { incarnation: 1, ..Carried::default() };
    let view = View::new(None, 0, VecDeque::new(), home.options.cache_bytes);
    let birth = home.options.birth;
    let segments = Segments::create(home, &carried)?;
    let (sequence, file) = segments.active();
    let files = BTreeMap::from([(sequence, Arc::clone(file))]);
    Ok(Recovered { segments, carried, view, files, birth })
}

/// Deletes the spares that another process left: after a failed sync it may have died with files whose
/// length, though it can be seen, is not durable and never will be by syncing them again.
fn remove_spares(home: &Home, names: &[String]) -> Result<(), Error> {
    for name in names.iter().filter(|name| sequence_of(name, ".spare").is_some()) {
        let path = home.dir.join(name);
        home.disk.remove_file(&path).map_err(Fault::of("removing", &path))?;
    }
    Ok(())
}

fn recover(mut home: Home, sequences: &[u64], names: &[String]) -> Result<Recovered, Error> {
    let mut proof = Proof::default();
    for sequence in sequences {
        proof.read_segment(&home, *sequence)?;
    }
    let proven = proof.check_end(&home)?;
    let oldest = sequences.first().map_or_else(PathBuf::new, |first| home.segment_path(*first));
    let replayed = std::mem::take(&mut proof.replay).finish();
    let replayed = replayed.map_err(|reason| Error::Damaged { path: oldest, offset: 0, reason })?;
    remove_spares(&home, names)?;
    proof.settle(&home, proven)?;
    home.options.birth = proof.birth.unwrap_or_default();
    proof.resume(home, replayed)
}

/// What the segments read so far have proved.
#[derive(Debug, Default)]
struct Proof {
    tail: Tail,
    replay: Replay,
    list: VecDeque<Segment>,
    files: BTreeMap<u64, Arc<dyn DiskFile>>,
    end: End,
    birth: Option<u64>,
}

impl Proof {
    fn read_segment(&mut self, home: &Home, sequence: u64) -> Result<(), Error> {
        let path = home.segment_path(sequence);
        let follows = !self.list.is_empty();
        if follows && sequence != self.tail.segment + 1 {
            return Err(self.missing_next(home));
        }
        let file = home.open(&path)?;
        let mut window = Window::new(&*file, &path)?;
        let (header, chain) = scan::read_header(&mut window, sequence, home.identity)?;
        let linked = header.seed == self.tail.chain
            && header.first_group == self.tail.number
            && header.next_index == self.replay.next().unwrap_or(u64::MAX);
        if follows && !linked {
            let path = home.segment_path(self.tail.segment);
            let reason = "the chain breaks before the next segment begins";
            return Err(Error::Damaged { path, offset: self.tail.offset, reason });
        }
        if *self.birth.get_or_insert(header.birth) != header.birth {
            let reason = "the segment belongs to another log of this member";
            return Err(Error::Damaged { path, offset: 0, reason });
        }
        let (offset, number) = (SEGMENT_HEADER as u64, header.first_group);
        self.tail = Tail { segment: sequence, offset, chain, number, durable: 0 };
        let capacity = header.capacity;
        self.list.push_back(Segment { sequence, capacity, last_live: None });
        self.end =
            scan::read_groups(&mut window, &mut self.tail, &mut self.replay, &mut self.list)?;
        if self.tail.number == header.first_group {
            let reason = "the first group of the segment is wrong";
            return Err(Error::Damaged { path, offset, reason });
        }
        self.files.insert(sequence, file);
        Ok(())
    }

    /// Proves that nothing acknowledged lay beyond the end; gives the last group proved durable.
    fn check_end(&self, home: &Home) -> Result<u64, Error> {
        if self.end.sealed {
            return Err(self.missing_next(home));
        }
        let path = home.segment_path(self.tail.segment);
        let mut window = Window::new(&**self.last_file(&path)?, &path)?;
        let proven = scan::proven_durable(&mut window, self.tail.segment, self.end.search_from)?;
        if proven >= self.tail.number {
            let reason = "the chain breaks although a later header proves that the log went on";
            return Err(Error::Damaged { path, offset: self.tail.offset, reason });
        }
        Ok(proven)
    }

    fn missing_next(&self, home: &Home) -> Error {
        let path = home.segment_path(self.tail.segment + 1);
        Error::Damaged { path, offset: 0, reason: "the segment is missing" }
    }

    /// Makes durable what was found, for the start before may have died between write and sync.
    ///
    /// A kernel that failed to sync forgets that pages were not written, so the last group is written
    /// again, byte for byte, unless something proves that it is durable.
    fn settle(&mut self, home: &Home, proven: u64) -> Result<(), Error> {
        let path = home.segment_path(self.tail.segment);
        home.sync_dir()?;
        let file = self.last_file(&path)?;
        if let Some(group) = self.end.last_group.clone().filter(|_| proven + 1 < self.tail.number) {
            let length = usize::try_from(group.end - group.start).unwrap_or(usize::MAX);
            let mut window = Window::new(&**file, &path)?;
            if let Some(bytes) = window.bytes(group.start, length)? {
                file.write_at(group.start, &[bytes]).map_err(Fault::of("writing", &path))?;
            }
        }
        file.sync_data().map_err(Fault::of("syncing", &path))?;
        self.tail.durable = self.tail.number - 1;
        if let Some((frames, bytes)) = self.end.torn {
            tracing::warn!(
                file = %path.display(),
                offset = self.tail.offset,
                group = self.tail.number,
                frames,
                bytes,
                "cut a torn group off the end of the raft log: it was never acknowledged"
            );
        }
        Ok(())
    }

    fn resume(self, home: Home, replayed: Replayed) -> Result<Recovered, Error> {
        let path = home.segment_path(self.tail.segment);
        let (cache_bytes, birth) = (home.options.cache_bytes, home.options.birth);
        let active = Arc::clone(self.last_file(&path)?);
        let Self { tail, list, mut files, .. } = self;
        let Replayed { mut carried, first, slots } = replayed;
        let mut segments = Segments::resume(home, list, active, tail);
        carried.incarnation += 1;
        // Before anything else: from here on, remains of a torn group never fit into the chain.
        segments.write(&[Frame::State(carried.clone())], &carried)?;
        for retired in segments.retire(carried.purged.map(|id| id.index.0))? {
            files.remove(&retired);
        }
        let (sequence, file) = segments.active();
        files.insert(sequence, Arc::clone(file));
        let view = View::new(carried.purged, first, slots, cache_bytes);
        Ok(Recovered { segments, carried, view, files, birth })
    }

    fn last_file(&self, path: &Path) -> Result<&Arc<dyn DiskFile>, Error> {
        self.files.get(&self.tail.segment).ok_or_else(|| Error::Damaged {
            path: path.to_path_buf(),
            offset: 0,
            reason: "the segment is missing",
        })
    }
}
