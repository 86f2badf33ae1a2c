//! A backup in one file.
//!
//! ```text
//! "quorate backup 1\n"   what it is
//! frame*                 u32 length (little-endian), then a frame of a snapshot transfer: one header,
//!                        chunks with a CRC-32C each, one end
//! ```

use super::{partial, sync_parent};
use crate::wire::Frame;
use bytes::Bytes;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

const MAGIC: &[u8] = b"quorate backup 1\n";
/// No frame is longer: a chunk is 1 MiB, a header lists the state's files.
const FRAME_BYTES: u32 = 64 * 1024 * 1024;

/// A backup on its way to its name.
pub(super) struct NewFile {
    path: PathBuf,
    partial: PathBuf,
    file: File,
    written: u64,
    complete: bool,
}

impl NewFile {
    pub(super) fn create(path: &Path) -> Result<Self, io::Error> {
        let partial = partial(path);
        let mut file = File::create(&partial)?;
        file.write_all(MAGIC)?;
        let written = MAGIC.len() as u64;
        Ok(Self { path: path.to_owned(), partial, file, written, complete: false })
    }

    pub(super) fn write(&mut self, frame: &Bytes) -> Result<(), io::Error> {
        self.complete = matches!(Frame::decode(frame.clone()), Ok(Frame::End));
        let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
        self.file.write_all(&length.to_le_bytes())?;
        self.file.write_all(frame)?;
        self.written += 4 + u64::from(length);
        Ok(())
    }

    pub(super) fn finish(self) -> Result<u64, io::Error> {
        if !self.complete {
            return Err(io::Error::other("the state could not be read to its end; see the log"));
        }
        self.file.sync_all()?;
        // Unlike a rename, a link does not replace what appeared there meanwhile.
        std::fs::hard_link(&self.partial, &self.path)?;
        sync_parent(&self.path)?;
        Ok(self.written)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.partial) {
            tracing::warn!(path = %self.partial.display(), %error, "partial backup not removed");
        }
    }
}

/// The frames of a backup file.
pub(super) struct Frames {
    file: BufReader<File>,
    ended: bool,
}

impl Frames {
    pub(super) fn open(path: &Path) -> Result<Self, io::Error> {
        let mut file = BufReader::new(File::open(path)?);
        let mut magic = [0; MAGIC.len()];
        let read = file.read_exact(&mut magic);
        if read.is_err() || magic != MAGIC {
            let reason = format!("{} is no backup of this format", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        Ok(Self { file, ended: false })
    }

    fn frame(&mut self) -> Result<Bytes, String> {
        let mut length = [0; 4];
        self.file.read_exact(&mut length).map_err(|error| format!("the backup: {error}"))?;
        let length = u32::from_le_bytes(length);
        if length > FRAME_BYTES {
            return Err(format!("the backup is damaged: a frame of {length} bytes"));
        }
        let mut frame = vec![0; length as usize];
        self.file.read_exact(&mut frame).map_err(|error| format!("the backup: {error}"))?;
        Ok(frame.into())
    }
}

impl Iterator for Frames {
    type Item = Result<Bytes, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let frame = self.frame();
        self.ended = frame.is_err();
        Some(frame)
    }
}
