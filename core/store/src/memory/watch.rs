//! Watchers: each pulls from the history by its own cursor.
//!
//! Invariants: nothing is buffered for a watcher, it is only told that something changed; a batch
//! holds whole revisions; the cursor never skips a revision that touches its range.

use super::store::Shared;
use crate::{Error, Event, KeyRange, WatchBatch, WatchRequest, WatchStream};
use futures::StreamExt;
use quorate_seams::Monotonic;
use quorate_types::Revision;
use std::sync::Arc;
use tokio::sync::watch;

/// A batch is closed at the first whole revision with which it holds this many events.
const ENOUGH_EVENTS: usize = 512;

/// Where one watcher stands.
struct Cursor {
    shared: Arc<Shared>,
    changed: watch::Receiver<()>,
    range: KeyRange,
    /// First revision that has not been delivered.
    next: Revision,
    progress: bool,
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
    let WatchRequest { range, progress, .. } = request;
    let cursor = Cursor { shared, changed, range, next, progress, ended: false };
    futures::stream::unfold(cursor, Cursor::step).boxed()
}

impl Cursor {
    async fn step(mut self) -> Option<(Result<WatchBatch, Error>, Self)> {
        if self.ended {
            return None;
        }
        loop {
            // Marked as seen before the look, so that no change after it is missed.
            self.changed.borrow_and_update();
            match self.look() {
                Ok(Look::Deliver(batch)) => return Some((Ok(batch), self)),
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
                return Ok(Look::Wait(state.leases.next_deadline()));
            }
            let (events, revision) = history.events_from(self.next, &self.range, ENOUGH_EVENTS);
            self.next = revision.next();
            if events.is_empty() && !self.progress {
                return Ok(Look::Wait(state.leases.next_deadline()));
            }
            Ok(Look::Deliver(batch(revision, events)))
        })
    }

    async fn wait(&mut self, deadline: Option<Monotonic>) {
        let changed = self.changed.changed();
        let result = match deadline {
            Some(deadline) => {
                tokio::select! {
                    result = changed => result,
                    () = self.shared.clock().sleep_until(deadline) => Ok(()),
                }
            }
            None => changed.await,
        };
        result.expect("the cursor itself keeps the sender alive");
    }
}

fn batch(revision: Revision, events: Vec<Event>) -> WatchBatch {
    WatchBatch { revision, events: events.into() }
}
