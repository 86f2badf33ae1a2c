//! A backup in a directory: the files of the state, and one that says which they are.
//!
//! ```text
//! BACKUP   "quorate backup directory 1\n", then the header frame of a snapshot transfer, which lists
//!          every file with length and CRC-32C, then a u32 (little-endian): CRC-32C of that frame
//! state/   the files
//! ```
//!
//! Files are copied, not linked: a block that rots in the state does not rot in its backup.

use super::{partial, sync_parent};
use crate::snapshot::Outgoing;
use crate::wire::{Chunk, File, Frame, Header};
use bytes::Bytes;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

const MAGIC: &[u8] = b"quorate backup directory 1\n";
const CHUNK_BYTES: usize = 1024 * 1024;

/// Copies and syncs everything, then gives the directory its name.
pub(super) fn write(copied: &Outgoing, path: &Path) -> Result<u64, io::Error> {
    let partial = Partial(partial(path));
    match fs::remove_dir_all(&partial.0) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => fs::create_dir_all(partial.0.join("state"))?,
    }
    let mut bytes = 0;
    for file in copied.files() {
        copy(&copied.path(file), &partial.0.join("state").join(&file.name), file)?;
        bytes += file.length;
    }
    let frame = copied.header().encode();
    let mut list = fs::File::create_new(partial.0.join("BACKUP"))?;
    list.write_all(MAGIC)?;
    list.write_all(&frame)?;
    list.write_all(&crc32c::crc32c(&frame).to_le_bytes())?;
    list.sync_all()?;
    fs::File::open(partial.0.join("state"))?.sync_all()?;
    fs::File::open(&partial.0)?.sync_all()?;
    // Fails if a directory that holds something has appeared there meanwhile.
    fs::rename(&partial.0, path)?;
    sync_parent(path)?;
    Ok(bytes)
}

/// A directory that has no final name yet; removed unless it gets one.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %self.0.display(), %error, "partial backup not removed");
            }
            _ => {}
        }
    }
}

fn copy(from: &Path, to: &Path, file: &File) -> Result<(), io::Error> {
    let (mut from, mut to) = (fs::File::open(from)?, fs::File::create_new(to)?);
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut crc = 0;
    loop {
        let count = from.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        crc = crc32c::crc32c_append(crc, &buffer[..count]);
        to.write_all(&buffer[..count])?;
    }
    if Some(crc) != file.crc {
        return Err(damaged(&file.name));
    }
    to.sync_all()
}

fn damaged(name: &str) -> io::Error {
    let reason = format!("file {name:?} of the backup is not what was backed up");
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// The frames of a transfer of what a backup holds.
pub(super) fn frames(
    path: &Path,
) -> Result<impl Iterator<Item = Result<Bytes, String>> + use<>, io::Error> {
    let header = header(path)?;
    let state = path.join("state");
    let files = header.files.clone();
    let chunks = (0_u32..).zip(files).flat_map(move |(number, file)| {
        let chunks = Chunks::open(number, &state.join(&file.name), file.length);
        chunks
            .unwrap_or_else(|error| Chunks { failed: Some(error.to_string()), ..Chunks::default() })
    });
    let first = std::iter::once(Ok(Frame::Header(header).encode()));
    Ok(first.chain(chunks).chain(std::iter::once(Ok(Frame::End.encode()))))
}

fn header(path: &Path) -> Result<Header, io::Error> {
    let wrong = || {
        let reason = format!("{} is no backup of this format", path.display());
        io::Error::new(io::ErrorKind::InvalidData, reason)
    };
    let list = fs::read(path.join("BACKUP"))?;
    let frame = list.strip_prefix(MAGIC).ok_or_else(wrong)?;
    let (frame, crc) = frame.split_last_chunk::<4>().ok_or_else(wrong)?;
    if crc32c::crc32c(frame) != u32::from_le_bytes(*crc) {
        return Err(damaged("BACKUP"));
    }
    match Frame::decode(Bytes::copy_from_slice(frame))? {
        // Whoever could not sum the files up cannot have written this.
        Frame::Header(header) if header.files.iter().all(|file| file.crc.is_some()) => Ok(header),
        _ => Err(wrong()),
    }
}

/// The chunks of one file; the transfer's receiver holds them against length and checksum.
#[derive(Default)]
struct Chunks {
    number: u32,
    file: Option<fs::File>,
    offset: u64,
    failed: Option<String>,
}

impl Chunks {
    fn open(number: u32, path: &Path, length: u64) -> Result<Self, io::Error> {
        let file = fs::File::open(path)?;
        if file.metadata()?.len() != length {
            return Err(damaged(&path.display().to_string()));
        }
        Ok(Self { number, file: Some(file), offset: 0, failed: None })
    }

    fn read(&mut self) -> Result<Option<Bytes>, io::Error> {
        let Some(file) = &mut self.file else { return Ok(None) };
        let mut data = vec![0; CHUNK_BYTES];
        let mut count = 0;
        while count < data.len() {
            match file.read(&mut data[count..])? {
                0 => break,
                more => count += more,
            }
        }
        data.truncate(count);
        if count == 0 {
            return Ok(None);
        }
        let crc = crc32c::crc32c(&data);
        let chunk = Chunk { file: self.number, offset: self.offset, data: data.into(), crc };
        self.offset += count as u64;
        Ok(Some(Frame::Chunk(chunk).encode()))
    }
}

impl Iterator for Chunks {
    type Item = Result<Bytes, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(reason) = self.failed.take() {
            return Some(Err(reason));
        }
        match self.read() {
            Ok(frame) => frame.map(Ok),
            Err(error) => {
                self.file = None;
                Some(Err(error.to_string()))
            }
        }
    }
}
