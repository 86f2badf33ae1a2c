//! One watcher: a cursor, its filter, and the batches it has pulled but not yet handed out.

use super::{Pulled, Signal};
use crate::Mvcc;
use futures::StreamExt;
use quorate_store::{Error as Refusal, Event, KeyRange, WatchBatch, WatchRequest, WatchStream};
use quorate_types::Revision;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::task::Poll;
use tokio::sync::watch;

/// A watcher at a cursor. It does not keep the state open.
#[derive(Debug)]
pub(crate) struct Watcher {
    mvcc: Weak<Mvcc>,
    signal: watch::Receiver<Signal>,
    breaks: u64,
    range: KeyRange,
    progress: bool,
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
        Self {
            mvcc: Arc::downgrade(mvcc),
            signal,
            breaks,
            range: request.range,
            progress: request.progress,
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
        let (next, breaks) = (self.next, self.breaks);
        let stopped = || Refusal::unavailable("the member has stopped");
        let signal = *self
            .signal
            .wait_for(|signal| signal.breaks != breaks || signal.revision >= next)
            .await
            .map_err(|_| stopped())?;
        if signal.breaks != breaks {
            return Err(Refusal::unavailable("the member's state was replaced by an older one"));
        }
        let pulled = self.mvcc.upgrade().ok_or_else(stopped)?.since(next)?;
        self.take(&pulled);
        Ok(())
    }

    fn take(&mut self, pulled: &Pulled) {
        let mut delivered = None;
        for published in &pulled.revisions {
            if let Some(events) = filtered(&published.events, &self.range) {
                delivered = Some(published.revision);
                self.ready.push_back(WatchBatch { revision: published.revision, events });
            }
        }
        let last = pulled.complete;
        self.next = last.next();
        if self.progress && delivered != Some(last) {
            self.ready.push_back(WatchBatch { revision: last, events: Arc::from([]) });
        }
    }
}

/// A stream that ends with an error at once.
pub(crate) fn refused(refusal: Refusal) -> WatchStream {
    futures::stream::iter([Err(refusal)]).boxed()
}

/// The events of a range; the same allocation if all are.
fn filtered(events: &Arc<[Event]>, range: &KeyRange) -> Option<Arc<[Event]>> {
    let matching = events.iter().filter(|event| range.contains(&event.kv.key)).count();
    match matching {
        0 => None,
        all if all == events.len() => Some(Arc::clone(events)),
        _ => Some(events.iter().filter(|event| range.contains(&event.kv.key)).cloned().collect()),
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
