//! Files, as the raft log uses them: explicit offsets, explicit syncs, explicit directory syncs.
//!
//! All calls block; callers own a thread for them. [`OsDisk`] is the machine's file system,
//! [`SimDisk`] one in memory that loses and tears unsynced writes, with a seed.

mod os;
mod sim;

pub use os::OsDisk;
pub use sim::{Crash, SimDisk};

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How to open a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Open {
    /// Read an existing file.
    Read,
    /// Read and write an existing file.
    Write,
    /// Create a file that must not exist.
    CreateNew,
}

/// A file system.
///
/// Durability model: bytes written are lost by a crash unless [`DiskFile::sync_data`] succeeded after
/// them; names created, renamed or removed are lost unless [`Disk::sync_dir`] succeeded after them.
pub trait Disk: Send + Sync + fmt::Debug + 'static {
    /// Opens a file.
    ///
    /// # Errors
    /// As the operating system says; `AlreadyExists` or `NotFound` according to the mode.
    fn open(&self, path: &Path, mode: Open) -> io::Result<Box<dyn DiskFile>>;
    /// File names in a directory, sorted.
    ///
    /// # Errors
    /// As the operating system says.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Creates a directory and its parents.
    ///
    /// # Errors
    /// As the operating system says.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// Renames a file, replacing what has the new name.
    ///
    /// # Errors
    /// As the operating system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// As the operating system says.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// As the operating system says.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Whether a file or directory of the name exists.
    fn exists(&self, path: &Path) -> bool;
}

/// An open file.
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// Length in bytes.
    ///
    /// # Errors
    /// As the operating system says.
    fn len(&self) -> io::Result<u64>;
    /// Whether the file has no bytes.
    ///
    /// # Errors
    /// As the operating system says.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Reads at an offset; fewer bytes than asked only at the end of the file.
    ///
    /// # Errors
    /// As the operating system says.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
    /// Writes all slices at an offset, one after the other.
    ///
    /// # Errors
    /// As the operating system says; some bytes may have been written then.
    fn write_at(&self, offset: u64, slices: &[&[u8]]) -> io::Result<()>;
    /// Makes the written bytes and the length durable (`fdatasync`).
    ///
    /// # Errors
    /// As the operating system says. After an error nothing is known about unsynced bytes: never
    /// retry, never acknowledge.
    fn sync_data(&self) -> io::Result<()>;
    /// Reserves disk blocks up to a length and extends the file with zeros.
    ///
    /// # Errors
    /// As the operating system says, `StorageFull` when there is no room.
    fn allocate(&self, length: u64) -> io::Result<()>;
    /// Cuts or extends the file.
    ///
    /// # Errors
    /// As the operating system says.
    fn set_len(&self, length: u64) -> io::Result<()>;
}

/// A file system that components share.
pub type SharedDisk = Arc<dyn Disk>;

/// Reads a whole file.
///
/// # Errors
/// As the operating system says.
pub fn read(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    let file = disk.open(path, Open::Read)?;
    let length = usize::try_from(file.len()?).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    let got = file.read_at(0, &mut bytes)?;
    bytes.truncate(got);
    Ok(bytes)
}

/// Replaces a file so that a crash leaves either the old or the new content: writes a temporary
/// file beside it, syncs it, renames it, syncs the directory.
///
/// # Errors
/// As the operating system says; the old content stands then, or the new one after the rename.
pub fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let parent = path.parent().unwrap_or_else(|| Path::new("."));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let temporary: PathBuf = parent.join(name);
    if disk.exists(&temporary) {
        disk.remove_file(&temporary)?;
    }
    let file = disk.open(&temporary, Open::CreateNew)?;
    file.write_at(0, &[bytes])?;
    file.sync_data()?;
    drop(file);
    disk.rename(&temporary, path)?;
    disk.sync_dir(parent)
}
