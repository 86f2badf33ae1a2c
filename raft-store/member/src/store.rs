//! The store contract, on any member.

use crate::member_core::{Core, Inner};
use crate::status::status_of;
use async_trait::async_trait;
use futures::future::BoxFuture;
use quorate_mvcc::{Command, Mvcc, Reply};
use quorate_raft::Method;
use quorate_seams::spawn_blocking;
use quorate_store::{
    Consistency, Error, KeyRange, LeaseGranted, LeaseTimeToLive, RangeRequest, RangeResponse,
    Status, Store, Txn, TxnResponse, WatchRequest, WatchStream,
};
use quorate_types::{LeaseId, Revision, limits};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Reads of at most this many keys are answered on the async threads.
const SHORT_READ: usize = 128;

impl Inner {
    pub(crate) fn propose<'a>(
        &'a self,
        command: &Command,
    ) -> impl Future<Output = Result<Reply, Error>> + Send + use<'a> {
        let bytes = command.encode().map_err(|error| Error::unavailable(error.to_string()));
        async move {
            let proposed = self.consensus.propose(bytes?);
            self.counted(&self.counters.writes, proposed).await
        }
    }

    pub(crate) async fn txn(&self, txn: Txn) -> Result<TxnResponse, Error> {
        txn.check(limits::MAX_TXN_OPS)?;
        if txn.has_puts() {
            self.check_space().await?;
        }
        // Encoded and dropped before the wait.
        let proposed = self.propose(&Command::Txn(txn));
        match proposed.await? {
            Reply::Txn(response) => Ok(response),
            other => Err(unexpected(&other)),
        }
    }

    pub(crate) async fn read(&self, request: RangeRequest) -> Result<RangeResponse, Error> {
        self.counted(&self.counters.reads, self.answer(request)).await
    }

    async fn answer(&self, request: RangeRequest) -> Result<RangeResponse, Error> {
        match request.consistency {
            Consistency::Linearizable => self.consensus.read_barrier().await?,
            // Waits for nothing: whoever reads in a loop must let others run, too.
            Consistency::Serializable => tokio::task::coop::consume_budget().await,
        }
        if is_short(&request) {
            return self.state()?.range(&request);
        }
        Box::pin(self.read_long(request)).await
    }

    async fn read_long(&self, request: RangeRequest) -> Result<RangeResponse, Error> {
        let state = self.state()?;
        let found = spawn_blocking(move || state.range(&request)).await;
        found.unwrap_or_else(|| Err(Error::Fatal { reason: "a read panicked".to_owned() }))
    }

    /// The first keys of a range, read off the async threads.
    async fn page(&self, request: RangeRequest) -> Result<RangeResponse, Error> {
        if request.consistency == Consistency::Linearizable {
            self.consensus.read_barrier().await?;
        }
        let state = self.state()?;
        let found = spawn_blocking(move || state.page(&request)).await;
        found.unwrap_or_else(|| Err(Error::Fatal { reason: "a read panicked".to_owned() }))
    }

    pub(crate) fn lease_seconds(&self, ttl: Duration) -> Result<i64, Error> {
        let limit = limits::MAX_LEASE_TTL_SECONDS;
        let round_up = u64::from(ttl.subsec_nanos() > 0);
        let seconds = i64::try_from(ttl.as_secs().saturating_add(round_up)).unwrap_or(i64::MAX);
        if (1..=limit).contains(&seconds) {
            Ok(seconds.max(self.min_lease_seconds()))
        } else {
            Err(Error::LeaseTtl { seconds, limit })
        }
    }

    /// A positive lease id that nobody has chosen.
    pub(crate) fn draw_lease_id(&self) -> LeaseId {
        let bits = self.seams.random.next_u64() >> 1;
        LeaseId(i64::try_from(bits).unwrap_or(i64::MAX).max(1))
    }

    /// Asks the leader what is left of a lease, or to renew it.
    async fn ask_lease(&self, method: Method, id: LeaseId) -> Result<Duration, Error> {
        let body = crate::leases::encode_id(id);
        let asked = body.clone();
        let here =
            || -> BoxFuture<'_, _> { Box::pin(self.leases.serve(&self.consensus, method, &asked)) };
        let answer = self.consensus.ask_leader(method, body, &here).await?;
        crate::leases::decode_left(&answer).ok_or(Error::LeaseNotFound(id))
    }
}

impl Core {
    /// The first keys of a range, as many as the limit says, in byte order; sort and filter are
    /// passed over. It reads no further, and counts only what it returns: a large range read piece by
    /// piece at one revision is read once.
    ///
    /// # Errors
    /// As for [`Store::range`].
    pub async fn page(&self, request: RangeRequest) -> Result<RangeResponse, Error> {
        self.inner.page(request).await
    }
}

fn is_short(request: &RangeRequest) -> bool {
    matches!(request.range, KeyRange::Key(_))
        || (request.limit > 0 && request.limit <= SHORT_READ && !request.count_only)
}

pub(crate) fn unexpected(reply: &Reply) -> Error {
    Error::Fatal { reason: format!("the state answered another question: {reply:?}") }
}

#[async_trait]
impl Store for Core {
    async fn range(&self, request: RangeRequest) -> Result<RangeResponse, Error> {
        self.inner.read(request).await
    }

    async fn txn(&self, txn: Txn) -> Result<TxnResponse, Error> {
        self.inner.txn(txn).await
    }

    async fn compact(&self, revision: Revision) -> Result<(), Error> {
        match self.inner.propose(&Command::Compact { revision }).await? {
            Reply::Compacted { .. } => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, Error> {
        request.range.check()?;
        let state: Arc<Mvcc> = self.inner.state()?;
        Ok(self.inner.watches.guard(state.watch(request)))
    }

    async fn lease_grant(&self, id: LeaseId, ttl: Duration) -> Result<LeaseGranted, Error> {
        let ttl_seconds = self.inner.lease_seconds(ttl)?;
        self.inner.check_space().await?;
        let drawn = id == LeaseId::NONE;
        loop {
            let id = if drawn { self.inner.draw_lease_id() } else { id };
            match self.inner.propose(&Command::LeaseGrant { id, ttl_seconds }).await {
                Ok(Reply::LeaseGranted(granted)) => return Ok(granted),
                Ok(other) => return Err(unexpected(&other)),
                // Nothing was granted, and another number will do.
                Err(Error::LeaseExists(_)) if drawn => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn lease_revoke(&self, id: LeaseId) -> Result<(), Error> {
        match self.inner.propose(&Command::LeaseRevoke { ids: vec![id] }).await? {
            Reply::LeaseRevoked { .. } => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    async fn lease_keep_alive(&self, id: LeaseId) -> Result<Duration, Error> {
        self.inner.ask_lease(Method::LeaseKeepAlive, id).await
    }

    async fn lease_time_to_live(&self, id: LeaseId) -> Result<LeaseTimeToLive, Error> {
        let remaining = self.inner.ask_lease(Method::LeaseTimeToLive, id).await?;
        self.inner.consensus.read_barrier().await?;
        let state = self.inner.state()?;
        let lease = state.lease(id)?.ok_or(Error::LeaseNotFound(id))?;
        let granted = Duration::from_secs(u64::try_from(lease.ttl_seconds).unwrap_or(0));
        Ok(LeaseTimeToLive { id, granted, remaining, keys: state.lease_keys(id)? })
    }

    async fn leases(&self) -> Result<Vec<LeaseId>, Error> {
        self.inner.consensus.read_barrier().await?;
        Ok(self.inner.state()?.leases()?.into_iter().map(|lease| lease.id).collect())
    }

    fn status(&self) -> Status {
        match self.inner.state() {
            Ok(state) => {
                let leadership = self.inner.consensus.leadership();
                status_of(self.id(), &leadership.borrow(), &state)
            }
            Err(_) => Status { leader: None, ..*self.inner.status.borrow() },
        }
    }

    fn status_watch(&self) -> watch::Receiver<Status> {
        self.inner.status.clone()
    }
}
