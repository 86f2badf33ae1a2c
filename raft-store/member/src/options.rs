//! What a member is told at start.

use crate::error::Error;
use quorate_mvcc::{Machine, Machines};
use quorate_raft::{Retention, Timing};
use quorate_transport::{ClientTls, ServerTls, Url};
use quorate_types::limits::DEFAULT_QUOTA_BYTES;
use quorate_types::{ClusterId, MemberId};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How members reach each other when one plain address is not enough.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PeerSockets {
    /// Where this member listens.
    pub listen: Vec<Url>,
    /// How it encrypts what it listens for.
    pub server_tls: Option<ServerTls>,
    /// How it encrypts calls.
    pub client_tls: Option<ClientTls>,
}

impl PeerSockets {
    /// Sockets on URLs, with TLS for those that say so.
    #[must_use]
    pub fn new(
        listen: Vec<Url>,
        server_tls: Option<ServerTls>,
        client_tls: Option<ClientTls>,
    ) -> Self {
        Self { listen, server_tls, client_tls }
    }
}

/// Options of a member.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MemberOptions {
    /// The cluster: the same number for all its members. Members and directories of other clusters
    /// are refused.
    pub cluster: ClusterId,
    /// This member; never used again in this cluster for another data directory.
    pub id: MemberId,
    /// Where it keeps its log and state. Created if it does not exist.
    pub data_dir: PathBuf,
    /// Where the log lives if not in the data directory: a disk of its own, for instance.
    pub wal_dir: Option<PathBuf>,
    /// Sockets for member-to-member traffic in place of [`MemberOptions::listen`].
    pub sockets: Option<PeerSockets>,
    /// Address for member-to-member traffic. Port 0 takes any free port, for a cluster of one.
    pub listen: SocketAddr,
    /// The members that form the cluster and their addresses (`host:port`), this one included.
    /// Empty: a cluster of one. All of them must be up once, for the cluster to form; after that a
    /// majority is enough.
    pub peers: BTreeMap<MemberId, String>,
    /// Whether this member waits to be taken in by an existing cluster instead of forming one with
    /// its peers. Without effect once it has run.
    pub join: bool,
    /// Heartbeats and elections.
    pub timing: Timing,
    /// The longest a request waits; `None` for 5 s and two elections.
    pub request_timeout: Option<Duration>,
    /// Sizes of the raft log.
    pub log: quorate_log::Options,
    /// Log entries after which the state is made durable, 50 000.
    pub snapshot_after: u64,
    /// Log entries kept for members that lag, 100 000. Who lags more gets the whole state.
    pub keep_entries: u64,
    /// The same in bytes; whichever bound is reached first holds.
    pub retention: Retention,
    /// Bytes of state beyond which this member raises the alarm that refuses growth in the whole
    /// cluster; 0 for [`quorate_types::limits::DEFAULT_QUOTA_BYTES`].
    pub quota_bytes: u64,
    /// The application's own commands: the same on every member of the cluster.
    pub machines: Machines,
}

impl MemberOptions {
    /// Options of a cluster of one, with defaults for everything else.
    pub fn new(
        cluster: ClusterId,
        id: MemberId,
        data_dir: impl Into<PathBuf>,
        listen: SocketAddr,
    ) -> Self {
        Self {
            cluster,
            id,
            data_dir: data_dir.into(),
            wal_dir: None,
            sockets: None,
            listen,
            peers: BTreeMap::new(),
            join: false,
            timing: Timing::default(),
            request_timeout: None,
            log: quorate_log::Options::default(),
            snapshot_after: 50_000,
            keep_entries: 100_000,
            retention: Retention::default(),
            quota_bytes: 0,
            machines: Machines::default(),
        }
    }

    /// The members that form the cluster, this one included.
    #[must_use]
    pub fn peers(mut self, peers: BTreeMap<MemberId, String>) -> Self {
        self.peers = peers;
        self
    }

    /// Waits to be taken in by an existing cluster, see [`crate::Member::add_learner`], instead of
    /// forming one.
    #[must_use]
    pub fn join(mut self) -> Self {
        self.join = true;
        self
    }

    /// Heartbeats and elections.
    #[must_use]
    pub fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// Sizes of the raft log.
    #[must_use]
    pub fn log(mut self, log: quorate_log::Options) -> Self {
        self.log = log;
        self
    }

    /// How often the state is made durable, and how many entries stay in the log after that.
    #[must_use]
    pub fn snapshots(mut self, after: u64, keep: u64) -> Self {
        self.snapshot_after = after;
        self.keep_entries = keep;
        self
    }

    /// After how many bytes of log the state is made durable, and how many stay in the log after that.
    #[must_use]
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// Bytes of state beyond which growth is refused; 0 for the default.
    #[must_use]
    pub fn quota(mut self, bytes: u64) -> Self {
        self.quota_bytes = bytes;
        self
    }

    /// Adds the application's own commands, see [`Machine`].
    #[must_use]
    pub fn machine(mut self, machine: Arc<dyn Machine>) -> Self {
        self.machines = self.machines.with(machine);
        self
    }

    pub(crate) fn quota_or_default(&self) -> u64 {
        if self.quota_bytes == 0 { DEFAULT_QUOTA_BYTES } else { self.quota_bytes }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let invalid = |reason: String| Err(Error::Options { reason });
        if !self.peers.is_empty() && !self.peers.contains_key(&self.id) {
            return invalid(format!("peers do not contain member {} itself: add it", self.id));
        }
        if self.peers.len() > 1 && self.listen.port() == 0 && self.sockets.is_none() {
            return invalid("listen has port 0, but the peers must know the port: name it".into());
        }
        Ok(())
    }

    pub(crate) fn request_timeout_or_default(&self) -> Duration {
        self.request_timeout.unwrap_or_else(|| self.timing.request_timeout())
    }
}
