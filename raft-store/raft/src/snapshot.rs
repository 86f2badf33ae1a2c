//! Sending the state to another member and receiving it.
//!
//! Invariants: every chunk carries a CRC-32C; a received directory is complete, verified and synced
//! before it is installed; names from the network never leave the directory.

use crate::births::Birth;
use crate::machine::snapshot_meta;
use crate::scratch::{Scratch, ScratchDir};
use crate::types::{SnapshotMeta, Vote};
use crate::wire::{Chunk, File, Frame, Header, LogIdMsg};
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
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
    /// Copies the state (hard links and a flush; blocks).
    pub(crate) fn copy(
        state: &Mvcc,
        scratch: &Scratch,
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
            files: files_in(&dir)?,
            birth,
        };
        Ok(Self { copy, header })
    }

    /// The frames; a file that cannot be read ends them early, which the receiver notices.
    pub(crate) fn frames(self) -> BoxStream<'static, Bytes> {
        let pieces = pieces(&self.header.files);
        let dir = self.copy.join("state");
        let names: Arc<[File]> = self.header.files.clone().into();
        let header = stream::once(async move { Frame::Header(self.header).encode() });
        let copy = self.copy;
        let chunks = stream::iter(pieces)
            .then(move |piece| read_piece(dir.clone(), Arc::clone(&names), piece))
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

fn files_in(dir: &Path) -> Result<Vec<File>, io::Error> {
    let mut files = std::fs::read_dir(dir)?
        .map(|entry| {
            let entry = entry?;
            let name = entry.file_name().into_string().map_err(|name| {
                io::Error::other(format!("file name {} is not text", name.display()))
            })?;
            Ok(File { name, length: entry.metadata()?.len() })
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
        let mut offset = 0;
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

/// A snapshot that has arrived whole.
pub(crate) struct Incoming {
    pub(crate) vote: Vote,
    pub(crate) meta: SnapshotMeta,
    pub(crate) copy: ScratchDir,
}

/// Receives the files of a snapshot into a new directory, on this thread.
pub(crate) fn receive_in_place(
    frames: impl Iterator<Item = Result<Bytes, String>>,
    scratch: &Scratch,
) -> Result<ScratchDir, io::Error> {
    let mut frames = frames.map(|frame| Ok(Frame::decode(frame.map_err(io::Error::other)?)?));
    let mut next = || frames.next().unwrap_or_else(|| Err(incomplete()));
    let Frame::Header(header) = next()? else { return Err(headless()) };
    let mut writer = Writer::create(scratch.dir("receive")?, &header)?;
    loop {
        match next()? {
            Frame::Chunk(chunk) => writer.write(&chunk)?,
            Frame::End => return writer.finish(),
            Frame::Header(_) => return Err(two_headers()),
        }
    }
}

fn headless() -> io::Error {
    io::Error::other("a snapshot must begin with its header")
}

fn two_headers() -> io::Error {
    io::Error::other("a snapshot has a second header")
}

fn incomplete() -> io::Error {
    io::Error::other("the snapshot ended before it was complete")
}

/// Receives a snapshot into a new directory.
pub(crate) async fn receive(
    mut frames: impl Stream<Item = Result<Bytes, String>> + Unpin,
    scratch: &Scratch,
    birth: &Birth,
) -> Result<Incoming, io::Error> {
    let first = next(&mut frames).await?;
    let Frame::Header(header) = first else { return Err(headless()) };
    birth.admit(header.birth).map_err(io::Error::other)?;
    let mut writer = Some(Writer::create(scratch.dir("receive")?, &header)?);
    loop {
        let Some(mut open) = writer.take() else {
            return Err(io::Error::other("writing the snapshot panicked"));
        };
        match next(&mut frames).await? {
            Frame::Chunk(chunk) => {
                let wrote = spawn_blocking(move || open.write(&chunk).map(|()| open)).await;
                writer = wrote.transpose()?;
            }
            Frame::End => {
                let copy = spawn_blocking(move || open.finish()).await;
                let copy = copy.ok_or_else(|| io::Error::other("writing panicked"))??;
                return incoming(header, copy);
            }
            Frame::Header(_) => return Err(two_headers()),
        }
    }
}

fn incoming(header: Header, copy: ScratchDir) -> Result<Incoming, io::Error> {
    if header.last.term > header.vote.leader_id.term {
        return Err(io::Error::other("the snapshot is newer than the leader that sends it"));
    }
    let applied = Applied {
        index: Some(quorate_types::LogIndex(header.last.index)),
        term: quorate_types::Term(header.last.term),
        membership: header.membership,
    };
    Ok(Incoming { vote: header.vote, meta: snapshot_meta(&applied)?, copy })
}

async fn next(
    frames: &mut (impl Stream<Item = Result<Bytes, String>> + Unpin),
) -> Result<Frame, io::Error> {
    match frames.next().await {
        Some(Ok(bytes)) => Ok(Frame::decode(bytes)?),
        Some(Err(reason)) => Err(io::Error::other(reason)),
        None => Err(incomplete()),
    }
}

/// Writes the files of a snapshot, one after the other.
struct Writer {
    dir: PathBuf,
    copy: ScratchDir,
    files: Vec<File>,
    /// Position of the file being written and the bytes it has.
    at: (usize, u64),
    open: Option<std::fs::File>,
}

impl Writer {
    fn create(copy: ScratchDir, header: &Header) -> Result<Self, io::Error> {
        let plain = |name: &str| {
            !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0'])
        };
        if let Some(file) = header.files.iter().find(|file| !plain(&file.name)) {
            return Err(io::Error::other(format!("{:?} is no plain file name", file.name)));
        }
        let dir = copy.join("state");
        std::fs::create_dir(&dir)?;
        Ok(Self { dir, copy, files: header.files.clone(), at: (0, 0), open: None })
    }

    fn write(&mut self, chunk: &Chunk) -> Result<(), io::Error> {
        self.complete_files()?;
        let (number, offset) = self.at;
        if u64::from(chunk.file) != number as u64 || chunk.offset != offset {
            return Err(io::Error::other("a piece of the snapshot is missing"));
        }
        if crc32c::crc32c(&chunk.data) != chunk.crc {
            return Err(io::Error::other("a piece of the snapshot arrived damaged"));
        }
        let end = offset.saturating_add(chunk.data.len() as u64);
        let announced = self.files.get(number).map(|file| file.length);
        if announced.is_none_or(|length| end > length) {
            return Err(io::Error::other("a file of the snapshot is longer than announced"));
        }
        let path = self.path(number);
        let file = match &mut self.open {
            Some(file) => file,
            none => none.insert(std::fs::File::create_new(path)?),
        };
        file.write_all_at(&chunk.data, offset)?;
        self.at.1 = end;
        Ok(())
    }

    fn path(&self, number: usize) -> PathBuf {
        self.dir.join(&self.files[number].name)
    }

    /// Syncs and closes every file that has all its bytes; creates the empty ones.
    fn complete_files(&mut self) -> Result<(), io::Error> {
        while let Some(file) = self.files.get(self.at.0) {
            if self.at.1 < file.length {
                return Ok(());
            }
            let open = match self.open.take() {
                Some(open) => open,
                None => std::fs::File::create_new(self.path(self.at.0))?,
            };
            open.sync_all()?;
            self.at = (self.at.0 + 1, 0);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<ScratchDir, io::Error> {
        self.complete_files()?;
        if self.at.0 < self.files.len() {
            return Err(incomplete());
        }
        std::fs::File::open(&self.dir)?.sync_all()?;
        Ok(self.copy)
    }
}
