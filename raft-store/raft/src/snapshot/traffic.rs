//! How much of snapshots travelled, and how much did not have to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a member has sent and received of snapshots since it was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SnapshotTraffic {
    /// Snapshots sent and acknowledged as installed.
    pub sent: u64,
    /// Bytes of files sent, also of transfers that broke off.
    pub sent_bytes: u64,
    /// Snapshots received whole.
    pub received: u64,
    /// Bytes of files received, also of transfers that broke off.
    pub received_bytes: u64,
    /// Bytes that were there already when a transfer began and did not travel.
    pub reused_bytes: u64,
}

/// The counters, shared by what sends and what receives.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traffic(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    sent: AtomicU64,
    sent_bytes: AtomicU64,
    received: AtomicU64,
    received_bytes: AtomicU64,
    reused_bytes: AtomicU64,
}

fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

impl Traffic {
    pub(crate) fn sent(&self) {
        add(&self.0.sent, 1);
    }

    pub(crate) fn sent_bytes(&self, bytes: u64) {
        add(&self.0.sent_bytes, bytes);
    }

    pub(crate) fn received(&self) {
        add(&self.0.received, 1);
    }

    pub(crate) fn received_bytes(&self, bytes: u64) {
        add(&self.0.received_bytes, bytes);
    }

    pub(crate) fn reused_bytes(&self, bytes: u64) {
        add(&self.0.reused_bytes, bytes);
    }

    pub(crate) fn so_far(&self) -> SnapshotTraffic {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SnapshotTraffic {
            sent: read(&self.0.sent),
            sent_bytes: read(&self.0.sent_bytes),
            received: read(&self.0.received),
            received_bytes: read(&self.0.received_bytes),
            reused_bytes: read(&self.0.reused_bytes),
        }
    }
}
