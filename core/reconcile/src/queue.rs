//! A deduplicating delay queue as a pure state machine: time comes in as an argument.
//!
//! Place: inside every reconciler's driver; anyone who needs the same semantics may use it.
//!
//! Invariants: a key is handed out to at most one worker at a time; however often it is added
//! meanwhile, it runs once more afterwards; no key is handed out before it is due; ready keys come
//! out in the order in which they became ready. Memory is bounded by the number of distinct keys.
//!
//! ```
//! use quorate_reconcile::queue::{Outcome, WorkQueue};
//! use quorate_seams::Monotonic;
//! let (mut queue, now) = (WorkQueue::default(), Monotonic::default());
//! queue.add("a");
//! queue.add("a");
//! assert_eq!(queue.pop(now), Some("a"));
//! queue.add("a"); // while it runs: not handed out a second time …
//! assert_eq!(queue.pop(now), None);
//! queue.finish(&"a", now, Outcome::Done, 0); // … until it has ended
//! assert_eq!(queue.pop(now), Some("a"));
//! ```

use crate::Backoff;
use quorate_seams::Monotonic;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It succeeded; nothing more until the key is added again.
    Done,
    /// It succeeded and wants to run again after this time at the latest.
    After(Duration),
    /// It failed: the key waits for its back-off, unless it is added before.
    Failed,
}

/// When a key that is not running runs next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Wait {
    #[default]
    Never,
    Until(Monotonic),
    Ready,
}

#[derive(Clone, Copy, Debug, Default)]
struct KeyState {
    running: bool,
    wait: Wait,
    failures: u32,
}

/// The queue. See the [module](self) for what it promises.
#[derive(Clone, Debug)]
pub struct WorkQueue<K> {
    keys: BTreeMap<K, KeyState>,
    ready: VecDeque<K>,
    delayed: BTreeSet<(Monotonic, K)>,
    backoff: Backoff,
}

impl<K> Default for WorkQueue<K> {
    fn default() -> Self {
        Self {
            keys: BTreeMap::new(),
            ready: VecDeque::new(),
            delayed: BTreeSet::new(),
            backoff: Backoff::default(),
        }
    }
}

impl<K: Ord + Clone> WorkQueue<K> {
    /// An empty queue with a back-off.
    #[must_use]
    pub fn new(backoff: Backoff) -> Self {
        Self { backoff, ..Self::default() }
    }

    /// Makes a key ready now; a running key runs again after its end.
    pub fn add(&mut self, key: K) {
        let state = self.keys.entry(key.clone()).or_default();
        if let Wait::Until(due) = state.wait {
            self.delayed.remove(&(due, key.clone()));
        }
        if state.wait != Wait::Ready && !state.running {
            self.ready.push_back(key);
        }
        state.wait = Wait::Ready;
    }

    /// Makes a key ready at a time; the earliest wish counts.
    pub fn add_at(&mut self, key: K, due: Monotonic) {
        let state = self.keys.entry(key.clone()).or_default();
        match state.wait {
            Wait::Ready => return,
            Wait::Until(earlier) if earlier <= due => return,
            Wait::Until(later) => {
                self.delayed.remove(&(later, key.clone()));
            }
            Wait::Never => {}
        }
        state.wait = Wait::Until(due);
        if !state.running {
            self.delayed.insert((due, key));
        }
    }

    /// Hands out the next ready key, which then counts as running.
    pub fn pop(&mut self, now: Monotonic) -> Option<K> {
        self.promote(now);
        let key = self.ready.pop_front()?;
        let state = self.keys.entry(key.clone()).or_default();
        state.running = true;
        state.wait = Wait::Never;
        Some(key)
    }

    /// Ends the run of a key. `jitter` is any random number; it spreads the back-off.
    pub fn finish(&mut self, key: &K, now: Monotonic, outcome: Outcome, jitter: u64) {
        let Some(state) = self.keys.get_mut(key) else { return };
        state.running = false;
        state.failures = match outcome {
            Outcome::Failed => state.failures.saturating_add(1),
            Outcome::Done | Outcome::After(_) => 0,
        };
        let failures = state.failures;
        // What was asked for during the run was only noted: enter it into the lists now.
        match std::mem::take(&mut state.wait) {
            Wait::Ready => self.add(key.clone()),
            Wait::Until(due) => self.add_at(key.clone(), due),
            Wait::Never => {}
        }
        match outcome {
            Outcome::Done => {}
            Outcome::After(delay) => self.add_at(key.clone(), now + delay),
            Outcome::Failed => {
                self.add_at(key.clone(), now + self.backoff.delay(failures, jitter));
            }
        }
        if self.keys.get(key).is_some_and(|state| state.wait == Wait::Never) {
            self.keys.remove(key);
        }
    }

    /// When [`WorkQueue::pop`] will next give something; `None` if nothing waits.
    #[must_use]
    pub fn next_due(&self, now: Monotonic) -> Option<Monotonic> {
        if !self.ready.is_empty() {
            return Some(now);
        }
        self.delayed.first().map(|(due, _)| *due)
    }

    /// Failures in a row of a key.
    #[must_use]
    pub fn failures(&self, key: &K) -> u32 {
        self.keys.get(key).map_or(0, |state| state.failures)
    }

    /// Keys that are ready and not yet handed out.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.ready.len()
    }

    /// Keys that are ready, delayed or running.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key is ready, delayed or running.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn promote(&mut self, now: Monotonic) {
        while let Some((due, _)) = self.delayed.first()
            && *due <= now
            && let Some((_, key)) = self.delayed.pop_first()
        {
            if let Some(state) = self.keys.get_mut(&key) {
                state.wait = Wait::Ready;
            }
            self.ready.push_back(key);
        }
    }
}

#[cfg(test)]
mod tests;
