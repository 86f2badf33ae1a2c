//! A disk in memory for tests and simulation: it forgets, tears and fails as real ones do.
//!
//! Place: behind the [`Disk`] seam, so that production code meets its faults unchanged.
//!
//! Model: a write is a list of 512-byte sector changes that wait for [`DiskFile::sync_data`]; a name
//! waits for [`Disk::sync_dir`]. A crash keeps a choice of what waits and yields a new disk; the
//! crashed one answers every call with an error. Directories themselves are durable at once.
//!
//! Invariant: the same calls and the same seed give the same bytes.

mod faults;
mod image;
mod names;

use super::{Disk, DiskFile, Open, SharedDisk};
use crate::random::{Random, SeededRandom};
use faults::Faults;
use image::Image;
use names::{FileId, Names};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a crash does to changes that no sync has covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Crash {
    /// All are kept: the process died, the machine did not.
    KeepAll,
    /// All are lost.
    LoseAll,
    /// Of each file, and of the names, the changes up to some point are kept.
    Prefix,
    /// Each sector and each name is kept or lost by itself, in any order.
    Tear,
}

/// A file system in memory; clones share it.
#[derive(Clone, Default)]
pub struct SimDisk {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    world: Mutex<World>,
    gate: Condvar,
}

#[derive(Debug, Default)]
struct World {
    names: Names,
    files: BTreeMap<FileId, Image>,
    next_file: FileId,
    faults: Faults,
}

impl SimDisk {
    /// An empty disk without faults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The disk as the seam that components take.
    #[must_use]
    pub fn shared(&self) -> SharedDisk {
        Arc::new(self.clone())
    }

    /// Cuts the power: this disk is dead from now on, the result is what the next start finds.
    #[must_use]
    pub fn crash(&self, crash: Crash, seed: u64) -> Self {
        self.world().faults.kill();
        self.inner.gate.notify_all();
        self.survivor(crash, seed)
    }

    /// What the next start would find if the power went off now; this disk lives on.
    #[must_use]
    pub fn survivor(&self, crash: Crash, seed: u64) -> Self {
        let world = self.world();
        let random = SeededRandom::new(seed);
        let (mut names, mut files) = (world.names.clone(), world.files.clone());
        // A dying process leaves even its unsynced changes to the kernel, unsynced still.
        if crash != Crash::KeepAll {
            names = names.survivor(choice(crash, &random, names.pending_len()));
            for image in files.values_mut() {
                *image = image.survivor(choice(crash, &random, image.pending_len()));
            }
        }
        let world = World { names, files, next_file: world.next_file, faults: Faults::default() };
        Self { inner: Arc::new(Inner { world: Mutex::new(world), gate: Condvar::new() }) }
    }

    /// Lets `count` further changes (writes, syncs, names) succeed. The one after them happens but
    /// answers with an error, and everything later fails: then [`SimDisk::crash`] shows what is left.
    pub fn power_off_after(&self, count: u64) {
        self.world().faults.power_off_after(count);
    }

    /// Lets `count` further syncs (of files or directories) succeed and the one after them fail once.
    /// The bytes it should have saved stay readable, and no later sync saves them.
    pub fn fail_sync_after(&self, count: u64) {
        self.world().faults.fail_sync_after(count);
    }

    /// Bounds the sum of all file lengths in bytes; what grows a file beyond it gets `StorageFull`.
    pub fn set_capacity(&self, bytes: u64) {
        self.world().faults.set_capacity(bytes);
    }

    /// Whether the power is off.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.world().faults.admit_read().is_err()
    }

    /// Turns one bit of a file around, in memory and on disk.
    ///
    /// # Errors
    /// `NotFound` when there is no such file.
    pub fn flip_bit(&self, path: &Path, offset: u64, bit: u32) -> io::Result<()> {
        let mut world = self.world();
        let id = world.names.find(path)?;
        world.image(id)?.flip_bit(offset, bit);
        Ok(())
    }

    /// Makes every later [`DiskFile::sync_data`] wait until [`SimDisk::release_syncs`].
    pub fn hold_syncs(&self) {
        self.world().faults.hold(true);
    }

    /// Lets held syncs go on.
    pub fn release_syncs(&self) {
        self.world().faults.hold(false);
        self.inner.gate.notify_all();
    }

    /// Waits until a sync is held; false when none came within the limit.
    #[must_use]
    pub fn wait_for_held_sync(&self, limit: Duration) -> bool {
        let waiting = self
            .inner
            .gate
            .wait_timeout_while(self.world(), limit, |world| !world.faults.someone_held());
        waiting.map_or_else(|poisoned| !poisoned.into_inner().1.timed_out(), |it| !it.1.timed_out())
    }

    /// Syncs of file bytes so far, the failed ones included.
    #[must_use]
    pub fn data_syncs(&self) -> u64 {
        self.world().faults.data_syncs()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.inner.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, work: impl FnOnce(&mut World) -> io::Result<T>) -> io::Result<T> {
        let mut world = self.world();
        let last = world.faults.admit_change()?;
        let result = work(&mut world)?;
        if last {
            self.inner.gate.notify_all();
            return Err(world.faults.kill());
        }
        Ok(result)
    }

    fn wait_at_gate(&self) {
        let mut world = self.world();
        world.faults.arrive();
        self.inner.gate.notify_all();
        while world.faults.held() {
            world = self.inner.gate.wait(world).unwrap_or_else(PoisonError::into_inner);
        }
        world.faults.leave();
    }
}

/// Decides, change after change, what a crash keeps of a list of the length.
fn choice(crash: Crash, random: &SeededRandom, pending: usize) -> impl FnMut() -> bool + '_ {
    let mut left = random.below(pending as u64 + 1);
    move || match crash {
        Crash::KeepAll => true,
        Crash::LoseAll => false,
        Crash::Prefix => {
            let keep = left > 0;
            left = left.saturating_sub(1);
            keep
        }
        Crash::Tear => random.next_u64() & 1 == 0,
    }
}

impl World {
    fn image(&mut self, id: FileId) -> io::Result<&mut Image> {
        self.files.get_mut(&id).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn grow(&mut self, id: FileId, length: u64) -> io::Result<()> {
        let used =
            self.names.files().filter_map(|file| self.files.get(&file)).map(Image::len).sum();
        let now = self.image(id)?.len();
        self.faults.admit_growth(used, length.saturating_sub(now))
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, mode: Open) -> io::Result<Box<dyn DiskFile>> {
        let id = if mode == Open::CreateNew {
            self.change(|world| {
                let id = world.next_file;
                world.names.create(path, id)?;
                world.next_file += 1;
                world.files.insert(id, Image::default());
                Ok(id)
            })?
        } else {
            let world = self.world();
            world.faults.admit_read()?;
            world.names.find(path)?
        };
        Ok(Box::new(SimFile { disk: self.clone(), id, writable: mode != Open::Read }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let world = self.world();
        world.faults.admit_read()?;
        world.names.list(dir)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.change(|world| {
            world.names.create_dir_all(dir);
            Ok(())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(|world| world.names.rename(from, to))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.change(|world| world.names.remove(path))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.change(|world| {
            world.faults.admit_sync()?;
            world.names.sync_dir(dir)
        })
    }

    fn exists(&self, path: &Path) -> bool {
        self.world().names.exists(path)
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    id: FileId,
    writable: bool,
}

impl SimFile {
    fn change(&self, work: impl FnOnce(&mut World) -> io::Result<()>) -> io::Result<()> {
        if !self.writable {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.disk.change(work)
    }
}

impl DiskFile for SimFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.world().image(self.id)?.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut world = self.disk.world();
        world.faults.admit_read()?;
        Ok(world.image(self.id)?.read(offset, buffer))
    }

    fn write_at(&self, offset: u64, slices: &[&[u8]]) -> io::Result<()> {
        let bytes = slices.concat();
        self.change(|world| {
            world.grow(self.id, offset + bytes.len() as u64)?;
            world.image(self.id)?.write(offset, &bytes);
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.wait_at_gate();
        self.change(|world| {
            world.faults.count_data_sync();
            if let Err(error) = world.faults.admit_sync() {
                world.image(self.id)?.lose_pending();
                return Err(error);
            }
            world.image(self.id)?.sync();
            Ok(())
        })
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        self.change(|world| {
            world.grow(self.id, length)?;
            let image = world.image(self.id)?;
            image.set_len(length.max(image.len()));
            Ok(())
        })
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.change(|world| {
            world.grow(self.id, length)?;
            world.image(self.id)?.set_len(length);
            Ok(())
        })
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimDisk").field("files", &self.world().files.len()).finish()
    }
}

#[cfg(test)]
mod tests;
