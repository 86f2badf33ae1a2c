//! Segment files: writing groups at the tail, starting the next file, recycling purged ones.
//!
//! Invariants: the tail moves only after a sync; a `.log` name appears only on a file whose header
//! and first group are durable; a file is overwritten only after its `.log` name is durably gone.

use crate::error::Fault;
use crate::format::{
    Carried, Encoded, Frame, GroupHeader, GroupKind, Place, SEGMENT_HEADER, SegmentHeader,
    encode_group,
};
use crate::types::{Identity, Options, Stats};
use quorate_seams::disk::Open;
use quorate_seams::{DiskFile, SharedDisk, bug};
use quorate_types::LogIndex;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Room that every segment keeps for its seal.
const SEAL_ROOM: u64 = 64;
/// Most bytes of queued calls that make one group, unless a single call is larger.
const GROUP_BYTES: u64 = 8 << 20;

/// Bytes of zeros written behind a group that goes where nothing was written before.
///
/// The file system has reserved that room but must note, durably, every part of it that is written for
/// the first time: a sync that overwrites is quicker, and much more evenly so.
const AHEAD: u64 = 256 << 10;
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// Where the next group goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    pub(crate) chain: u32,
    /// Number of the next group.
    pub(crate) number: u64,
    /// The last group known to be durable.
    pub(crate) durable: u64,
}

/// A segment and what keeps it alive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    pub(crate) sequence: u64,
    pub(crate) capacity: u64,
    /// No entry of the segment that is still in the log has a greater index.
    pub(crate) last_live: Option<u64>,
}

/// The directory of one log.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    pub(crate) disk: SharedDisk,
    pub(crate) dir: PathBuf,
    pub(crate) identity: Identity,
    pub(crate) options: Options,
}

#[derive(Debug)]
pub(crate) struct Segments {
    home: Home,
    list: VecDeque<Segment>,
    spares: Vec<PathBuf>,
    active: Arc<dyn DiskFile>,
    tail: Tail,
    /// Up to where something has been written in the active segment.
    written: u64,
    pub(crate) stats: Stats,
}

impl Home {
    pub(crate) fn segment_path(&self, sequence: u64) -> PathBuf {
        self.dir.join(format!("{sequence:020}.log"))
    }

    fn spare_path(&self, sequence: u64) -> PathBuf {
        self.dir.join(format!("{sequence:020}.spare"))
    }

    pub(crate) fn sync_dir(&self) -> Result<(), Fault> {
        if bug("log-skips-directory-sync") {
            return Ok(());
        }
        self.disk.sync_dir(&self.dir).map_err(Fault::of("syncing directory", &self.dir))
    }

    pub(crate) fn open(&self, path: &Path) -> Result<Arc<dyn DiskFile>, Fault> {
        let file = self.disk.open(path, Open::Write);
        Ok(Arc::from(file.map_err(Fault::of("opening", path))?))
    }
}

/// The sequence number in a file name with the suffix.
pub(crate) fn sequence_of(name: &str, suffix: &str) -> Option<u64> {
    let digits = name.strip_suffix(suffix)?;
    let plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

impl Segments {
    /// The segments of an empty directory; the first is durable on return.
    pub(crate) fn create(home: Home, carried: &Carried) -> Result<Self, Fault> {
        let (mut list, mut stats) = (VecDeque::new(), Stats::default());
        let tail = Tail { number: 1, ..Tail::default() };
        let mut spares = Vec::new();
        let started = start(&home, &mut spares, tail, carried, 0, &mut stats)?;
        list.push_back(started.segment);
        let Started { file: active, tail, written, .. } = started;
        Ok(Self { home, list, spares, active, tail, written, stats })
    }

    /// The segments that recovery found, with everything before the tail durable.
    pub(crate) fn resume(
        home: Home,
        list: VecDeque<Segment>,
        active: Arc<dyn DiskFile>,
        tail: Tail,
    ) -> Self {
        let (spares, written) = (Vec::new(), tail.offset);
        Self { home, list, spares, active, tail, written, stats: Stats::default() }
    }

    pub(crate) fn active(&self) -> (u64, &Arc<dyn DiskFile>) {
        (self.tail.segment, &self.active)
    }

    /// The file that is written to.
    pub(crate) fn path(&self) -> PathBuf {
        self.home.segment_path(self.tail.segment)
    }

    /// Most bytes of queued calls that should make one group.
    pub(crate) fn group_bytes(&self) -> usize {
        let bytes = GROUP_BYTES.min(self.home.options.segment_bytes / 4);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// Writes and syncs a group; gives the places of its entries. `carried` is the state before it.
    pub(crate) fn write(
        &mut self,
        frames: &[Frame],
        carried: &Carried,
    ) -> Result<Vec<Place>, Fault> {
        let mut group = self.encode(frames);
        if self.tail.offset + group.length + SEAL_ROOM > self.capacity() {
            self.rotate(carried, group.length)?;
            group = self.encode(frames);
        }
        let path = self.path();
        let end = self.tail.offset + group.length;
        let ahead = self.ahead(end);
        let mut slices = group.slices();
        zeros(ahead).for_each(|zeros| slices.push(zeros));
        self.active.write_at(self.tail.offset, &slices).map_err(Fault::of("writing", &path))?;
        self.written = self.written.max(end + ahead);
        self.sync(&path)?;
        let places = shifted(&group, self.tail.offset);
        self.stats.groups += 1;
        self.stats.bytes += group.length;
        self.stats.entries += places.len() as u64;
        self.tail = after(self.tail, &group);
        self.account(frames);
        Ok(places)
    }

    /// Notes behind the last group that it is durable, without a sync.
    pub(crate) fn mark(&self) -> Result<(), Fault> {
        self.write_header(GroupKind::Mark)
    }

    /// Makes a mark durable: after that, losing any acknowledged byte is noticed.
    pub(crate) fn finish(&mut self) -> Result<(), Fault> {
        self.write_header(GroupKind::Mark)?;
        self.sync(&self.path())
    }

    /// Takes segments without a live entry out of the log; gives their sequence numbers.
    pub(crate) fn retire(&mut self, purged: Option<u64>) -> Result<Vec<u64>, Fault> {
        let mut retired = Vec::new();
        while let Some(front) = self.list.front().copied() {
            let live = front.last_live.is_some_and(|last| purged.is_none_or(|upto| last > upto));
            if live || front.sequence == self.tail.segment {
                break;
            }
            self.retire_one(front)?;
            self.list.pop_front();
            retired.push(front.sequence);
        }
        Ok(retired)
    }

    fn retire_one(&mut self, segment: Segment) -> Result<(), Fault> {
        let from = self.home.segment_path(segment.sequence);
        let recycle = segment.capacity == self.home.options.segment_bytes
            && self.spares.len() < self.home.options.spare_segments;
        if recycle {
            let to = self.home.spare_path(segment.sequence);
            self.home.disk.rename(&from, &to).map_err(Fault::of("renaming", &from))?;
            self.spares.push(to);
        } else {
            self.home.disk.remove_file(&from).map_err(Fault::of("removing", &from))?;
        }
        // One by one: a crash must never take a later name without the earlier ones.
        self.home.sync_dir()
    }

    fn rotate(&mut self, carried: &Carried, room: u64) -> Result<(), Fault> {
        let Self { home, spares, stats, .. } = self;
        let started = start(home, spares, self.tail, carried, room, stats)?;
        self.write_header(GroupKind::Seal)?;
        self.sync(&self.path())?;
        self.list.push_back(started.segment);
        self.active = started.file;
        self.tail = started.tail;
        self.written = started.written;
        Ok(())
    }

    /// Bytes of zeros to write behind a group that ends there.
    fn ahead(&self, end: u64) -> u64 {
        if end <= self.written { 0 } else { AHEAD.min(self.capacity().saturating_sub(end)) }
    }

    fn encode(&self, frames: &[Frame]) -> Encoded {
        encode_group(header(self.tail, GroupKind::Group), frames)
    }

    fn write_header(&self, kind: GroupKind) -> Result<(), Fault> {
        let path = self.path();
        let (bytes, _) = header(self.tail, kind).encode();
        self.active.write_at(self.tail.offset, &[&bytes]).map_err(Fault::of("writing", &path))
    }

    fn sync(&mut self, path: &Path) -> Result<(), Fault> {
        self.stats.syncs += 1;
        if bug("log-skips-sync") {
            return Ok(());
        }
        let synced = self.active.sync_data().map_err(Fault::of("syncing", path));
        if bug("log-ignores-failed-sync") { Ok(()) } else { synced }
    }

    fn capacity(&self) -> u64 {
        self.list.back().map_or(0, |segment| segment.capacity)
    }

    fn account(&mut self, frames: &[Frame]) {
        for frame in frames {
            track(&mut self.list, frame);
        }
    }
}

/// Follows which segment holds the live entries; the last segment is the one that the frame is in.
pub(crate) fn track(list: &mut VecDeque<Segment>, frame: &Frame) {
    match frame {
        Frame::Entry(entry) => {
            if let Some(segment) = list.back_mut() {
                segment.last_live = Some(entry.id.index.0);
            }
        }
        Frame::Truncate(last_kept) => {
            for segment in list {
                segment.last_live = live_after(segment.last_live, *last_kept);
            }
        }
        Frame::State(_) | Frame::Vote(_) | Frame::Committed(_) | Frame::Purge(_) => {}
    }
}

fn live_after(last_live: Option<u64>, last_kept: Option<LogIndex>) -> Option<u64> {
    Some(last_live?.min(last_kept?.0))
}

fn zeros(length: u64) -> impl Iterator<Item = &'static [u8]> {
    let most = ZEROS.len() as u64;
    let starts = (0..length).step_by(ZEROS.len());
    starts.map(move |start| {
        let length = usize::try_from(most.min(length - start)).unwrap_or(0);
        &ZEROS[..length]
    })
}

struct Started {
    segment: Segment,
    file: Arc<dyn DiskFile>,
    tail: Tail,
    written: u64,
}

/// Makes the segment after the tail's, with a state frame in it, durable under its name.
fn start(
    home: &Home,
    spares: &mut Vec<PathBuf>,
    tail: Tail,
    carried: &Carried,
    room: u64,
    stats: &mut Stats,
) -> Result<Started, Fault> {
    let sequence = tail.segment + 1;
    let frames = [Frame::State(carried.clone())];
    let probe = encode_group(header(tail, GroupKind::Group), &frames);
    let needed = SEGMENT_HEADER as u64 + probe.length + room + SEAL_ROOM;
    let capacity = home.options.segment_bytes.max(needed);
    let Blank { path: spare, file, used } = blank(home, spares, sequence, capacity, stats)?;
    let (head, chain) = SegmentHeader {
        identity: home.identity,
        sequence,
        next_index: carried.last.map_or(u64::MAX, |last| last.index.0.saturating_add(1)),
        first_group: tail.number,
        capacity,
        seed: tail.chain,
        birth: home.options.birth,
    }
    .encode();
    let tail = Tail { segment: sequence, offset: SEGMENT_HEADER as u64, chain, ..tail };
    let group = encode_group(header(tail, GroupKind::Group), &frames);
    let mut slices = vec![&head[..]];
    slices.extend(group.slices());
    file.write_at(0, &slices).map_err(Fault::of("writing", &spare))?;
    stats.syncs += 1;
    file.sync_data().map_err(Fault::of("syncing", &spare))?;
    let path = home.segment_path(sequence);
    home.disk.rename(&spare, &path).map_err(Fault::of("renaming", &spare))?;
    home.sync_dir()?;
    let segment = Segment { sequence, capacity, last_live: None };
    let tail = after(tail, &group);
    let written = if used { capacity } else { tail.offset };
    Ok(Started { segment, file, tail, written })
}

struct Blank {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    /// It was a segment before, and full.
    used: bool,
}

/// A file that may be overwritten: a spare of the right size or a new one.
fn blank(
    home: &Home,
    spares: &mut Vec<PathBuf>,
    sequence: u64,
    capacity: u64,
    stats: &mut Stats,
) -> Result<Blank, Fault> {
    if capacity == home.options.segment_bytes
        && let Some(path) = spares.pop()
    {
        let file = home.open(&path)?;
        stats.segments_recycled += 1;
        return Ok(Blank { path, file, used: true });
    }
    let path = home.spare_path(sequence);
    if let Some(unfit) = spares.iter().position(|spare| *spare == path) {
        spares.swap_remove(unfit);
        home.disk.remove_file(&path).map_err(Fault::of("removing", &path))?;
    }
    let file = home.disk.open(&path, Open::CreateNew).map_err(Fault::of("creating", &path))?;
    file.allocate(capacity).map_err(Fault::of("reserving room for", &path))?;
    stats.segments_created += 1;
    Ok(Blank { path, file: Arc::from(file), used: false })
}

fn header(tail: Tail, kind: GroupKind) -> GroupHeader {
    GroupHeader {
        kind,
        segment: tail.segment,
        number: tail.number,
        durable: tail.durable,
        length: 0,
        frames: 0,
        previous: tail.chain,
    }
}

fn after(tail: Tail, group: &Encoded) -> Tail {
    Tail {
        offset: tail.offset + group.length,
        chain: group.chain,
        number: tail.number + 1,
        durable: tail.number,
        ..tail
    }
}

fn shifted(group: &Encoded, base: u64) -> Vec<Place> {
    let base = u32::try_from(base).expect("segments are shorter than 4 GiB");
    let shift = |place: &Place| Place { offset: place.offset + base, ..*place };
    group.entries.iter().map(shift).collect()
}
