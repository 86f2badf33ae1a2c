//! Where snapshots arrive, and what is kept of one that broke off.
//!
//! Invariants: at most one unfinished snapshot is kept; one offer or transfer at a time has it, and
//! gives it up for a newer one: a sender that begins again has lost its last connection, which this end
//! may not have noticed yet.

use super::outgoing::files_in;
use super::sums::Sums;
use super::traffic::Traffic;
use super::writer::Writer;
use crate::births::Birth;
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
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

/// The receiving end of one member. Clones share it.
#[derive(Clone)]
pub(crate) struct Inbox {
    scratch: Scratch,
    /// The state, whose files need not travel.
    own: Option<WeakState>,
    sums: Sums,
    traffic: Traffic,
    unfinished: Arc<Mutex<Option<Writer>>>,
    /// The number of the newest offer or transfer: older transfers give way.
    newest: Arc<watch::Sender<u64>>,
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
        let newest = Arc::new(watch::Sender::new(0));
        Self { scratch, own, sums, traffic, unfinished: Arc::default(), newest }
    }

    /// Ends an older transfer, whose connection has broken or soon will, and takes what it leaves.
    async fn turn(&self) -> Turn {
        let mut number = 0;
        self.newest.send_modify(|newest| {
            *newest += 1;
            number = *newest;
        });
        let newest = self.newest.subscribe();
        let kept = Some(Arc::clone(&self.unfinished).lock_owned().await);
        Turn { kept, newest, number }
    }

    /// Prepares for these files; says how many bytes of each are there.
    pub(crate) async fn offer(&self, files: Vec<File>) -> Result<Vec<u64>, io::Error> {
        let mut turn = self.turn().await;
        let inbox = self.clone();
        turn.step(move |kept| {
            let before = kept.take();
            let writer = inbox.prepare(before.as_ref(), &files)?;
            Ok(kept.insert(writer).held())
        })
        .await
    }

    fn prepare(&self, before: Option<&Writer>, files: &[File]) -> Result<Writer, io::Error> {
        let mut writer = Writer::create(self.scratch.dir("receive")?, files)?;
        let mut missing = Vec::new();
        for (at, file) in files.iter().enumerate() {
            match before.and_then(|before| before.find(file)) {
                Some((dir, name, held)) if held.bytes > 0 => {
                    writer.take(at, &dir.join(name), held)?;
                }
                _ => missing.push(at),
            }
        }
        self.share_own(&mut writer, files, &missing)?;
        Ok(writer)
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

    /// Receives a snapshot; what has arrived of one that breaks off is kept.
    pub(crate) async fn receive(
        &self,
        mut frames: impl Stream<Item = Result<Bytes, String>> + Unpin,
        birth: &Birth,
    ) -> Result<Incoming, io::Error> {
        let mut turn = self.turn().await;
        let Frame::Header(header) = turn.next(&mut frames).await? else { return Err(headless()) };
        birth.admit(header.birth).map_err(io::Error::other)?;
        let (inbox, announced) = (self.clone(), header.clone());
        turn.step(move |kept| {
            let writer = inbox.begin(kept.take(), &announced)?;
            *kept = Some(writer);
            Ok(())
        })
        .await?;
        loop {
            match turn.next(&mut frames).await? {
                Frame::Chunk(chunk) => {
                    let bytes = chunk.data.len() as u64;
                    turn.step(move |kept| open(kept)?.write(&chunk)).await?;
                    self.traffic.received_bytes(bytes);
                }
                Frame::End => {
                    turn.step(|kept| open(kept)?.finish()).await?;
                    let copy = turn.step(|kept| Ok(kept.take().map(Writer::into_copy))).await?;
                    self.traffic.received();
                    return incoming(header, copy.ok_or_else(panicked)?);
                }
                Frame::Header(_) => return Err(two_headers()),
            }
        }
    }

    /// Goes on with what was offered, or begins anew.
    fn begin(&self, kept: Option<Writer>, header: &Header) -> Result<Writer, io::Error> {
        let reused: u64 = header.files.iter().map(|file| file.from).sum();
        if let Some(mut writer) = kept.filter(|writer| writer.continues(&header.files)) {
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

/// What is kept, in the hands of one offer or transfer.
struct Turn {
    /// Away while a step runs, which gives it back even if nobody waits for the step any more.
    kept: Option<OwnedMutexGuard<Option<Writer>>>,
    newest: watch::Receiver<u64>,
    number: u64,
}

impl Turn {
    /// The next frame, unless somebody newer wants the turn.
    async fn next(
        &mut self,
        frames: &mut (impl Stream<Item = Result<Bytes, String>> + Unpin),
    ) -> Result<Frame, io::Error> {
        let Self { newest, number, .. } = self;
        let superseded = async { newest.wait_for(|newest| newest != number).await.is_ok() };
        let frame = tokio::select! {
            biased;
            _ = superseded => return Err(io::Error::other("a newer transfer has begun")),
            frame = frames.next() => frame,
        };
        match frame {
            Some(Ok(bytes)) => Ok(Frame::decode(bytes)?),
            Some(Err(reason)) => Err(io::Error::other(reason)),
            None => Err(incomplete()),
        }
    }

    /// Does something to the directory apart from the async threads. A caller that is gone, as its
    /// connection is, does not take what is kept with it.
    async fn step<T: Send + 'static>(
        &mut self,
        step: impl FnOnce(&mut Option<Writer>) -> Result<T, io::Error> + Send + 'static,
    ) -> Result<T, io::Error> {
        let mut kept = self.kept.take().ok_or_else(panicked)?;
        let stepped = spawn_blocking(move || {
            let result = step(&mut kept);
            (kept, result)
        });
        let (kept, result) = stepped.await.ok_or_else(panicked)?;
        self.kept = Some(kept);
        result
    }
}

fn open(kept: &mut Option<Writer>) -> Result<&mut Writer, io::Error> {
    kept.as_mut().ok_or_else(panicked)
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
