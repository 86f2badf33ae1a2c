//! A file read in large steps, without ever asking for more than it holds.

use crate::error::{Error, Fault};
use quorate_seams::DiskFile;
use std::path::Path;

const STEP: usize = 1 << 20;

/// The part of a file that is in memory.
#[derive(Debug)]
pub(super) struct Window<'a> {
    file: &'a dyn DiskFile,
    pub(super) path: &'a Path,
    pub(super) length: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl<'a> Window<'a> {
    pub(super) fn new(file: &'a dyn DiskFile, path: &'a Path) -> Result<Self, Error> {
        let length = file.len().map_err(Fault::of("measuring", path))?;
        Ok(Self { file, path, length, start: 0, bytes: Vec::new() })
    }

    /// The bytes; `None` when the file ends before them.
    pub(super) fn bytes(&mut self, offset: u64, length: usize) -> Result<Option<&[u8]>, Error> {
        let end = offset.checked_add(length as u64).filter(|end| *end <= self.length);
        let Some(end) = end else { return Ok(None) };
        if offset < self.start || end > self.start + self.bytes.len() as u64 {
            self.load(offset, length)?;
        }
        let Ok(at) = usize::try_from(offset - self.start) else { return Ok(None) };
        Ok(self.bytes.get(at..at + length))
    }

    fn load(&mut self, offset: u64, length: usize) -> Result<(), Error> {
        let left = usize::try_from(self.length - offset).unwrap_or(usize::MAX);
        self.bytes.resize(length.max(STEP).min(left), 0);
        self.start = offset;
        let read = self.file.read_at(offset, &mut self.bytes);
        let read = read.map_err(Fault::of("reading", self.path))?;
        self.bytes.truncate(read);
        Ok(())
    }
}
