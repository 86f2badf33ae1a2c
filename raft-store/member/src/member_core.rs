//! The store of one member, without what surrounds it in a process: no sockets, no directory.
//!
//! Place: between consensus and [`crate::Member`], which gives it a log and a state from a data
//! directory and a transport over gRPC. Simulations give it a disk that forgets and a network that
//! loses; it is the same code.

use crate::leases::{Leases, drive};
use crate::metrics::Counters;
use crate::service::Service;
use crate::status::follow;
use crate::sweep;
use crate::watching::Watches;
use quorate_auth::SimpleTokens;
use quorate_log::RaftLog;
use quorate_mvcc::{HashKv, History, Mvcc};
use quorate_raft::{Consensus, Inbound, Options, Parts};
use quorate_seams::{Seams, TaskSet, spawn_blocking, timeout};
use quorate_store::{Error, Status, Store};
use quorate_types::limits::DEFAULT_QUOTA_BYTES;
use quorate_types::{MemberId, Revision};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// The store of one member; implements [`Store`]. Clones share it.
#[derive(Clone, Debug)]
pub struct Core {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) options: Options,
    pub(crate) quota_bytes: u64,
    /// Held by the one who raises this member's alarm.
    pub(crate) raising: tokio::sync::Mutex<()>,
    pub(crate) seams: Seams,
    pub(crate) consensus: Consensus,
    pub(crate) leases: Arc<Leases>,
    pub(crate) tokens: Arc<SimpleTokens>,
    pub(crate) watches: Watches,
    pub(crate) counters: Counters,
    pub(crate) status: watch::Receiver<Status>,
    log: RaftLog,
    tasks: TaskSet,
    /// `None` once the member has stopped.
    state: Mutex<Option<Arc<Mvcc>>>,
}

impl Core {
    /// Starts consensus and everything that follows it. Returns before there is a leader; see
    /// [`Core::wait_ready`].
    ///
    /// # Errors
    /// As [`Consensus::start`].
    pub async fn start(options: Options, parts: Parts) -> Result<Self, quorate_raft::Error> {
        Self::start_with(options, parts, DEFAULT_QUOTA_BYTES).await
    }

    /// As [`Core::start`], with a quota of so many bytes of state.
    ///
    /// # Errors
    /// As [`Consensus::start`].
    pub async fn start_with(
        options: Options,
        parts: Parts,
        quota_bytes: u64,
    ) -> Result<Self, quorate_raft::Error> {
        let (log, state, seams) =
            (parts.log.clone(), Arc::clone(&parts.state), parts.seams.clone());
        // Told of tokens before anything is applied.
        let tokens = Arc::new(SimpleTokens::new(Arc::clone(&seams.clock), Duration::ZERO));
        state.follow_tokens(Arc::clone(&tokens) as _);
        let consensus = Consensus::start(options.clone(), parts).await?;
        let clock = Arc::clone(&seams.clock);
        let extend = options.timing.election_max;
        let leases = Arc::new(Leases::new(clock, &state, options.id, extend));
        let tasks = TaskSet::new();
        let (known, status) = follow(options.id, &consensus, Arc::clone(&state));
        tasks.spawn(known);
        tasks.spawn(drive(Arc::clone(&leases), consensus.clone()));
        tasks.spawn(sweep::drive(Arc::downgrade(&state), Arc::clone(&seams.clock)));
        let watches = Watches::default();
        let state = Mutex::new(Some(state));
        let raising = tokio::sync::Mutex::new(());
        let inner = Inner {
            options,
            quota_bytes,
            raising,
            seams,
            consensus,
            leases,
            tokens,
            watches,
            counters: Counters::default(),
            status,
            log,
            tasks,
            state,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What serves other members' calls.
    #[must_use]
    pub fn service(&self) -> Arc<dyn Inbound> {
        let leases = Arc::clone(&self.inner.leases);
        let state = self.inner.state().map(|state| Arc::downgrade(&state)).unwrap_or_default();
        Arc::new(Service { consensus: self.inner.consensus.clone(), leases, state })
    }

    /// This member.
    #[must_use]
    pub fn id(&self) -> MemberId {
        self.inner.options.id
    }

    /// This member's part in consensus.
    #[must_use]
    pub fn consensus(&self) -> &Consensus {
        &self.inner.consensus
    }

    /// The raft log; to be read, never to be written.
    #[must_use]
    pub fn log(&self) -> &RaftLog {
        &self.inner.log
    }

    /// Waits until there is a leader and this member has applied what was committed before.
    ///
    /// # Errors
    /// The time passed, or the member has stopped.
    pub async fn wait_ready(&self, limit: Duration) -> Result<Status, Error> {
        let clock = &*self.inner.seams.clock;
        let ready = timeout(clock, limit, self.inner.consensus.read_barrier()).await;
        ready.unwrap_or(Err(Error::Timeout))?;
        Ok(self.status())
    }

    /// The hash of everything at a revision, equal on all members that have applied it and
    /// comparable with etcd's.
    ///
    /// # Errors
    /// The revision is compacted or not applied here yet, or the member has stopped.
    pub async fn hash_kv(&self, revision: Revision) -> Result<HashKv, Error> {
        let state = self.inner.state()?;
        let hash = spawn_blocking(move || state.hash_kv(revision)).await;
        hash.unwrap_or_else(|| Err(Error::Fatal { reason: "hash panicked".into() }))
    }

    /// Tells all that this member has applied, as it is at one moment, on a thread that may block;
    /// serving goes on meanwhile.
    ///
    /// # Errors
    /// The state cannot be read, the teller failed, or the member has stopped.
    pub async fn history<T: Send + 'static>(
        &self,
        tell: impl FnOnce(&History<'_>) -> Result<T, quorate_mvcc::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let state = self.inner.state()?;
        let told = spawn_blocking(move || state.history(tell)).await;
        let told = told.ok_or_else(|| Error::Fatal { reason: "telling the state panicked".into() });
        Ok(told??)
    }

    /// Hands leadership to another voter, and what is left of the leases with it. Does nothing if
    /// this member does not lead.
    pub async fn transfer_leadership(&self, to: MemberId) {
        self.inner.leases.hand_over(&self.inner.consensus).await;
        self.inner.consensus.transfer_leadership(to).await;
    }

    /// Hands leadership to another voter if this member leads, and waits until one has taken over.
    pub async fn hand_over(&self) {
        let inner = &self.inner;
        if self.status().leading().is_none() {
            return;
        }
        let own = self.id();
        let Some(heir) = inner.consensus.voters().into_keys().find(|id| *id != own) else { return };
        self.transfer_leadership(heir).await;
        let mut leadership = inner.consensus.leadership();
        let moved = leadership.wait_for(|view| view.leader.is_some() && view.leader != Some(own));
        let limit = inner.options.timing.election_max;
        if timeout(&*inner.seams.clock, limit, moved).await.is_none() {
            tracing::info!("leadership was not taken over in time; the others will elect");
        }
    }

    /// Takes the state away, so that every later request is refused.
    pub(crate) fn refuse(&self) {
        drop(self.inner.state.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Ends everything that runs and closes the log; requests are refused from now on. The state is
    /// left to who opened it. Call it once.
    pub async fn stop(&self) {
        self.refuse();
        self.inner.tasks.stop().await;
        self.inner.watches.end();
        self.inner.consensus.shutdown().await;
        let log = self.inner.log.clone();
        let closed = spawn_blocking(move || log.close()).await;
        if closed.is_none() {
            tracing::error!("closing the raft log panicked");
        }
    }
}

impl Inner {
    /// The state, while the member runs.
    pub(crate) fn state(&self) -> Result<Arc<Mvcc>, Error> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &*state {
            Some(state) => Ok(Arc::clone(state)),
            None => Err(Error::unavailable("the member has stopped")),
        }
    }

    /// Shortest lease in seconds: one and a half elections, so that no lease ends for want of a
    /// leader (etcd's rule).
    pub(crate) fn min_lease_seconds(&self) -> i64 {
        let millis = self.options.timing.election_min.as_millis() * 3 / 2;
        i64::try_from(millis.div_ceil(1000)).unwrap_or(i64::MAX).max(1)
    }
}
