//! Bounding the log in bytes: what it takes on disk, and what a start has to read.
//!
//! Place: beside openraft's own rules, which count entries; one entry may carry a thousand commands.
//!
//! Invariant: nothing is purged that the state does not hold durably; the log storage sees to that.

use crate::types::Raft;
use quorate_log::RaftLog;
use quorate_seams::SharedClock;
use std::time::Duration;

/// How often the log is measured.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How much log there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Bytes of log after which the state is made durable, so that what is before them can go.
    pub snapshot_bytes: u64,
    /// Bytes of entries that stay for members that lag; who lags more gets the whole state. More
    /// stays until the state has been made durable.
    pub keep_bytes: u64,
}

impl Default for Retention {
    /// 64 MiB, and 128 MiB: half a million small writes, some seconds at full speed.
    fn default() -> Self {
        Self { snapshot_bytes: 64 << 20, keep_bytes: 128 << 20 }
    }
}

/// Runs for the life of a member.
pub(crate) async fn drive(raft: Raft, log: RaftLog, clock: SharedClock, retention: Retention) {
    let mut durable = log.stats().bytes;
    // What an earlier process has left.
    let mut purge = true;
    loop {
        clock.sleep(LOOK_AGAIN).await;
        let mut stopped = false;
        if std::mem::take(&mut purge)
            && let Some(upto) = log.beyond(retention.keep_bytes)
        {
            stopped |= raft.trigger().purge_log(upto.0).await.is_err();
        }
        let written = log.stats().bytes;
        if written.saturating_sub(durable) >= retention.snapshot_bytes {
            durable = written;
            // By the next look the snapshot is there, or is about to be: then the look after that.
            purge = true;
            stopped |= raft.trigger().snapshot().await.is_err();
        }
        if stopped {
            return;
        }
    }
}
