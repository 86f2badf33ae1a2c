//! One watcher: a cursor, its filter, and the batches it has pulled but not yet handed out.

use super::{Pulled, Signal};
use crate::Mvcc;
use futures::StreamExt;
use futures::future::{Either, select};
use quorate_store::{Error as Refusal, Event, ProgressBell, WatchBatch, WatchRequest, WatchStream};
use quorate_types::Revision;
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::Poll;
use tokio::sync::watch;

/// A watcher at a cursor. It does not keep the state open.
#[derive(Debug)]
pub(crate) struct Watcher {
    mvcc: Weak<Mvcc>,
    signal: watch::Receiver<Signal>,
    breaks: u64,
    request: WatchRequest,
    rings: Option<watch::Receiver<u64>>,
    /// The first revision not looked at.
    next: Revision,
    /// Bounded by one pull: filled only when empty.
    ready: VecDeque<WatchBatch>,
    ended: bool,
}

impl Watcher {
    pub(crate) fn new(
        mvcc: &Arc<Mvcc>,
        signal: watch::Receiver<Signal>,
        request: WatchRequest,
        next: Revision,
    ) -> Self {
        let breaks = signal.borrow().breaks;
        let rings = request.bell.as_ref().map(ProgressBell::listen);
        Self {
            mvcc: Arc::downgrade(mvcc),
            signal,
            breaks,
            request,
            rings,
            next,
            ready: VecDeque::new(),
            ended: false,
        }
    }

    pub(crate) fn stream(self) -> WatchStream {
        futures::stream::unfold(self, async |mut watcher| {
            let item = watcher.item().await?;
            Some((item, watcher))
        })
        .boxed()
    }

    async fn item(&mut self) -> Option<Result<WatchBatch, Refusal>> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Some(Ok(batch));
            }
            if self.ended {
                return None;
            }
            match self.pull().await {
                // Nothing for this watcher: let others run before the next pull.
                Ok(()) if self.ready.is_empty() => give_way().await,
                Ok(()) => {}
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
    }

    async fn pull(&mut self) -> Result<(), Refusal> {
        let next = self.next;
        let Some(signal) = self.moved().await? else {
            // The bell rang while there was nothing to deliver.
            let revision = self.signal.borrow().revision.min(next.prev());
            self.ready.push_back(WatchBatch::progress(revision));
            return Ok(());
        };
        if signal.breaks != self.breaks {
            return Err(Refusal::unavailable("the member's state was replaced by an older one"));
        }
        let state = self.mvcc.upgrade().ok_or_else(stopped)?;
        let pulled = state.since(next, self.request.prev_kv)?;
        self.take(&pulled);
        Ok(())
    }

    /// Waits until there is something to pull; `None` if the bell rings before.
    async fn moved(&mut self) -> Result<Option<Signal>, Refusal> {
        let (next, breaks) = (self.next, self.breaks);
        let due = |signal: &Signal| signal.breaks != breaks || signal.revision >= next;
        let moved = pin!(self.signal.wait_for(due));
        match select(moved, pin!(rung(&mut self.rings))).await {
            Either::Left((signal, _)) => signal.map(|signal| Some(*signal)).map_err(|_| stopped()),
            Either::Right(((), _)) => Ok(None),
        }
    }

    fn take(&mut self, pulled: &Pulled) {
        let mut delivered = None;
        for published in &pulled.revisions {
            let events = published.events.told(self.request.prev_kv);
            if let Some(events) = admitted(events, &self.request) {
                delivered = Some(published.revision);
                let batch = WatchBatch::new(published.revision, events);
                self.ready.extend(batch.fragments(self.request.fragment));
            }
        }
        let last = pulled.complete;
        self.next = last.next();
        if self.request.progress && delivered != Some(last) {
            self.ready.push_back(WatchBatch::progress(last));
        }
    }
}

/// Waits until the bell rings, if there is one.
async fn rung(rings: &mut Option<watch::Receiver<u64>>) {
    if let Some(rings) = rings
        && rings.changed().await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}

fn stopped() -> Refusal {
    Refusal::unavailable("the member has stopped")
}

/// A stream that ends with an error at once.
pub(crate) fn refused(refusal: Refusal) -> WatchStream {
    futures::stream::iter([Err(refusal)]).boxed()
}

/// The events that a request admits; the same allocation if it admits all.
fn admitted(events: &Arc<[Event]>, request: &WatchRequest) -> Option<Arc<[Event]>> {
    let admits = |event: &&Event| request.admits(event);
    match events.iter().filter(admits).count() {
        0 => None,
        all if all == events.len() => Some(Arc::clone(events)),
        _ => Some(events.iter().filter(admits).cloned().collect()),
    }
}

/// Suspends once.
async fn give_way() {
    let mut yielded = false;
    futures::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
