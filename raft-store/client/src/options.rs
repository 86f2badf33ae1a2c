//! What a handle is told.

use quorate_seams::{OsRandom, SharedClock, SharedRandom, SystemClock};
use std::sync::Arc;
use std::time::Duration;

/// How a handle uses an etcd.
#[derive(Clone, Debug)]
pub struct Options {
    /// Under which prefix everything lies; not empty. Handles of one root see the same store.
    pub root: String,
    /// Whether this handle stands for election among those of its root. Without, it only sees who
    /// leads, and its own fenced writes are those of somebody else's term.
    pub campaign: bool,
    /// How long a leader that is cut off stays the leader for the others; whole seconds, at least two.
    pub leader_ttl: Duration,
    /// How long a request may take before its outcome is unknown.
    pub request_timeout: Duration,
    /// Most operations of one transaction: the server's `--max-txn-ops`, in etcd 128 unless told
    /// otherwise. A fence and a name take one each of what a nested transaction may have.
    pub max_txn_ops: usize,
    /// By which time passes.
    pub clock: SharedClock,
    /// From which the handle draws who it is.
    pub random: SharedRandom,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            root: "/quorate/".to_owned(),
            campaign: false,
            leader_ttl: Duration::from_secs(10),
            request_timeout: Duration::from_secs(10),
            max_txn_ops: 128,
            clock: SystemClock::shared(),
            random: Arc::new(OsRandom),
        }
    }
}
