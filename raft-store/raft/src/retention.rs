//! Bounding the log, in entries and in bytes: what it takes on disk, and what a start has to read.
//!
//! Place: instead of openraft's own rule, which counts entries; one entry may carry a thousand commands.
//!
//! Invariant: nothing is purged that the state does not hold durably; the log storage sees to that.

use crate::types::Raft;
use openraft::async_runtime::WatchReceiver;
use quorate_log::RaftLog;
use quorate_seams::{SharedClock, timeout};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// How often to look whether there is something to do.
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

/// Purges for the life of a member: openraft's own rule for that is switched off, since the two would
/// set each other's marks back.
pub(crate) async fn drive(
    raft: Raft,
    log: RaftLog,
    clock: SharedClock,
    made_durable: Arc<Notify>,
    keep_entries: u64,
    retention: Retention,
) {
    let mut durable = log.stats().bytes;
    let found = ends(&raft).0;
    let mut looked_at = None;
    loop {
        if timeout(&*clock, LOOK_AGAIN, made_durable.notified()).await.is_some() {
            // openraft learns of it a moment later.
            let _ = timeout(&*clock, LOOK_AGAIN, newer_snapshot(&raft, looked_at.or(found))).await;
        }
        let mut stopped = false;
        let (snapshot, purged) = ends(&raft);
        if let Some(snapshot) = snapshot.filter(|at| looked_at != Some(*at)) {
            looked_at = Some(snapshot);
            let beyond = log.beyond(retention.keep_bytes).map(|index| index.0);
            if let Some(upto) = purgeable(snapshot, purged, keep_entries, beyond) {
                stopped |= raft.trigger().purge_log(upto).await.is_err();
            }
        }
        let written = log.stats().bytes;
        if written.saturating_sub(durable) >= retention.snapshot_bytes {
            durable = written;
            stopped |= raft.trigger().snapshot().await.is_err();
        }
        if stopped {
            return;
        }
    }
}

/// Waits until openraft knows of another snapshot, or has ended.
async fn newer_snapshot(raft: &Raft, known: Option<u64>) {
    let mut metrics = raft.metrics();
    while ends(raft).0 == known && metrics.changed().await.is_ok() {}
}

/// The last entry that is durable in the state, and the last one that is purged.
fn ends(raft: &Raft) -> (Option<u64>, Option<u64>) {
    let metrics = raft.metrics();
    let metrics = metrics.borrow_watched();
    (metrics.snapshot.map(|id| id.index), metrics.purged.map(|id| id.index))
}

/// The last entry that may go, by number or by bytes, if that is worth a purge. `beyond` is the last one
/// with more than enough bytes behind it.
fn purgeable(
    snapshot: u64,
    purged: Option<u64>,
    keep_entries: u64,
    beyond: Option<u64>,
) -> Option<u64> {
    let by_number = snapshot.checked_sub(keep_entries);
    let upto = by_number.max(beyond.map(|beyond| beyond.min(snapshot)))?;
    let next = purged.map_or(0, |purged| purged + 1);
    (upto + 1 >= next + (keep_entries / 16).max(1)).then_some(upto)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_is_durable_and_beyond_one_of_the_two_bounds() {
        assert_eq!(purgeable(100, None, 30, None), Some(70));
        assert_eq!(purgeable(100, None, 130, None), None);
        assert_eq!(purgeable(100, None, 130, Some(60)), Some(60));
        assert_eq!(purgeable(100, None, 30, Some(200)), Some(100), "what is durable, at most");
        assert_eq!(purgeable(100, Some(70), 30, Some(60)), None, "gone already");
        assert_eq!(purgeable(100, Some(10), 64, Some(13)), Some(36));
        assert_eq!(purgeable(100, Some(33), 64, None), None, "too few to be worth it");
    }
}
