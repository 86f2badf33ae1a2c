//! A member is the store that its core is.

use crate::authorized::Authorized;
use crate::custom::Executed;
use crate::integrity::Integrity;
use crate::member::Member;
use crate::member_core::Core;
use crate::metrics::Metrics;
use async_trait::async_trait;
use bytes::Bytes;
use quorate_auth::Caller;
use quorate_mvcc::{Alarm, Operations};
use quorate_raft::{ClusterMember, MembershipError};
use quorate_store::{
    Error, LeaseGranted, LeaseTimeToLive, RangeRequest, RangeResponse, Status, Store, Txn,
    TxnResponse, WatchRequest, WatchStream,
};
use quorate_types::{LeaseId, MemberId, Revision};
use std::time::Duration;
use tokio::sync::watch;

impl Member {
    /// What it is made of, without sockets and directory: members, integrity and consensus.
    #[must_use]
    pub fn core(&self) -> &Core {
        &self.inner.core
    }

    /// As [`Core::members`].
    #[must_use]
    pub fn members(&self) -> Vec<ClusterMember> {
        self.core().members()
    }

    /// As [`Core::add_learner`].
    ///
    /// # Errors
    /// Id or address belong to another member, or no leader could be asked.
    pub async fn add_learner(
        &self,
        id: MemberId,
        addr: impl Into<String> + Send,
    ) -> Result<Vec<ClusterMember>, MembershipError> {
        self.core().add_learner(id, addr).await
    }

    /// As [`Core::promote`].
    ///
    /// # Errors
    /// The learner lags, or too few of the voters would answer.
    pub async fn promote(&self, id: MemberId) -> Result<Vec<ClusterMember>, MembershipError> {
        self.core().promote(id).await
    }

    /// As [`Core::remove`].
    ///
    /// # Errors
    /// It is the last voter, or too few of those that are left would answer.
    pub async fn remove(&self, id: MemberId) -> Result<Vec<ClusterMember>, MembershipError> {
        self.core().remove(id).await
    }

    /// As [`Core::relocate`].
    ///
    /// # Errors
    /// There is no such member, or the address belongs to another one.
    pub async fn relocate(
        &self,
        id: MemberId,
        addr: impl Into<String> + Send,
    ) -> Result<Vec<ClusterMember>, MembershipError> {
        self.core().relocate(id, addr).await
    }

    /// As [`Core::verify`].
    ///
    /// # Errors
    /// No leader could confirm itself, or this member cannot read its own state.
    pub async fn verify(&self) -> Result<Integrity, Error> {
        self.core().verify().await
    }
}

impl Member {
    /// As [`Core::alarms`].
    ///
    /// # Errors
    /// No leader could confirm itself in time, or the member has stopped.
    pub async fn alarms(&self) -> Result<Vec<Alarm>, Error> {
        self.core().alarms().await
    }

    /// As [`Core::raise`].
    ///
    /// # Errors
    /// As there.
    pub async fn raise(&self, alarm: Alarm) -> Result<Vec<Alarm>, Error> {
        self.core().raise(alarm).await
    }

    /// As [`Core::disarm`].
    ///
    /// # Errors
    /// As for [`Store::txn`].
    pub async fn disarm(&self, alarm: Alarm) -> Result<Vec<Alarm>, Error> {
        self.core().disarm(alarm).await
    }

    /// As [`Core::size`].
    ///
    /// # Errors
    /// The member has stopped, or its database failed.
    pub async fn size(&self) -> Result<u64, Error> {
        self.core().size().await
    }

    /// As [`Core::page`].
    ///
    /// # Errors
    /// As for [`Store::range`].
    pub async fn page(&self, request: RangeRequest) -> Result<RangeResponse, Error> {
        self.core().page(request).await
    }

    /// As [`Core::raised_alarms`].
    #[must_use]
    pub fn raised_alarms(&self) -> Vec<Alarm> {
        self.core().raised_alarms()
    }

    /// As [`Core::quota_bytes`].
    #[must_use]
    pub fn quota_bytes(&self) -> u64 {
        self.core().quota_bytes()
    }

    /// As [`Core::operations`].
    #[must_use]
    pub fn operations(&self) -> Operations {
        self.core().operations()
    }

    /// As [`Core::metrics`].
    ///
    /// # Errors
    /// The member has stopped, or its database failed.
    pub async fn metrics(&self) -> Result<Metrics, Error> {
        self.core().metrics().await
    }

    /// As [`Core::defragment`].
    ///
    /// # Errors
    /// The member has stopped, or its database failed.
    pub async fn defragment(&self) -> Result<(), Error> {
        self.core().defragment().await
    }

    /// As [`Core::execute`].
    ///
    /// # Errors
    /// The machine refuses, or as for [`Store::txn`].
    pub async fn execute(
        &self,
        machine: &str,
        command: impl Into<Bytes> + Send,
    ) -> Result<Executed, Error> {
        self.core().execute(machine, command).await
    }
}

impl Member {
    /// As [`Core::on_behalf`].
    #[must_use]
    pub fn on_behalf(&self, caller: Caller) -> Authorized {
        self.core().on_behalf(caller)
    }
}

#[async_trait]
impl Store for Member {
    async fn range(&self, request: RangeRequest) -> Result<RangeResponse, Error> {
        self.inner.core.inner.read(request).await
    }

    async fn txn(&self, txn: Txn) -> Result<TxnResponse, Error> {
        self.inner.core.inner.txn(txn).await
    }

    async fn compact(&self, revision: Revision) -> Result<(), Error> {
        self.inner.core.compact(revision).await
    }

    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, Error> {
        self.inner.core.watch(request).await
    }

    async fn lease_grant(&self, id: LeaseId, ttl: Duration) -> Result<LeaseGranted, Error> {
        self.inner.core.lease_grant(id, ttl).await
    }

    async fn lease_revoke(&self, id: LeaseId) -> Result<(), Error> {
        self.inner.core.lease_revoke(id).await
    }

    async fn lease_keep_alive(&self, id: LeaseId) -> Result<Duration, Error> {
        self.inner.core.lease_keep_alive(id).await
    }

    async fn lease_time_to_live(&self, id: LeaseId) -> Result<LeaseTimeToLive, Error> {
        self.inner.core.lease_time_to_live(id).await
    }

    async fn leases(&self) -> Result<Vec<LeaseId>, Error> {
        self.inner.core.leases().await
    }

    fn status(&self) -> Status {
        self.inner.core.status()
    }

    fn status_watch(&self) -> watch::Receiver<Status> {
        self.inner.core.status_watch()
    }
}
