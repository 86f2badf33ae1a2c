//! A store that checks what a transaction asks and writes nothing.
//!
//! Requests with `dryRun=All` run through the same rules as all others, over this store.

use async_trait::async_trait;
use quorate_store::{
    Error, LeaseGranted, LeaseTimeToLive, RangeRequest, RangeResponse, SharedStore, Status, Store,
    Txn, TxnResponse, WatchRequest, WatchStream,
};
use quorate_types::{LeaseId, Revision};
use std::time::Duration;
use tokio::sync::watch;

/// The store behind, without its writes.
#[derive(Debug)]
pub(crate) struct DryRun(pub(crate) SharedStore);

fn refused() -> Error {
    Error::Invalid { reason: "a dry run changes nothing".to_owned() }
}

#[async_trait]
impl Store for DryRun {
    async fn range(&self, request: RangeRequest) -> Result<RangeResponse, Error> {
        self.0.range(request).await
    }

    async fn txn(&self, mut txn: Txn) -> Result<TxnResponse, Error> {
        txn.success.clear();
        self.0.txn(txn).await
    }

    async fn compact(&self, _: Revision) -> Result<(), Error> {
        Err(refused())
    }

    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, Error> {
        self.0.watch(request).await
    }

    async fn lease_grant(&self, _: LeaseId, _: Duration) -> Result<LeaseGranted, Error> {
        Err(refused())
    }

    async fn lease_revoke(&self, _: LeaseId) -> Result<(), Error> {
        Err(refused())
    }

    async fn lease_keep_alive(&self, _: LeaseId) -> Result<Duration, Error> {
        Err(refused())
    }

    async fn lease_time_to_live(&self, id: LeaseId) -> Result<LeaseTimeToLive, Error> {
        self.0.lease_time_to_live(id).await
    }

    async fn leases(&self) -> Result<Vec<LeaseId>, Error> {
        self.0.leases().await
    }

    fn status(&self) -> Status {
        self.0.status()
    }

    fn status_watch(&self) -> watch::Receiver<Status> {
        self.0.status_watch()
    }
}
