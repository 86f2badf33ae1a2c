//! Watches that end when the member does, even if nobody polls them: an open watch would keep the
//! state open after the member has stopped.

use futures::{Stream, StreamExt};
use quorate_store::{Error, WatchBatch, WatchStream};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

/// The open watches of a member.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    open: Mutex<Vec<Weak<Mutex<Slot>>>>,
}

struct Slot {
    /// `None` once the member has stopped.
    stream: Option<WatchStream>,
    waker: Option<Waker>,
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot").field("open", &self.stream.is_some()).finish_non_exhaustive()
    }
}

impl Watches {
    /// Takes a watch into the member's care.
    pub(crate) fn guard(&self, stream: WatchStream) -> WatchStream {
        let slot = Arc::new(Mutex::new(Slot { stream: Some(stream), waker: None }));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() == open.capacity() {
            open.retain(|slot| slot.strong_count() > 0);
        }
        open.push(Arc::downgrade(&slot));
        Guarded { slot, ended: false }.boxed()
    }

    /// How many are open.
    pub(crate) fn count(&self) -> usize {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.iter().filter(|slot| slot.strong_count() > 0).count()
    }

    /// Ends every watch.
    pub(crate) fn end(&self) {
        let open = std::mem::take(&mut *self.open.lock().unwrap_or_else(PoisonError::into_inner));
        for slot in open.iter().filter_map(Weak::upgrade) {
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            let ended = slot.stream.take();
            let waker = slot.waker.take();
            drop(slot);
            drop(ended);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

struct Guarded {
    slot: Arc<Mutex<Slot>>,
    ended: bool,
}

impl Stream for Guarded {
    type Item = Result<WatchBatch, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        let polled = match &mut slot.stream {
            Some(stream) => stream.poll_next_unpin(cx),
            None => {
                drop(slot);
                self.ended = true;
                return Poll::Ready(Some(Err(Error::unavailable("the member has stopped"))));
            }
        };
        if polled.is_pending() {
            slot.waker = Some(cx.waker().clone());
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn a_stopped_member_ends_watches_that_nobody_polls() {
        let watches = Watches::default();
        let held = Arc::new(());
        let kept = Arc::clone(&held);
        let endless = futures::stream::pending().inspect(move |_: &Result<WatchBatch, Error>| {
            let _ = &kept;
        });
        let mut watch = watches.guard(endless.boxed());
        assert!(watch.next().now_or_never().is_none());
        watches.end();
        assert_eq!(Arc::strong_count(&held), 1, "the stream has been dropped");
        assert!(matches!(watch.next().now_or_never(), Some(Some(Err(_)))));
        assert!(matches!(watch.next().now_or_never(), Some(None)));
    }
}
