//! What services count of their own doings.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Counts since the listener began to serve.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) health_successes: AtomicU64,
    pub(crate) health_failures: AtomicU64,
    pub(crate) leader_changes: AtomicU64,
    pub(crate) leases_renewed: AtomicU64,
    pub(crate) events_sent: AtomicU64,
    /// Open streams of the Watch service.
    pub(crate) watch_streams: Gauge,
    /// Open watches.
    pub(crate) watchers: Gauge,
}

/// How many there are at the moment.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicI64);

impl Gauge {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn remove(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> u64 {
        u64::try_from(self.0.load(Ordering::Relaxed)).unwrap_or(0)
    }
}

/// Counts one more.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
