//! A copy of the state and the frames that carry it.

use super::sums::Sums;
use super::traffic::Traffic;
use crate::scratch::{Scratch, ScratchDir};
use crate::types::Vote;
use crate::wire::{Chunk, File, Frame, Header, LogIdMsg};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use quorate_mvcc::{Applied, Mvcc};
use quorate_seams::spawn_blocking;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const CHUNK_BYTES: u64 = 1024 * 1024;

/// A copy of the state, ready to be sent.
pub(crate) struct Outgoing {
    copy: ScratchDir,
    header: Header,
}

impl Outgoing {
    /// Copies the state (hard links and a flush) and sums its files up; blocks.
    pub(crate) fn copy(
        state: &Mvcc,
        scratch: &Scratch,
        sums: &Sums,
        vote: Vote,
        birth: u64,
    ) -> Result<Self, io::Error> {
        let copy = scratch.dir("send")?;
        let dir = copy.join("state");
        let applied = state.checkpoint(&dir).map_err(io::Error::other)?;
        let header = Header {
            vote,
            last: last_of(&applied)?,
            membership: applied.membership,
            files: files_in(&dir, sums)?,
            birth,
        };
        Ok(Self { copy, header })
    }

    /// What will be sent.
    pub(crate) fn files(&self) -> &[File] {
        &self.header.files
    }

    /// The frame that says so.
    pub(crate) fn header(&self) -> Frame {
        Frame::Header(self.header.clone())
    }

    /// Where the copy has a file.
    pub(crate) fn path(&self, file: &File) -> PathBuf {
        self.copy.join("state").join(&file.name)
    }

    /// Leaves out what the receiver has: so many bytes of each file.
    pub(crate) fn without(mut self, held: &[u64]) -> Self {
        for (file, held) in self.header.files.iter_mut().zip(held) {
            file.from = (*held).min(file.length);
        }
        self
    }

    /// The frames; a file that cannot be read ends them early, which the receiver notices.
    pub(crate) fn frames(self, traffic: &Traffic) -> BoxStream<'static, Bytes> {
        let pieces = pieces(&self.header.files);
        let dir = self.copy.join("state");
        let names: Arc<[File]> = self.header.files.clone().into();
        let header = stream::once(async move { Frame::Header(self.header).encode() });
        let copy = self.copy;
        let traffic = traffic.clone();
        let chunks = stream::iter(pieces)
            .then(move |piece| {
                traffic.sent_bytes(piece.2);
                read_piece(dir.clone(), Arc::clone(&names), piece)
            })
            .chain(stream::once(async { Ok(Frame::End.encode()) }))
            .scan((), move |(), frame| {
                let _keep_until_sent = &copy;
                let frame = frame.inspect_err(|error| {
                    tracing::error!(%error, "the snapshot cannot be read and is not sent");
                });
                std::future::ready(frame.ok())
            });
        header.chain(chunks).boxed()
    }
}

fn last_of(applied: &Applied) -> Result<LogIdMsg, io::Error> {
    let index = applied.index.ok_or_else(|| io::Error::other("the state is empty"))?;
    Ok(LogIdMsg { term: applied.term.0, index: index.0 })
}

/// The files of a directory, by name.
pub(super) fn files_in(dir: &Path, sums: &Sums) -> Result<Vec<File>, io::Error> {
    let mut files = std::fs::read_dir(dir)?
        .map(|entry| {
            let entry = entry?;
            let name = entry.file_name().into_string().map_err(|name| {
                io::Error::other(format!("file name {} is not text", name.display()))
            })?;
            let (length, crc) = (entry.metadata()?.len(), sums.of(&entry.path())?);
            Ok(File { name, length, crc: Some(crc), from: 0 })
        })
        .collect::<Result<Vec<_>, io::Error>>()?;
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// A part of a file: position in the list, offset, length.
type Piece = (u32, u64, u64);

fn pieces(files: &[File]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (number, file) in (0u32..).zip(files) {
        let mut offset = file.from;
        while offset < file.length {
            let length = CHUNK_BYTES.min(file.length - offset);
            pieces.push((number, offset, length));
            offset += length;
        }
    }
    pieces
}

async fn read_piece(dir: PathBuf, files: Arc<[File]>, piece: Piece) -> Result<Bytes, io::Error> {
    let (number, offset, length) = piece;
    let read = spawn_blocking(move || {
        let at = usize::try_from(number).map_err(io::Error::other)?;
        let file = std::fs::File::open(dir.join(&files[at].name))?;
        let mut data = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        file.read_exact_at(&mut data, offset)?;
        let crc = crc32c::crc32c(&data);
        Ok(Frame::Chunk(Chunk { file: number, offset, data: data.into(), crc }).encode())
    });
    read.await.ok_or_else(|| io::Error::other("reading panicked"))?
}
