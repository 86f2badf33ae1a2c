//! The store on behalf of a caller: the same contract, each request judged by users and roles.
//!
//! Place: what listeners serve from. The member's own handle is for the application that embeds it and
//! is not judged.
//!
//! Invariants: what changes the state is judged where it is applied, by the users and roles at its
//! place in the log. What only reads is judged by what this member has applied, and judged again if
//! that changed while it was read. A watch delivers nothing any more once its reader may not read it.
//! While authentication is off a request costs one look at a number.

use crate::member_core::Core;
use crate::store::unexpected;
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use quorate_auth::{AuthChange, AuthState, Caller};
use quorate_mvcc::{Command, Mvcc, Reply};
use quorate_store::{
    AuthError, Consistency, Error, KeyRange, LeaseGranted, LeaseTimeToLive, RangeRequest,
    RangeResponse, Status, Store, Txn, TxnResponse, WatchBatch, WatchRequest, WatchStream,
};
use quorate_types::{LeaseId, Revision, limits};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A member's store as one caller sees it; implements [`Store`].
#[derive(Clone, Debug)]
pub struct Authorized {
    core: Core,
    caller: Caller,
}

impl Core {
    /// The store on behalf of somebody.
    #[must_use]
    pub fn on_behalf(&self, caller: Caller) -> Authorized {
        Authorized { core: self.clone(), caller }
    }
}

impl Authorized {
    /// On whose behalf.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The store's own handle, which is not judged: judge before.
    #[must_use]
    pub fn core(&self) -> &Core {
        &self.core
    }

    /// Refuses who is not in charge.
    ///
    /// # Errors
    /// [`AuthError`] while authentication is on, or the member has stopped.
    pub fn require_root(&self) -> Result<(), Error> {
        self.judge(AuthState::check_root)
    }

    /// Refuses who has not said who they are.
    ///
    /// # Errors
    /// As [`Authorized::require_root`].
    pub fn require_named(&self) -> Result<(), Error> {
        self.judge(AuthState::check_named)
    }

    /// Refuses who may not read a range.
    ///
    /// # Errors
    /// As [`Authorized::require_root`].
    pub fn require_readable(&self, range: &KeyRange) -> Result<(), Error> {
        self.judge(|auth, caller| auth.check_read(caller, range))
    }

    /// As [`Core::page`].
    ///
    /// # Errors
    /// [`AuthError`] while authentication is on, or as for [`Store::range`].
    pub async fn page(&self, mut request: RangeRequest) -> Result<RangeResponse, Error> {
        if request.consistency == Consistency::Linearizable {
            self.core.inner.consensus.read_barrier().await?;
            request.consistency = Consistency::Serializable;
        }
        let state = self.core.inner.state()?;
        let entered = self.enter(&state, |auth, caller| auth.check_read(caller, &request.range))?;
        let response = self.core.page(request).await?;
        self.still(&state, entered)?;
        Ok(response)
    }

    /// Changes users and roles; gives the store's revision, which stays as it is.
    ///
    /// # Errors
    /// The change is refused, or larger than a request may be, or as for [`Store::txn`].
    pub async fn change_auth(&self, change: AuthChange) -> Result<Revision, Error> {
        let (caller, change) = (self.caller.clone(), Box::new(Command::Auth(change)));
        let command = Command::OnBehalf { caller, command: change }.encode();
        let command = command.map_err(|error| Error::unavailable(error.to_string()))?;
        let (bytes, limit) = (command.len(), limits::MAX_REQUEST_BYTES);
        if bytes > limit {
            return Err(Error::TooLarge { bytes, limit });
        }
        match self.core.inner.consensus.propose(command).await? {
            Reply::Auth { revision, .. } => Ok(revision),
            other => Err(unexpected(&other)),
        }
    }

    /// Users and roles as they are now, if the caller may ask what it asks.
    ///
    /// # Errors
    /// The refusal of `check`, or no leader could confirm itself in time.
    pub async fn auth_about(
        &self,
        check: impl FnOnce(&AuthState, &Caller) -> Result<(), AuthError> + Send,
    ) -> Result<Arc<AuthState>, Error> {
        self.core.inner.consensus.read_barrier().await?;
        let auth = self.core.inner.state()?.auth();
        check(&auth, &self.caller)?;
        Ok(auth)
    }

    /// What is left of a lease; its keys are not told, so they need not be readable.
    ///
    /// # Errors
    /// As [`Store::lease_time_to_live`].
    pub async fn lease_remaining(&self, id: LeaseId) -> Result<LeaseTimeToLive, Error> {
        self.require_named()?;
        let found = self.core.lease_time_to_live(id).await?;
        Ok(LeaseTimeToLive { keys: Vec::new(), ..found })
    }

    async fn propose(&self, command: Command) -> Result<Reply, Error> {
        let (caller, command) = (self.caller.clone(), Box::new(command));
        self.core.inner.propose(&Command::OnBehalf { caller, command }).await
    }

    fn judge(
        &self,
        check: impl FnOnce(&AuthState, &Caller) -> Result<(), AuthError>,
    ) -> Result<(), Error> {
        let state = self.core.inner.state()?;
        if state.auth_gate() != 0 {
            check(&state.auth(), &self.caller)?;
        }
        Ok(())
    }

    /// Judges a reader by what this member has applied; gives what [`Authorized::still`] compares.
    fn enter(
        &self,
        state: &Mvcc,
        check: impl FnOnce(&AuthState, &Caller) -> Result<(), AuthError>,
    ) -> Result<u64, Error> {
        let gate = state.auth_gate();
        if gate != 0 {
            let auth = state.auth();
            check(&auth, &self.caller)?;
            return Ok(if auth.is_enabled() { auth.revision() } else { 0 });
        }
        Ok(gate)
    }

    /// Refuses a read during which users or roles have changed, or which began before the caller's own
    /// identity was known here.
    fn still(&self, state: &Mvcc, entered: u64) -> Result<(), Error> {
        let now = state.auth_gate();
        if now == 0 && entered == 0 {
            return Ok(());
        }
        if now != 0 && self.caller.is_anonymous() {
            return Err(AuthError::UserEmpty.into());
        }
        if now != entered || now != self.caller.revision() {
            return Err(AuthError::OldRevision.into());
        }
        Ok(())
    }

    /// Judges somebody who renews a lease.
    async fn check_renewal(&self, id: LeaseId) -> Result<(), Error> {
        let state = self.core.inner.state()?;
        if state.auth_gate() == 0 {
            return Ok(());
        }
        self.require_named()?;
        self.core.inner.consensus.read_barrier().await?;
        let keys = state.lease_keys(id)?;
        self.judge(|auth, caller| auth.check_lease_writes(caller, &keys))
    }
}

#[async_trait]
impl Store for Authorized {
    async fn range(&self, mut request: RangeRequest) -> Result<RangeResponse, Error> {
        if request.consistency == Consistency::Linearizable {
            self.core.inner.consensus.read_barrier().await?;
            request.consistency = Consistency::Serializable;
        }
        let state = self.core.inner.state()?;
        let entered = self.enter(&state, |auth, caller| auth.check_read(caller, &request.range))?;
        let response = self.core.inner.read(request).await?;
        self.still(&state, entered)?;
        Ok(response)
    }

    async fn txn(&self, txn: Txn) -> Result<TxnResponse, Error> {
        txn.check(limits::MAX_TXN_OPS)?;
        if txn.has_puts() {
            self.core.inner.check_space().await?;
        }
        match self.propose(Command::Txn(txn)).await? {
            Reply::Txn(response) => Ok(response),
            other => Err(unexpected(&other)),
        }
    }

    async fn compact(&self, revision: Revision) -> Result<(), Error> {
        match self.propose(Command::Compact { revision }).await? {
            Reply::Compacted { .. } => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, Error> {
        request.range.check()?;
        let state = self.core.inner.state()?;
        let entered = self.enter(&state, |auth, caller| auth.check_read(caller, &request.range))?;
        let range = request.range.clone();
        let batches = state.watch(request);
        let judged = Judged { state, caller: self.caller.clone(), range, entered };
        Ok(self.core.inner.watches.guard(judged.over(batches)))
    }

    async fn lease_grant(&self, id: LeaseId, ttl: Duration) -> Result<LeaseGranted, Error> {
        let inner = &self.core.inner;
        self.require_named()?;
        let ttl_seconds = inner.lease_seconds(ttl)?;
        inner.check_space().await?;
        let drawn = id == LeaseId::NONE;
        loop {
            let id = if drawn { inner.draw_lease_id() } else { id };
            match self.propose(Command::LeaseGrant { id, ttl_seconds }).await {
                Ok(Reply::LeaseGranted(granted)) => return Ok(granted),
                Ok(other) => return Err(unexpected(&other)),
                Err(Error::LeaseExists(_)) if drawn => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn lease_revoke(&self, id: LeaseId) -> Result<(), Error> {
        match self.propose(Command::LeaseRevoke { ids: vec![id] }).await? {
            Reply::LeaseRevoked { .. } => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    async fn lease_keep_alive(&self, id: LeaseId) -> Result<Duration, Error> {
        self.check_renewal(id).await?;
        self.core.lease_keep_alive(id).await
    }

    async fn lease_time_to_live(&self, id: LeaseId) -> Result<LeaseTimeToLive, Error> {
        self.require_named()?;
        let found = self.core.lease_time_to_live(id).await?;
        self.judge(|auth, caller| auth.check_lease_reads(caller, &found.keys))?;
        Ok(found)
    }

    async fn leases(&self) -> Result<Vec<LeaseId>, Error> {
        let found = self.core.leases().await?;
        let state = self.core.inner.state()?;
        if state.auth_gate() != 0 {
            let mut keys: Vec<Bytes> = Vec::new();
            for id in &found {
                keys.extend(state.lease_keys(*id)?);
            }
            self.judge(|auth, caller| auth.check_lease_reads(caller, &keys))?;
        }
        Ok(found)
    }

    fn status(&self) -> Status {
        self.core.status()
    }

    fn status_watch(&self) -> watch::Receiver<Status> {
        self.core.status_watch()
    }
}

/// A watch that ends when its reader may not read any more.
struct Judged {
    state: Arc<Mvcc>,
    caller: Caller,
    range: KeyRange,
    /// The revision of users and roles at which the reader was judged last; 0 if it was not.
    entered: u64,
}

impl Judged {
    fn over(self, batches: WatchStream) -> WatchStream {
        let watch = (Some(self), batches);
        futures::stream::unfold(watch, async |(judged, mut batches)| {
            let mut judged = judged?;
            let batch = batches.next().await?;
            match judged.judge() {
                Ok(()) => Some((batch, (Some(judged), batches))),
                Err(refusal) => {
                    let refused: Result<WatchBatch, Error> = Err(refusal.into());
                    Some((refused, (None, batches)))
                }
            }
        })
        .boxed()
    }

    /// Once for every change of users and roles.
    fn judge(&mut self) -> Result<(), AuthError> {
        let now = self.state.auth_gate();
        if now == self.entered {
            return Ok(());
        }
        self.state.auth().recheck_read(&self.caller, &self.range)?;
        self.entered = now;
        Ok(())
    }
}
