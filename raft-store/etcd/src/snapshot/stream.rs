//! A snapshot on its way to a client: the file in pieces, its SHA-256 behind it.
//!
//! The state is read twice on one view, first to learn how large the file becomes, then to write it;
//! so nothing is written to disk here, and the client is told how much remains. The thread that reads
//! waits for the client, nothing else does, and it ends when the client is gone.

use super::export::{ExportError, measure, write};
use crate::context::Context;
use crate::errors::status;
use crate::proto::etcdserverpb as pb;
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};
use quorate_bolt::WriteError;
use quorate_member::History;
use quorate_seams::spawn;
use ring::digest::{Context as Digest, SHA256};
use std::io::{self, Write};
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

/// Bytes of a piece.
const PIECE_BYTES: usize = 64 * 1024;
/// Pieces that wait for the client.
const PIECES: usize = 4;

/// Snapshots on their way at a time; each holds a thread and keeps old files of the state. More wait.
const SLOTS: usize = 4;

/// What a snapshot needs to begin.
#[derive(Clone, Debug)]
pub(crate) struct Slots(Arc<Semaphore>);

impl Default for Slots {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(SLOTS)))
    }
}

type Piece = Result<pb::SnapshotResponse, Status>;

/// Streams the member's state.
pub(crate) fn stream(context: &Context, members: Vec<pb::Member>) -> BoxStream<'static, Piece> {
    let (sender, receiver) = mpsc::channel(PIECES);
    let member = context.member.clone();
    let (failed, Slots(slots)) = (sender.clone(), context.snapshots.clone());
    let sending = spawn(async move {
        // Nobody closes it.
        let Ok(slot) = slots.acquire_owned().await else { return };
        let told = member
            .history(move |history| {
                // Kept until the thread is free, not only as long as somebody waits for it.
                let _slot = slot;
                Ok(send(history, &members, &sender))
            })
            .await;
        let error = match told {
            Ok(Ok(())) => return,
            Ok(Err(ExportError::Write(WriteError::Output(_)))) => return,
            Ok(Err(ExportError::Write(error))) => Status::internal(format!("snapshot: {error}")),
            Ok(Err(ExportError::State(error))) | Err(error) => status(error),
        };
        // A client that is gone needs no answer.
        drop(failed.send(Err(error)).await);
    });
    ReceiverStream::new(receiver)
        .map(move |piece| {
            let _keep_until_read = &sending;
            piece
        })
        .boxed()
}

fn send(
    history: &History<'_>,
    members: &[pb::Member],
    sender: &mpsc::Sender<Piece>,
) -> Result<(), ExportError> {
    let wanted = || !sender.is_closed();
    let layout = measure(history, members, &wanted)?;
    let mut pieces = Pieces {
        sender,
        digest: Digest::new(&SHA256),
        pending: Vec::with_capacity(PIECE_BYTES),
        remaining: layout.bytes(),
    };
    write(&mut pieces, layout, history, members, &wanted)?;
    pieces.end().map_err(|error| ExportError::Write(error.into()))
}

/// Cuts what is written into pieces and sends them.
struct Pieces<'a> {
    sender: &'a mpsc::Sender<Piece>,
    digest: Digest,
    pending: Vec<u8>,
    remaining: u64,
}

impl Pieces<'_> {
    fn send(&mut self) -> io::Result<()> {
        let piece = std::mem::replace(&mut self.pending, Vec::with_capacity(PIECE_BYTES));
        self.digest.update(&piece);
        self.remaining = self.remaining.saturating_sub(piece.len() as u64);
        self.pass_on(piece.into())
    }

    fn pass_on(&self, blob: Bytes) -> io::Result<()> {
        let piece = pb::SnapshotResponse {
            remaining_bytes: self.remaining,
            blob,
            ..pb::SnapshotResponse::default()
        };
        self.sender.blocking_send(Ok(piece)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    /// Sends what is left, then the checksum of all.
    fn end(mut self) -> io::Result<()> {
        if !self.pending.is_empty() {
            self.send()?;
        }
        let digest = self.digest.clone().finish();
        self.pass_on(Bytes::copy_from_slice(digest.as_ref()))
    }
}

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = PIECE_BYTES - self.pending.len();
        let taken = bytes.len().min(room);
        self.pending.extend_from_slice(&bytes[..taken]);
        if self.pending.len() == PIECE_BYTES {
            self.send()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
