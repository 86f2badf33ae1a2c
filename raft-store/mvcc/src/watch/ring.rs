//! The recent revisions, bounded in events and bytes.

use super::{Published, Pulled};
use quorate_seams::bug;
use quorate_store::Event;
use quorate_types::Revision;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Bytes an event takes besides its keys and values.
const EVENT_OVERHEAD: usize = 160;

/// What watchers wait on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signal {
    /// The published revision.
    pub(crate) revision: Revision,
    /// How often the state was replaced by one that does not continue it.
    pub(crate) breaks: u64,
}

/// The newest revisions without a gap up to the published one.
#[derive(Debug)]
pub(crate) struct Ring {
    recent: Mutex<Recent>,
    signal: watch::Sender<Signal>,
    most_events: usize,
    most_bytes: usize,
}

#[derive(Debug, Default)]
struct Recent {
    revisions: VecDeque<(Published, usize)>,
    /// The published revision: the last in the ring, unless it is empty.
    last: Revision,
    events: usize,
    bytes: usize,
}

impl Ring {
    pub(crate) fn new(last: Revision, most_events: usize, most_bytes: usize) -> Self {
        let recent = Mutex::new(Recent { last, ..Recent::default() });
        let signal = watch::Sender::new(Signal { revision: last, breaks: 0 });
        Self { recent, signal, most_events, most_bytes }
    }

    /// Adds the revisions after the published one and wakes the watchers.
    pub(crate) fn publish(&self, revisions: Vec<(Revision, Vec<Event>)>) {
        let Some((last, _)) = revisions.last() else { return };
        let last = *last;
        let mut recent = self.lock();
        for (revision, events) in revisions {
            debug_assert_eq!(revision, recent.last.next(), "revisions are dense");
            recent.push(Published::new(revision, events));
        }
        recent.shrink(self.most_events, self.most_bytes);
        let several = recent.revisions.len() > 1 && recent.last.0 % 16 == 0;
        drop(recent);
        if several && bug("watch-loses-a-wakeup") {
            return;
        }
        self.signal.send_modify(|signal| signal.revision = last);
    }

    /// Begins anew at a revision of a state that replaces this one. Watchers that have seen more
    /// than it holds end with an error; all others continue from its history.
    pub(crate) fn replace(&self, last: Revision) {
        let mut recent = self.lock();
        let continues = last >= recent.last;
        *recent = Recent { last, ..Recent::default() };
        drop(recent);
        self.signal.send_modify(|signal| {
            signal.revision = last;
            signal.breaks += u64::from(!continues);
        });
    }

    pub(crate) fn signal(&self) -> watch::Receiver<Signal> {
        self.signal.subscribe()
    }

    /// At most `most` revisions from `next` on; `None` if the ring begins after it.
    pub(crate) fn since(&self, next: Revision, most: usize) -> Option<Pulled> {
        let recent = self.lock();
        let first = recent
            .revisions
            .front()
            .map_or_else(|| recent.last.next(), |(first, _)| first.revision);
        let behind = bug("watch-ring-forgets-silently");
        let next = if behind { next.max(first) } else { next };
        let skip = usize::try_from(next.0.checked_sub(first.0)?).ok()?;
        let taken = recent.revisions.iter().skip(skip).take(most);
        let revisions: Vec<_> = taken.map(|(published, _)| published.clone()).collect();
        let complete = revisions.last().map_or(recent.last, |last| last.revision);
        Some(Pulled { revisions, complete })
    }

    fn lock(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recent {
    fn push(&mut self, published: Published) {
        let bytes = published.events.whole().iter().map(size).sum();
        self.last = published.revision;
        self.events += published.events.whole().len();
        self.bytes += bytes;
        self.revisions.push_back((published, bytes));
    }

    fn shrink(&mut self, most_events: usize, most_bytes: usize) {
        while (self.events > most_events || self.bytes > most_bytes)
            && let Some((published, bytes)) = self.revisions.pop_front()
        {
            self.events -= published.events.whole().len();
            self.bytes -= bytes;
        }
    }
}

fn size(event: &Event) -> usize {
    let previous = event.prev_kv.as_ref().map_or(0, |kv| kv.value.len());
    EVENT_OVERHEAD + event.kv.key.len() + event.kv.value.len() + previous
}
