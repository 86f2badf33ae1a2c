//! Watchers: each pulls from the history by its own cursor.
//!
//! Invariants: nothing is buffered for a watcher, it is only told that something changed; a batch
//! holds whole revisions; the cursor never skips a revision that touches its range.

use super::store::Shared;
use crate::{Error, ProgressBell, WatchBatch, WatchRequest, WatchStream};
use futures::StreamExt;
use quorate_seams::{Monotonic, SharedClock};
use quorate_types::Revision;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::watch;

/// A batch is closed at the first whole revision with which it holds this many events.
const ENOUGH_EVENTS: usize = 512;

/// Where one watcher stands.
struct Cursor {
    shared: Arc<Shared>,
    changed: watch::Receiver<()>,
    request: WatchRequest,
    /// First revision that has not been delivered.
    next: Revision,
    /// Fragments of what has been looked at already.
    ready: VecDeque<WatchBatch>,
    rings: Option<watch::Receiver<u64>>,
    ended: bool,
}

/// What a look at the history gave.
enum Look {
    Deliver(WatchBatch),
    /// Nothing to deliver before something changes or a lease ends.
    Wait(Option<Monotonic>),
}

/// Opens a watch whose range has been checked.
pub(super) fn open(shared: Arc<Shared>, request: WatchRequest) -> WatchStream {
    let next = match request.from {
        Revision::NONE => shared.with(|state, _| state.history.current().next()),
        from => from,
    };
    let changed = shared.subscribe();
    let rings = request.bell.as_ref().map(ProgressBell::listen);
    let ready = VecDeque::new();
    let cursor = Cursor { shared, changed, request, next, ready, rings, ended: false };
    futures::stream::unfold(cursor, Cursor::step).boxed()
}

impl Cursor {
    async fn step(mut self) -> Option<(Result<WatchBatch, Error>, Self)> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Some((Ok(batch), self));
            }
            if self.ended {
                return None;
            }
            // Marked as seen before the look, so that no change after it is missed.
            self.changed.borrow_and_update();
            match self.look() {
                Ok(Look::Deliver(batch)) => {
                    self.ready.extend(batch.fragments(self.request.fragment));
                }
                Ok(Look::Wait(deadline)) => self.wait(deadline).await,
                Err(error) => {
                    self.ended = true;
                    return Some((Err(error), self));
                }
            }
        }
    }

    fn look(&mut self) -> Result<Look, Error> {
        let shared = Arc::clone(&self.shared);
        shared.with(|state, _| {
            let history = &state.history;
            if self.next < history.compacted() || self.next < Revision::NONE {
                return Err(history.compacted_error(self.next));
            }
            if self.next > history.current() {
                return Ok(match self.asked() {
                    true => Look::Deliver(WatchBatch::progress(history.current())),
                    false => Look::Wait(state.leases.next_deadline()),
                });
            }
            let (events, revision) = history.events_from(self.next, &self.request, ENOUGH_EVENTS);
            self.next = revision.next();
            if events.is_empty() && !self.request.progress && !self.asked() {
                return Ok(Look::Wait(state.leases.next_deadline()));
            }
            Ok(Look::Deliver(WatchBatch::new(revision, events.into())))
        })
    }

    /// Whether the bell has rung since this was last asked.
    fn asked(&mut self) -> bool {
        let Some(rings) = &mut self.rings else { return false };
        let asked = rings.has_changed().unwrap_or(false);
        if asked {
            rings.mark_unchanged();
        }
        asked
    }

    async fn wait(&mut self, deadline: Option<Monotonic>) {
        let clock = self.shared.clock();
        tokio::select! {
            result = self.changed.changed() => {
                result.expect("the cursor itself keeps the sender alive");
            }
            () = rung(&mut self.rings) => {}
            () = passed(clock, deadline) => {}
        }
    }
}

/// Waits until the bell rings, without marking that as seen.
async fn rung(rings: &mut Option<watch::Receiver<u64>>) {
    if let Some(rings) = rings
        && rings.changed().await.is_ok()
    {
        rings.mark_changed();
        return;
    }
    std::future::pending::<()>().await;
}

async fn passed(clock: &SharedClock, deadline: Option<Monotonic>) {
    match deadline {
        Some(deadline) => clock.sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
