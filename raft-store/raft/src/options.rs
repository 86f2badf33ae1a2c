//! What consensus is told at start.

use crate::error::Error;
use crate::retention::Retention;
use openraft::{Config, SnapshotPolicy};
use quorate_types::{ClusterId, MemberId};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// How fast a cluster notices that its leader is gone, and how often the leader says that it is not.
///
/// The heartbeat must be well above the round trip between members and well below the election
/// timeouts, whose spread decides how rarely two members stand for election at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Between two heartbeats of a leader.
    pub heartbeat: Duration,
    /// Shortest silence of the leader after which a member stands for election.
    pub election_min: Duration,
    /// Longest such silence.
    pub election_max: Duration,
}

impl Default for Timing {
    /// etcd's defaults: heartbeats of 100 ms, elections after 1 to 2 s.
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(100),
            election_min: Duration::from_secs(1),
            election_max: Duration::from_secs(2),
        }
    }
}

impl Timing {
    /// For members that share one machine: heartbeats of 30 ms, elections after 150 to 300 ms.
    #[must_use]
    pub fn fast() -> Self {
        Self {
            heartbeat: Duration::from_millis(30),
            election_min: Duration::from_millis(150),
            election_max: Duration::from_millis(300),
        }
    }

    /// The longest a request waits by default: 5 s and two elections (etcd's rule).
    #[must_use]
    pub fn request_timeout(&self) -> Duration {
        Duration::from_secs(5) + 2 * self.election_max
    }
}

/// Options of one member's consensus.
#[derive(Clone, Debug)]
pub struct Options {
    /// The cluster.
    pub cluster: ClusterId,
    /// This member.
    pub id: MemberId,
    /// The members that form the cluster, with addresses; this one included.
    pub peers: BTreeMap<MemberId, String>,
    /// Whether the peers form a new cluster, once all of them answer, if this member has never run. Otherwise it waits until
    /// the members of an existing cluster take it in.
    pub form: bool,
    /// Heartbeats and elections.
    pub timing: Timing,
    /// The longest a request waits.
    pub request_timeout: Duration,
    /// Entries after which the state is made durable, so that the log can be purged.
    pub snapshot_after: u64,
    /// Entries that stay in the log for members that lag.
    pub keep_entries: u64,
    /// The same in bytes; whichever bound is reached first holds.
    pub retention: Retention,
    /// Directory for state on its way in or out, on the state's file system. Emptied at start.
    pub scratch: PathBuf,
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Options {
    pub(crate) fn config(&self) -> Result<Config, Error> {
        let timing = &self.timing;
        let config = Config {
            cluster_name: self.cluster.to_string(),
            heartbeat_interval: millis(timing.heartbeat),
            election_timeout_min: millis(timing.election_min),
            election_timeout_max: millis(timing.election_max),
            install_snapshot_timeout: millis(Duration::from_secs(600)),
            max_payload_entries: 2048,
            replication_lag_threshold: self.snapshot_after.saturating_add(self.keep_entries),
            snapshot_policy: SnapshotPolicy::LogsSinceLast(self.snapshot_after),
            // Purged by `retention`.
            max_in_snapshot_log_to_keep: u64::MAX,
            enable_pre_vote: Some(true),
            // A learner may begin anew from an empty directory; voters that do are refused, see
            // `births`. A leader must survive both.
            allow_log_reversion: Some(true),
            // A restarted leader stands for election: its state may lag behind what it committed.
            enable_leader_restore: Some(false),
            backoff: format!("{}ms ..{}ms", millis(timing.heartbeat), millis(timing.election_min)),
            ..Config::default()
        };
        config.validate().map_err(|error| Error::Options { reason: error.to_string() })
    }
}
