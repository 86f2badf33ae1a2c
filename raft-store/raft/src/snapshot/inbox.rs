//! Where snapshots arrive, and what is kept of one that broke off.
//!
//! Invariants: at most one unfinished snapshot is kept; while a transfer writes, it has what is kept
//! to itself, so that another one begins anew.

use super::outgoing::files_in;
use super::sums::Sums;
use super::traffic::Traffic;
use super::writer::Writer;
use crate::machine::snapshot_meta;
use crate::scratch::{Scratch, ScratchDir};
use crate::state::WeakState;
use crate::types::{SnapshotMeta, Vote};
use crate::wire::{File, Frame, Header};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use quorate_mvcc::Applied;
use quorate_seams::spawn_blocking;
use quorate_types::{LogIndex, Term};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// The receiving end of one member. Clones share it.
#[derive(Clone)]
pub(crate) struct Inbox {
    scratch: Scratch,
    /// The state, whose files need not travel.
    own: Option<WeakState>,
    sums: Sums,
    traffic: Traffic,
    unfinished: Arc<Mutex<Option<Writer>>>,
}

/// A snapshot that has arrived whole.
pub(crate) struct Incoming {
    pub(crate) vote: Vote,
    pub(crate) meta: SnapshotMeta,
    pub(crate) copy: ScratchDir,
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox").field("traffic", &self.traffic).finish_non_exhaustive()
    }
}

impl Inbox {
    pub(crate) fn new(
        scratch: Scratch,
        own: Option<WeakState>,
        sums: Sums,
        traffic: Traffic,
    ) -> Self {
        Self { scratch, own, sums, traffic, unfinished: Arc::default() }
    }

    /// Prepares for these files; says how many bytes of each are there. Blocks.
    pub(crate) fn offer(&self, files: &[File]) -> Result<Vec<u64>, io::Error> {
        let before = self.keep(None);
        let mut writer = Writer::create(self.scratch.dir("receive")?, files)?;
        let mut missing = Vec::new();
        for (at, file) in files.iter().enumerate() {
            match before.as_ref().and_then(|before| before.find(file)) {
                Some((dir, name, held)) if held.bytes > 0 => {
                    writer.take(at, &dir.join(name), held)?;
                }
                _ => missing.push(at),
            }
        }
        self.share_own(&mut writer, files, &missing)?;
        let held = writer.held();
        self.keep(Some(writer));
        Ok(held)
    }

    /// Takes whole files from this member's own state.
    fn share_own(
        &self,
        writer: &mut Writer,
        files: &[File],
        missing: &[usize],
    ) -> Result<(), io::Error> {
        let Some(state) = self.own.as_ref().and_then(WeakState::upgrade) else { return Ok(()) };
        if state.applied().index.is_none() || missing.is_empty() {
            return Ok(());
        }
        let copy = self.scratch.dir("own")?;
        let dir = copy.join("state");
        state.checkpoint(&dir).map_err(io::Error::other)?;
        drop(state);
        let own = files_in(&dir, &self.sums)?;
        for at in missing {
            let wanted = &files[*at];
            let same = |own: &&File| (own.length, own.crc) == (wanted.length, wanted.crc);
            if wanted.length > 0
                && let Some(found) = own.iter().find(same)
            {
                writer.share(*at, &dir.join(&found.name))?;
            }
        }
        Ok(())
    }

    /// Keeps an unfinished snapshot in place of another, which is given back.
    fn keep(&self, writer: Option<Writer>) -> Option<Writer> {
        let mut unfinished = self.unfinished.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *unfinished, writer)
    }

    /// Receives a snapshot; what has arrived of one that breaks off is kept.
    pub(crate) async fn receive(
        &self,
        mut frames: impl Stream<Item = Result<Bytes, String>> + Unpin,
    ) -> Result<Incoming, io::Error> {
        let Frame::Header(header) = next(&mut frames).await? else { return Err(headless()) };
        let mut open = Open { inbox: self.clone(), writer: Some(self.begin(&header)?) };
        loop {
            match next(&mut frames).await? {
                Frame::Chunk(chunk) => {
                    let bytes = chunk.data.len() as u64;
                    open.step(move |writer| writer.write(&chunk)).await?;
                    self.traffic.received_bytes(bytes);
                }
                Frame::End => {
                    open.step(Writer::finish).await?;
                    let writer = open.writer.take().ok_or_else(panicked)?;
                    self.traffic.received();
                    return incoming(header, writer.into_copy());
                }
                Frame::Header(_) => return Err(two_headers()),
            }
        }
    }

    /// Goes on with what was offered, or begins anew.
    fn begin(&self, header: &Header) -> Result<Writer, io::Error> {
        let reused: u64 = header.files.iter().map(|file| file.from).sum();
        if let Some(mut writer) = self.keep(None).filter(|it| it.continues(&header.files)) {
            self.traffic.reused_bytes(reused);
            writer.rewind();
            return Ok(writer);
        }
        if reused > 0 {
            return Err(io::Error::other("what was held of this snapshot is gone: offer it again"));
        }
        Writer::create(self.scratch.dir("receive")?, &header.files)
    }
}

/// A transfer under way: when it ends before the snapshot is whole, what has arrived is kept.
struct Open {
    inbox: Inbox,
    writer: Option<Writer>,
}

impl Open {
    /// Does something to the directory apart from the async threads.
    async fn step(
        &mut self,
        step: impl FnOnce(&mut Writer) -> Result<(), io::Error> + Send + 'static,
    ) -> Result<(), io::Error> {
        let mut writer = self.writer.take().ok_or_else(panicked)?;
        let stepped = spawn_blocking(move || {
            let result = step(&mut writer);
            (writer, result)
        });
        let (writer, result) = stepped.await.ok_or_else(panicked)?;
        self.writer = Some(writer);
        result
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            self.inbox.keep(Some(writer));
        }
    }
}

fn incoming(header: Header, copy: ScratchDir) -> Result<Incoming, io::Error> {
    if header.last.term > header.vote.leader_id.term {
        return Err(io::Error::other("the snapshot is newer than the leader that sends it"));
    }
    let applied = Applied {
        index: Some(LogIndex(header.last.index)),
        term: Term(header.last.term),
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

/// Receives the files of a snapshot into a new directory, on this thread.
pub(crate) fn receive_in_place(
    frames: impl Iterator<Item = Result<Bytes, String>>,
    scratch: &Scratch,
) -> Result<ScratchDir, io::Error> {
    let mut frames = frames.map(|frame| Ok(Frame::decode(frame.map_err(io::Error::other)?)?));
    let mut next = || frames.next().unwrap_or_else(|| Err(incomplete()));
    let Frame::Header(header) = next()? else { return Err(headless()) };
    let mut writer = Writer::create(scratch.dir("receive")?, &header.files)?;
    loop {
        match next()? {
            Frame::Chunk(chunk) => writer.write(&chunk)?,
            Frame::End => {
                writer.finish()?;
                return Ok(writer.into_copy());
            }
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

fn panicked() -> io::Error {
    io::Error::other("writing the snapshot panicked")
}
