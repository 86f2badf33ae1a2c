//! A store that lets others run before every request, so that joined futures really interleave, and
//! that can be told to meddle with the next transaction.

use async_trait::async_trait;
use quorate_resources::Revision;
use quorate_store::{
    Error, LeaseGranted, LeaseTimeToLive, MemoryStore, RangeRequest, RangeResponse, Status, Store,
    Txn, TxnResponse, WatchRequest, WatchStream,
};
use quorate_types::LeaseId;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::yield_now;

#[derive(Debug)]
pub(crate) struct Yielding {
    store: Arc<MemoryStore>,
    meddling: Mutex<Meddling>,
}

/// What happens around the next transaction.
#[derive(Debug, Default)]
struct Meddling {
    first: Option<Txn>,
    lose_answer: bool,
    transactions: usize,
}

impl Yielding {
    pub(crate) fn new(store: Arc<MemoryStore>) -> Arc<Self> {
        Arc::new(Self { store, meddling: Mutex::default() })
    }

    /// Runs a transaction of somebody else just before the next one.
    pub(crate) fn run_before_next(&self, txn: Txn) {
        self.meddling.lock().unwrap().first = Some(txn);
    }

    /// Runs the next transaction and loses its answer.
    pub(crate) fn lose_next_answer(&self) {
        self.meddling.lock().unwrap().lose_answer = true;
    }

    /// Transactions asked for so far.
    pub(crate) fn transactions(&self) -> usize {
        self.meddling.lock().unwrap().transactions
    }
}

#[async_trait]
impl Store for Yielding {
    async fn range(&self, request: RangeRequest) -> Result<RangeResponse, Error> {
        yield_now().await;
        self.store.range(request).await
    }

    async fn txn(&self, txn: Txn) -> Result<TxnResponse, Error> {
        yield_now().await;
        let (first, lose_answer) = {
            let mut meddling = self.meddling.lock().unwrap();
            meddling.transactions += 1;
            (meddling.first.take(), std::mem::take(&mut meddling.lose_answer))
        };
        if let Some(first) = first {
            self.store.txn(first).await?;
        }
        let response = self.store.txn(txn).await?;
        if lose_answer { Err(Error::Timeout) } else { Ok(response) }
    }

    async fn compact(&self, revision: Revision) -> Result<(), Error> {
        self.store.compact(revision).await
    }

    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, Error> {
        self.store.watch(request).await
    }

    async fn lease_grant(&self, id: LeaseId, ttl: Duration) -> Result<LeaseGranted, Error> {
        self.store.lease_grant(id, ttl).await
    }

    async fn lease_revoke(&self, id: LeaseId) -> Result<(), Error> {
        self.store.lease_revoke(id).await
    }

    async fn lease_keep_alive(&self, id: LeaseId) -> Result<Duration, Error> {
        self.store.lease_keep_alive(id).await
    }

    async fn lease_time_to_live(&self, id: LeaseId) -> Result<LeaseTimeToLive, Error> {
        self.store.lease_time_to_live(id).await
    }

    async fn leases(&self) -> Result<Vec<LeaseId>, Error> {
        self.store.leases().await
    }

    fn status(&self) -> Status {
        self.store.status()
    }

    fn status_watch(&self) -> watch::Receiver<Status> {
        self.store.status_watch()
    }
}
