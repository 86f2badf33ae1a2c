//! What a replica set has to remember between passes: since when pods serve, and how often pods
//! that ended were replaced.
//!
//! Measured by this process's monotonic clock from when it saw something, never by comparing
//! timestamps of different machines. Forgotten with a change of leader: waiting starts anew then.

use quorate_reconcile::Backoff;
use quorate_seams::Monotonic;
use quorate_types::Uid;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Waits before pods that ended are replaced: the first time at once, then longer and longer.
const REPLACE: Backoff = Backoff { base: Duration::from_secs(1), limit: Duration::from_secs(120) };

/// The memory of one replica set.
#[derive(Clone, Debug, Default)]
pub(super) struct Timing {
    ready_since: BTreeMap<Uid, Monotonic>,
    replaced: u32,
    next_replacement: Monotonic,
}

/// How many pods count as available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Availability {
    /// Ready for at least the minimum time.
    pub(super) available: usize,
    /// When the next one will be, unless something changes.
    pub(super) next: Option<Duration>,
}

impl Timing {
    /// Takes note of the pods that are ready now; counts those that have been for `minimum`.
    pub(super) fn availability(
        &mut self,
        ready: &BTreeSet<Uid>,
        minimum: Duration,
        now: Monotonic,
    ) -> Availability {
        self.ready_since.retain(|uid, _| ready.contains(uid));
        for uid in ready {
            self.ready_since.entry(uid.clone()).or_insert(now);
        }
        let left = |since: &Monotonic| (*since + minimum) - now;
        let waiting: Vec<Duration> =
            self.ready_since.values().map(left).filter(|left| !left.is_zero()).collect();
        Availability { available: ready.len() - waiting.len(), next: waiting.into_iter().min() }
    }

    /// Whether pods that ended may be replaced now; otherwise how long to wait.
    pub(super) fn may_replace(&self, now: Monotonic) -> Result<(), Duration> {
        let left = self.next_replacement - now;
        if left.is_zero() { Ok(()) } else { Err(left) }
    }

    /// Pods that ended have been replaced.
    pub(super) fn replaced(&mut self, now: Monotonic) {
        self.replaced = self.replaced.saturating_add(1);
        self.next_replacement = now + REPLACE.ceiling(self.replaced);
    }

    /// Every pod serves: the next one that ends is replaced at once again.
    pub(super) fn all_well(&mut self) {
        self.replaced = 0;
        self.next_replacement = Monotonic::default();
    }
}
