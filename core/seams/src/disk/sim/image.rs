//! One simulated file: what a read sees, what survives a power cut, and what lies between.
//!
//! Invariant: `seen` is `durable` with every pending change applied, unless a sync failed; then the
//! bytes it dropped stay visible and are never made durable (as a page cache behaves).

use std::collections::BTreeMap;

/// The unit that a power cut either keeps or loses.
pub(super) const SECTOR: usize = 512;

type Sector = Box<[u8; SECTOR]>;

/// Sparse bytes: sectors that were never written are zeros.
#[derive(Clone, Debug, Default)]
struct Bytes {
    length: u64,
    sectors: BTreeMap<u64, Sector>,
}

#[derive(Clone, Debug)]
enum Change {
    Sector(u64, Sector),
    Length(u64),
}

/// A file without its name.
#[derive(Clone, Debug, Default)]
pub(super) struct Image {
    seen: Bytes,
    durable: Bytes,
    pending: Vec<Change>,
}

impl Bytes {
    fn apply(&mut self, change: Change) {
        match change {
            Change::Sector(at, sector) => {
                self.sectors.insert(at, sector);
            }
            Change::Length(length) => {
                self.length = length;
                self.forget_beyond_the_end();
            }
        }
    }

    fn forget_beyond_the_end(&mut self) {
        let (whole, rest) = split(self.length);
        drop(self.sectors.split_off(&(whole + u64::from(rest > 0))));
        if let Some(last) = self.sectors.get_mut(&whole) {
            last[rest..].fill(0);
        }
    }
}

impl Image {
    pub(super) fn len(&self) -> u64 {
        self.seen.length
    }

    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let room = usize::try_from(self.len().saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = buffer.len().min(room);
        let mut done = 0;
        while done < count {
            let (at, from) = split(offset + done as u64);
            let step = (SECTOR - from).min(count - done);
            let target = &mut buffer[done..done + step];
            match self.seen.sectors.get(&at) {
                Some(sector) => target.copy_from_slice(&sector[from..from + step]),
                None => target.fill(0),
            }
            done += step;
        }
        count
    }

    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) {
        let end = offset + bytes.len() as u64;
        if end > self.len() {
            self.set_len(end);
        }
        let mut done = 0;
        while done < bytes.len() {
            let (at, from) = split(offset + done as u64);
            let step = (SECTOR - from).min(bytes.len() - done);
            let mut sector =
                self.seen.sectors.get(&at).cloned().unwrap_or_else(|| Box::new([0; SECTOR]));
            sector[from..from + step].copy_from_slice(&bytes[done..done + step]);
            self.change(Change::Sector(at, sector));
            done += step;
        }
    }

    pub(super) fn set_len(&mut self, length: u64) {
        self.change(Change::Length(length));
    }

    fn change(&mut self, change: Change) {
        self.seen.apply(change.clone());
        self.pending.push(change);
    }

    pub(super) fn sync(&mut self) {
        for change in self.pending.drain(..) {
            self.durable.apply(change);
        }
    }

    /// A failed sync: the kernel forgets that the pages were dirty, reads still see them.
    pub(super) fn lose_pending(&mut self) {
        self.pending.clear();
    }

    pub(super) fn flip_bit(&mut self, offset: u64, bit: u32) {
        let (at, within) = split(offset);
        for bytes in [&mut self.seen, &mut self.durable] {
            let sector = bytes.sectors.entry(at).or_insert_with(|| Box::new([0; SECTOR]));
            sector[within] ^= 1u8 << (bit % 8);
        }
    }

    /// What a crash leaves: the synced bytes and those pending changes that `keep` lets through.
    pub(super) fn survivor(&self, mut keep: impl FnMut() -> bool) -> Self {
        let mut durable = self.durable.clone();
        for change in &self.pending {
            if keep() {
                durable.apply(change.clone());
            }
        }
        durable.forget_beyond_the_end();
        Self { seen: durable.clone(), durable, pending: Vec::new() }
    }

    /// How many changes wait for a sync.
    pub(super) fn pending_len(&self) -> usize {
        self.pending.len()
    }
}

fn split(offset: u64) -> (u64, usize) {
    let sector = SECTOR as u64;
    (offset / sector, usize::try_from(offset % sector).unwrap_or(0))
}
