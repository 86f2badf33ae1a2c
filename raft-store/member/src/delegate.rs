//! A member is the store that its core is.

use crate::member::Member;
use async_trait::async_trait;
use quorate_store::{
    Error, LeaseGranted, LeaseTimeToLive, RangeRequest, RangeResponse, Status, Store, Txn,
    TxnResponse, WatchRequest, WatchStream,
};
use quorate_types::{LeaseId, Revision};
use std::time::Duration;
use tokio::sync::watch;

#[async_trait]
impl Store for Member {
    async fn range(&self, request: RangeRequest) -> Result<RangeResponse, Error> {
        self.inner.core.range(request).await
    }

    async fn txn(&self, txn: Txn) -> Result<TxnResponse, Error> {
        self.inner.core.txn(txn).await
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
