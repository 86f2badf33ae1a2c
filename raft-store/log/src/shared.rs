//! What the callers' handles and the writer's thread share: the view and the queue, under one lock.
//!
//! Invariant: the queue holds the calls in the order in which the view took them.

use crate::error::Error;
use crate::format::{Frame, Place, encoded_len};
use crate::types::{Done, LogId, LogState, MAX_CALL_BYTES, MAX_QUEUED_BYTES, Stats};
use crate::view::View;
use bytes::Bytes;
use quorate_seams::DiskFile;
use quorate_types::LogIndex;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// One call on its way to disk.
pub(crate) struct Op {
    pub(crate) frames: Vec<Frame>,
    /// The ticket of the first entry among the frames.
    pub(crate) ticket: u64,
    /// Index of the log's first entry after this call.
    pub(crate) first: u64,
    /// The log's last entry after this call.
    pub(crate) last: Option<LogId>,
    pub(crate) bytes: usize,
    /// Whether segments may hold no live entry after this call.
    pub(crate) frees: bool,
    /// `None`: nobody waits, so the call needs no sync of its own.
    pub(crate) done: Option<Done>,
}

/// Everything under the lock.
pub(crate) struct Inner {
    pub(crate) view: View,
    pub(crate) vote: Option<Bytes>,
    pub(crate) committed: Option<LogId>,
    /// The log's last entry as far as everything is synced.
    pub(crate) durable: Option<LogId>,
    pub(crate) files: BTreeMap<u64, Arc<dyn DiskFile>>,
    pub(crate) stats: Stats,
    pub(crate) poison: Option<Error>,
    queue: VecDeque<Op>,
    queued_bytes: usize,
    waiting: usize,
    closing: bool,
    /// The writer, while it waits for calls.
    writer: Option<Waker>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    inner: Mutex<Inner>,
}

impl Inner {
    pub(crate) fn new(
        view: View,
        vote: Option<Bytes>,
        committed: Option<LogId>,
        files: BTreeMap<u64, Arc<dyn DiskFile>>,
        stats: Stats,
    ) -> Self {
        let queue = VecDeque::new();
        let durable = view.state().last;
        Self {
            view,
            vote,
            committed,
            durable,
            files,
            stats,
            poison: None,
            queue,
            queued_bytes: 0,
            waiting: 0,
            closing: false,
            writer: None,
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats { queued_bytes: self.queued_bytes, ..self.stats }
    }

    fn push(&mut self, op: Op) {
        self.queued_bytes += op.bytes;
        self.waiting += usize::from(op.done.is_some());
        self.queue.push_back(op);
    }

    fn admit(&self, bytes: usize) -> Result<(), Error> {
        if self.closing {
            return Err(Error::Closed);
        }
        if bytes > MAX_CALL_BYTES {
            return Err(Error::TooLarge { bytes, limit: MAX_CALL_BYTES });
        }
        let queued = self.queued_bytes;
        if queued + bytes > MAX_QUEUED_BYTES {
            return Err(Error::Full { queued, limit: MAX_QUEUED_BYTES });
        }
        Ok(())
    }

    /// The calls of the next group: at least one, more while they fit.
    fn take_group(&mut self, max_bytes: usize) -> Vec<Op> {
        let mut ops = Vec::new();
        let mut bytes = 0;
        while let Some(op) = self.queue.pop_front() {
            if !ops.is_empty() && bytes + op.bytes > max_bytes {
                self.queue.push_front(op);
                break;
            }
            bytes += op.bytes;
            self.waiting -= usize::from(op.done.is_some());
            ops.push(op);
        }
        self.queued_bytes -= bytes;
        ops
    }
}

impl Shared {
    pub(crate) fn new(inner: Inner) -> Self {
        Self { inner: Mutex::new(inner) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a call into the view and the queue. After a failed write the call changes nothing, and
    /// the writer thread answers it in its turn.
    pub(crate) fn submit(
        &self,
        frames: Vec<Frame>,
        done: Done,
        see: impl FnOnce(&mut Inner, &[Frame]) -> Result<u64, Error>,
    ) -> Result<(), Error> {
        let bytes = frames.iter().map(encoded_len).sum();
        let mut inner = self.lock();
        inner.admit(bytes)?;
        let healthy = inner.poison.is_none();
        let ticket = if healthy { see(&mut inner, &frames)? } else { 0 };
        let LogState { last, .. } = inner.view.state();
        let first = inner.view.first();
        let frees = frames.iter().any(|it| matches!(it, Frame::Purge(_) | Frame::Truncate(_)));
        inner.push(Op { frames, ticket, first, last, bytes, frees, done: Some(done) });
        let writer = inner.writer.take();
        drop(inner);
        if let Some(writer) = writer {
            writer.wake();
        }
        Ok(())
    }

    /// Queues what may wait for the next group; a newer one replaces an older one that still waits.
    pub(crate) fn submit_committed(&self, committed: Option<LogId>) -> Result<(), Error> {
        let frame = Frame::Committed(committed);
        let bytes = encoded_len(&frame);
        let mut inner = self.lock();
        inner.admit(bytes)?;
        if let Some(poison) = &inner.poison {
            return Err(poison.clone());
        }
        inner.committed = committed;
        let LogState { last, .. } = inner.view.state();
        let first = inner.view.first();
        match inner.queue.back_mut() {
            Some(op) if op.done.is_none() => op.frames = vec![frame],
            _ => {
                let frames = vec![frame];
                inner.push(Op { frames, ticket: 0, first, last, bytes, frees: false, done: None });
            }
        }
        Ok(())
    }

    /// Waits for calls that need a sync; `None` once the log is closed and the queue is empty.
    pub(crate) async fn next_group(&self, max_bytes: usize) -> Option<Vec<Op>> {
        poll_fn(|cx| {
            let mut inner = self.lock();
            if inner.waiting == 0 && !inner.closing {
                inner.writer = Some(cx.waker().clone());
                return Poll::Pending;
            }
            let ops = inner.take_group(max_bytes);
            Poll::Ready((!ops.is_empty()).then_some(ops))
        })
        .await
    }

    /// Whether the writer has nothing more to do for anyone.
    pub(crate) fn is_idle(&self) -> bool {
        let inner = self.lock();
        inner.waiting == 0 && !inner.closing
    }

    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.closing = true;
        let writer = inner.writer.take();
        drop(inner);
        if let Some(writer) = writer {
            writer.wake();
        }
    }

    /// Lets readers find what a group has put on disk.
    pub(crate) fn publish(
        &self,
        stored: impl Iterator<Item = (LogIndex, u64, Place)>,
        active: (u64, &Arc<dyn DiskFile>),
        stats: Stats,
        last: Option<LogId>,
    ) {
        let mut inner = self.lock();
        inner.durable = last;
        inner.files.entry(active.0).or_insert_with(|| Arc::clone(active.1));
        for (index, ticket, place) in stored {
            inner.view.stored(index, ticket, place);
        }
        inner.view.evict();
        inner.stats = stats;
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("state", &self.view.state())
            .field("queued_bytes", &self.queued_bytes)
            .field("poison", &self.poison)
            .finish_non_exhaustive()
    }
}
