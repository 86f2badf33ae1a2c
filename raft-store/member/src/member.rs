//! Starting a member, and the two ways to end it.

use crate::data_dir::DataDir;
use crate::error::Error;
use crate::member_core::Core;
use crate::options::MemberOptions;
use quorate_log::RaftLog;
use quorate_mvcc::{HashKv, History, Mvcc, RocksDb, RocksOptions};
use quorate_raft::Parts;
use quorate_seams::{Seams, spawn_blocking};
use quorate_store::{SharedStore, Status};
use quorate_transport::{GrpcTransport, Identity, KeepAlive, Listener, Server};
use quorate_types::{ClusterId, LogIndex, MemberId, Revision};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// One running member of a replicated store. Clones share it; it implements
/// [`Store`](quorate_store::Store), and every member accepts every request, whoever leads.
///
/// Dropping the last clone closes its sockets and stops it without handing over leadership; use
/// [`Member::shutdown`].
#[derive(Clone, Debug)]
pub struct Member {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) core: Core,
    options: MemberOptions,
    addr: SocketAddr,
    state_dir: PathBuf,
    transport: Arc<GrpcTransport>,
    running: Mutex<Option<Running>>,
}

/// What a stopped member has let go of.
#[derive(Debug)]
struct Running {
    state: Arc<Mvcc>,
    server: Server,
    dir: DataDir,
}

impl Member {
    /// Starts a member: forms the cluster with its peers if the directory is new, otherwise goes on
    /// from what the directory holds. Returns before there is a leader; see [`Member::wait_ready`].
    ///
    /// # Errors
    /// The address or the directory is in use, the directory is not this member's, is damaged or was set
    /// back to an older copy, or the options are invalid. Nothing has been overwritten then.
    pub async fn start(options: MemberOptions, seams: Seams) -> Result<Self, Error> {
        options.check()?;
        let listener = match &options.sockets {
            Some(sockets) => {
                Listener::bind_urls(&sockets.listen, sockets.server_tls.clone()).await?
            }
            None => Listener::bind(options.listen)
                .await
                .map_err(|source| Error::Listen { addr: options.listen, source })?,
        };
        let opened = options.clone();
        let within = seams.clone();
        let opened = spawn_blocking(move || Opened::open(&opened, &within)).await;
        let opened = opened.ok_or_else(|| Error::Options {
            reason: "opening the data directory panicked; see the log".to_owned(),
        })??;
        Self::assemble(options, seams, listener, opened).await
    }

    async fn assemble(
        options: MemberOptions,
        seams: Seams,
        listener: Listener,
        opened: Opened,
    ) -> Result<Self, Error> {
        let Opened { dir, log, state } = opened;
        let identity = Identity { cluster: options.cluster, member: options.id };
        let keep_alive = KeepAlive {
            interval: options.timing.election_min.max(Duration::from_millis(200)),
            timeout: options.timing.election_max.max(Duration::from_millis(500)),
        };
        let client_tls = options.sockets.as_ref().and_then(|sockets| sockets.client_tls.clone());
        let clock = Arc::clone(&seams.clock);
        let transport = GrpcTransport::new(identity, Arc::clone(&clock), keep_alive);
        let transport = Arc::new(transport.with_tls(client_tls));
        let addr = listener.local_addr();
        let parts =
            Parts { log, state: Arc::clone(&state), transport: Arc::clone(&transport) as _, seams };
        let raft = raft_options(&options, addr, dir.transfer());
        let core = Core::start_with(raft, parts, options.quota_or_default()).await?;
        let server = listener.serve(identity, keep_alive, core.service(), clock);
        let state_dir = dir.state();
        let running = Mutex::new(Some(Running { state, server, dir }));
        Ok(Self { inner: Arc::new(Inner { core, options, addr, state_dir, transport, running }) })
    }

    /// The store that this member serves, for components that share one.
    #[must_use]
    pub fn store(&self) -> SharedStore {
        Arc::new(self.clone())
    }

    /// This member.
    #[must_use]
    pub fn id(&self) -> MemberId {
        self.inner.options.id
    }

    /// Its cluster.
    #[must_use]
    pub fn cluster(&self) -> ClusterId {
        self.inner.options.cluster
    }

    /// Its heartbeats and elections.
    #[must_use]
    pub fn timing(&self) -> quorate_raft::Timing {
        self.inner.options.timing
    }

    /// The address that it listens on for other members.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.inner.addr
    }

    /// The voters and their addresses.
    #[must_use]
    pub fn voters(&self) -> std::collections::BTreeMap<MemberId, String> {
        self.inner.core.consensus().voters()
    }

    /// Whether the cluster knows the log of a member, so that an emptied directory in its place would
    /// be noticed: true soon after a cluster was formed, and before a learner gets a vote.
    #[must_use]
    pub fn recognises(&self, id: MemberId) -> bool {
        self.inner.core.consensus().recognises(id)
    }

    /// Waits until there is a leader and this member has applied what was committed before.
    ///
    /// # Errors
    /// The time passed, or the member has stopped.
    pub async fn wait_ready(&self, limit: Duration) -> Result<Status, quorate_store::Error> {
        self.inner.core.wait_ready(limit).await
    }

    /// Waits until the member takes no part any more: `Ok` once it was shut down or killed. A process
    /// that serves a member ends with the error, after [`Member::kill`]: from a failed write or sync on
    /// the member acknowledges nothing, and only a new start, which proves what is really on disk, can
    /// go on.
    ///
    /// # Errors
    /// What the member met: a failed or full disk, damage.
    pub async fn ended(&self) -> Result<(), Error> {
        Ok(self.inner.core.consensus().ended().await?)
    }

    /// The hash of everything at a revision, equal on all members that have applied it and
    /// comparable with etcd's.
    ///
    /// # Errors
    /// The revision is compacted or not applied here yet, or the member has stopped.
    pub async fn hash_kv(&self, revision: Revision) -> Result<HashKv, quorate_store::Error> {
        self.inner.core.hash_kv(revision).await
    }

    /// Tells all that this member has applied, as it is at one moment, on a thread that may block;
    /// serving goes on meanwhile. [`Member::shutdown`] waits for no teller: let it end first.
    ///
    /// # Errors
    /// The state cannot be read, the teller failed, or the member has stopped.
    pub async fn history<T: Send + 'static>(
        &self,
        tell: impl FnOnce(&History<'_>) -> Result<T, quorate_mvcc::Error> + Send + 'static,
    ) -> Result<T, quorate_store::Error> {
        self.inner.core.history(tell).await
    }

    /// Hands leadership to another voter, and what is left of the leases with it. Does nothing if
    /// this member does not lead.
    pub async fn transfer_leadership(&self, to: MemberId) {
        self.inner.core.transfer_leadership(to).await;
    }

    /// Makes the state durable now, so that the log before it can be purged.
    pub async fn snapshot_now(&self) {
        self.inner.core.consensus().make_durable().await;
    }

    /// Counters of the raft log since it was opened.
    #[must_use]
    pub fn log_stats(&self) -> quorate_log::Stats {
        self.inner.core.log().stats()
    }

    /// The last entry of the log, and the last that is applied here; 0 before the first.
    #[must_use]
    pub fn log_position(&self) -> (LogIndex, LogIndex) {
        let last = self.inner.core.log().state().last.map(|id| id.index);
        let applied = *self.inner.core.consensus().applied().borrow();
        (last.unwrap_or_default(), applied.unwrap_or_default())
    }

    /// Stops cleanly: hands leadership over, closes the sockets, makes the state durable, closes the
    /// log, lets go of the directory. Does nothing the second time.
    ///
    /// # Errors
    /// The state could not be made durable; the log still has what is missing.
    pub async fn shutdown(&self) -> Result<(), Error> {
        self.inner.core.hand_over().await;
        let Some(running) = self.take_running() else { return Ok(()) };
        let state = Arc::clone(&running.state);
        let dir = self.stop(running).await;
        let flushed = spawn_blocking(move || {
            let flushed = state.flush();
            drop(state);
            flushed
        })
        .await;
        drop(dir);
        match flushed {
            Some(Ok(_)) => Ok(()),
            Some(Err(source)) => Err(Error::State { path: self.inner.state_dir.clone(), source }),
            None => Err(Error::Damaged {
                path: self.inner.state_dir.clone(),
                reason: "flushing the state panicked".to_owned(),
            }),
        }
    }

    /// Dies as a killed process would, as far as that is possible from within: sockets close at
    /// once, requests fail, nothing is handed over or flushed. The directory can be opened again
    /// when the call returns.
    pub async fn kill(&self) {
        let Some(running) = self.take_running() else { return };
        drop(self.stop(running).await);
    }

    fn take_running(&self) -> Option<Running> {
        // From here on requests are refused.
        self.inner.core.refuse();
        self.inner.running.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Ends everything that runs; the directory stays locked until the result is dropped.
    async fn stop(&self, running: Running) -> DataDir {
        let Running { state, server, dir } = running;
        self.inner.transport.disconnect();
        server.stop().await;
        self.inner.core.stop().await;
        drop(state);
        dir
    }
}

fn raft_options(
    options: &MemberOptions,
    addr: SocketAddr,
    scratch: PathBuf,
) -> quorate_raft::Options {
    let mut peers = options.peers.clone();
    if peers.is_empty() {
        peers.insert(options.id, addr.to_string());
    }
    quorate_raft::Options {
        cluster: options.cluster,
        id: options.id,
        peers,
        form: !options.join,
        timing: options.timing,
        request_timeout: options.request_timeout_or_default(),
        snapshot_after: options.snapshot_after,
        keep_entries: options.keep_entries,
        retention: options.retention,
        scratch,
    }
}

/// What a data directory holds, opened.
struct Opened {
    dir: DataDir,
    log: RaftLog,
    state: Arc<Mvcc>,
}

impl Opened {
    fn open(options: &MemberOptions, seams: &Seams) -> Result<Self, Error> {
        let disk = Arc::clone(&seams.disk);
        let dir = DataDir::open(&disk, &options.data_dir, options.cluster, options.id)?;
        let identity = quorate_log::Identity { cluster: options.cluster, member: options.id };
        let path = options.wal_dir.clone().unwrap_or_else(|| dir.log());
        let with = quorate_log::Options { birth: seams.random.next_u64(), ..options.log };
        let log = RaftLog::open(disk, &path, identity, with)
            .map_err(|source| Error::Log { path, source })?;
        let state = open_state(&dir.state(), state_options(options))?;
        Ok(Self { dir, log, state })
    }
}

/// What the state of a member is opened with.
fn state_options(options: &MemberOptions) -> quorate_mvcc::Options {
    quorate_mvcc::Options {
        cluster: Some(options.cluster),
        machines: options.machines.clone(),
        compaction_step: 0,
        ..Default::default()
    }
}

/// Opens the state in a directory.
pub(crate) fn open_state(path: &Path, options: quorate_mvcc::Options) -> Result<Arc<Mvcc>, Error> {
    let failed = |source| Error::State { path: path.to_owned(), source };
    let db = RocksDb::open(path, RocksOptions::default()).map_err(failed)?;
    Mvcc::open(Arc::new(db), options).map_err(failed)
}
