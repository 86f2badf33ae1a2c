//! The files of a snapshot as they arrive, in a directory that survives a broken transfer.

use crate::scratch::ScratchDir;
use crate::wire::{Chunk, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A directory that fills.
pub(super) struct Writer {
    dir: PathBuf,
    copy: ScratchDir,
    files: Vec<File>,
    /// What is there of each file.
    held: Vec<Held>,
    /// Position of the file being written.
    at: usize,
    open: Option<std::fs::File>,
}

/// The first bytes of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) bytes: u64,
    /// Their CRC-32C.
    pub(super) crc: u32,
}

impl Writer {
    /// An empty directory for these files.
    pub(super) fn create(copy: ScratchDir, files: &[File]) -> Result<Self, io::Error> {
        let plain = |name: &str| {
            !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0'])
        };
        if let Some(file) = files.iter().find(|file| !plain(&file.name)) {
            return Err(io::Error::other(format!("{:?} is no plain file name", file.name)));
        }
        let dir = copy.join("state");
        std::fs::create_dir(&dir)?;
        let held = vec![Held::default(); files.len()];
        Ok(Self { dir, copy, files: files.to_vec(), held, at: 0, open: None })
    }

    /// How much there is of each file.
    pub(super) fn held(&self) -> Vec<u64> {
        self.held.iter().map(|held| held.bytes).collect()
    }

    /// The position of a file, if it is meant to have these very bytes.
    pub(super) fn find(&self, file: &File) -> Option<(&Path, &str, Held)> {
        let at = self.files.iter().position(|own| own.is(file))?;
        Some((&self.dir, &self.files[at].name, self.held[at]))
    }

    /// Moves what another directory has of a file here.
    pub(super) fn take(&mut self, at: usize, from: &Path, held: Held) -> Result<(), io::Error> {
        std::fs::rename(from, self.path(at))?;
        self.held[at] = held;
        Ok(())
    }

    /// Shares a whole file that has the right length and checksum.
    pub(super) fn share(&mut self, at: usize, whole: &Path) -> Result<(), io::Error> {
        std::fs::hard_link(whole, self.path(at))?;
        let File { length, crc, .. } = self.files[at];
        self.held[at] = Held { bytes: length, crc: crc.unwrap_or_default() };
        Ok(())
    }

    /// Whether a transfer of these files can go on here.
    pub(super) fn continues(&self, files: &[File]) -> bool {
        files.len() == self.files.len()
            && files.iter().zip(&self.files).all(|(sent, own)| sent.is(own))
            && files.iter().zip(&self.held).all(|(sent, held)| sent.from == held.bytes)
    }

    /// Begins with the first file again.
    pub(super) fn rewind(&mut self) {
        (self.at, self.open) = (0, None);
    }

    pub(super) fn write(&mut self, chunk: &Chunk) -> Result<(), io::Error> {
        self.complete_files()?;
        let offset = self.held.get(self.at).map(|held| held.bytes);
        if u64::from(chunk.file) != self.at as u64 || Some(chunk.offset) != offset {
            return Err(io::Error::other("a piece of the snapshot is missing"));
        }
        if crc32c::crc32c(&chunk.data) != chunk.crc {
            return Err(io::Error::other("a piece of the snapshot arrived damaged"));
        }
        let end = chunk.offset.saturating_add(chunk.data.len() as u64);
        if end > self.files[self.at].length {
            return Err(io::Error::other("a file of the snapshot is longer than announced"));
        }
        self.file()?.write_all_at(&chunk.data, chunk.offset)?;
        let held = &mut self.held[self.at];
        *held = Held { bytes: end, crc: crc32c::crc32c_append(held.crc, &chunk.data) };
        Ok(())
    }

    fn path(&self, number: usize) -> PathBuf {
        self.dir.join(&self.files[number].name)
    }

    fn file(&mut self) -> Result<&mut std::fs::File, io::Error> {
        let path = self.path(self.at);
        Ok(match &mut self.open {
            Some(file) => file,
            none if self.held[self.at].bytes == 0 => {
                // Never overwritten in place: it may be shared with the living state.
                match std::fs::remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => none.insert(std::fs::File::create_new(path)?),
                }
            }
            none => none.insert(std::fs::File::options().write(true).open(path)?),
        })
    }

    /// Verifies, syncs and closes every file that has all its bytes; creates the empty ones.
    fn complete_files(&mut self) -> Result<(), io::Error> {
        while let Some(file) = self.files.get(self.at) {
            let held = self.held[self.at];
            if held.bytes < file.length {
                return Ok(());
            }
            if file.crc.is_some_and(|crc| crc != held.crc) {
                let reason = format!("file {:?} of the snapshot is not what was sent", file.name);
                // Nothing of it is worth keeping.
                self.held[self.at] = Held::default();
                self.open = None;
                return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
            }
            self.file()?.sync_all()?;
            self.open = None;
            self.at += 1;
        }
        Ok(())
    }

    pub(super) fn finish(&mut self) -> Result<(), io::Error> {
        self.complete_files()?;
        if self.at < self.files.len() {
            return Err(io::Error::other("the snapshot ended before it was complete"));
        }
        std::fs::File::open(&self.dir)?.sync_all()
    }

    /// The directory, once it is finished.
    pub(super) fn into_copy(self) -> ScratchDir {
        self.copy
    }
}
