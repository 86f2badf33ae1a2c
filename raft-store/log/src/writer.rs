//! The one thread that writes: drain the queue, one write, one sync, callbacks in order.
//!
//! Invariants: no callback says `Ok` before its bytes are synced; after the first failure none says
//! `Ok` again; callbacks run in the order of the calls and under no lock.

use crate::error::{Error, Fault};
use crate::format::{Carried, Frame, Place};
use crate::segments::Segments;
use crate::shared::{Op, Shared};
use quorate_seams::bug;
use quorate_types::LogIndex;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

pub(crate) struct Writer {
    shared: Arc<Shared>,
    segments: Segments,
    carried: Carried,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, segments: Segments, carried: Carried) -> Self {
        Self { shared, segments, carried }
    }

    /// Works until the log is closed and the queue is empty.
    pub(crate) async fn run(mut self) {
        while let Some(ops) = self.shared.next_group(self.segments.group_bytes()).await {
            self.guarded(|writer| writer.work(ops));
        }
        self.guarded(Self::finish);
    }

    /// A broken invariant must not leave later calls without an answer.
    fn guarded(&mut self, step: impl FnOnce(&mut Self)) {
        if catch_unwind(AssertUnwindSafe(|| step(self))).is_err() {
            let cause = Arc::new(io::Error::other("the log's thread panicked"));
            let poison = Error::Poisoned { action: "writing", path: self.segments.path(), cause };
            self.shared.lock().poison.get_or_insert(poison);
        }
    }

    fn work(&mut self, ops: Vec<Op>) {
        self.commit(ops);
        if self.shared.is_idle() && !self.poisoned() {
            let marked = self.segments.mark();
            self.poison_if_failed(marked.map_err(Fault::poisoned));
        }
    }

    fn finish(&mut self) {
        if !self.poisoned() {
            let finished = self.segments.finish();
            self.poison_if_failed(finished.map_err(Fault::poisoned));
        }
    }

    fn commit(&mut self, mut ops: Vec<Op>) {
        if bug("log-acknowledges-before-writing") {
            ops.iter_mut().filter_map(|op| op.done.take()).for_each(|done| done(Ok(())));
        }
        let result = self.write(&mut ops);
        let frees = ops.iter().any(|op| op.frees);
        self.poison_if_failed(result.clone());
        for done in ops.into_iter().filter_map(|op| op.done) {
            let result = result.clone();
            if catch_unwind(AssertUnwindSafe(|| done(result))).is_err() {
                tracing::error!("a callback of the raft log panicked; the others go on");
            }
        }
        if frees && result.is_ok() {
            let retired = self.retire();
            self.poison_if_failed(retired);
        }
    }

    fn write(&mut self, ops: &mut [Op]) -> Result<(), Error> {
        if let Some(poison) = &self.shared.lock().poison {
            return Err(poison.clone());
        }
        let tickets = tickets(ops);
        let frames: Vec<Frame> =
            ops.iter_mut().flat_map(|op| std::mem::take(&mut op.frames)).collect();
        if frames.is_empty() {
            return Ok(());
        }
        let places = self.segments.write(&frames, &self.carried).map_err(Fault::poisoned)?;
        self.carry(frames, ops);
        self.publish(tickets, places);
        Ok(())
    }

    fn carry(&mut self, frames: Vec<Frame>, ops: &[Op]) {
        for frame in frames {
            match frame {
                Frame::Vote(vote) => self.carried.vote = Some(vote),
                Frame::Committed(committed) => self.carried.committed = committed,
                Frame::Purge(upto) => self.carried.purge(upto),
                Frame::State(_) | Frame::Entry(_) | Frame::Truncate(_) => {}
            }
        }
        if let Some(op) = ops.last() {
            (self.carried.first, self.carried.last) = (op.first, op.last);
        }
    }

    fn publish(&self, tickets: Vec<(LogIndex, u64)>, places: Vec<Place>) {
        let stored =
            tickets.into_iter().zip(places).map(|((index, ticket), at)| (index, ticket, at));
        let (active, stats) = (self.segments.active(), self.segments.stats);
        self.shared.publish(stored, active, stats, self.carried.last);
    }

    fn retire(&mut self) -> Result<(), Error> {
        let purged = self.carried.purged.map(|id| id.index.0);
        let retired = self.segments.retire(purged).map_err(Fault::poisoned)?;
        let mut inner = self.shared.lock();
        for sequence in retired {
            inner.files.remove(&sequence);
        }
        Ok(())
    }

    fn poisoned(&self) -> bool {
        self.shared.lock().poison.is_some()
    }

    fn poison_if_failed(&self, result: Result<(), Error>) {
        if let Err(error) = result {
            let mut inner = self.shared.lock();
            if inner.poison.is_none() {
                tracing::error!(%error, "raft log failed");
                inner.poison = Some(error);
            }
        }
    }
}

/// Index and ticket of every entry, in the order of the frames.
fn tickets(ops: &[Op]) -> Vec<(LogIndex, u64)> {
    let of = |op: &Op| {
        let entries = op.frames.iter().filter_map(Frame::entry).map(|entry| entry.id.index);
        entries.zip(op.ticket..).collect::<Vec<_>>()
    };
    ops.iter().flat_map(of).collect()
}
