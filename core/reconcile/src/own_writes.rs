//! A store that remembers the newest revision written through it, for read-your-writes.

use async_trait::async_trait;
use quorate_store::{
    Certainty, Error, LeaseGranted, LeaseTimeToLive, RangeRequest, RangeResponse, SharedStore,
    Status, Store, Txn, TxnResponse, WatchRequest, WatchStream,
};
use quorate_types::{LeaseId, Revision};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// Passes everything on; every write that succeeds raises [`OwnWrites::revision`].
#[derive(Debug)]
pub(crate) struct OwnWrites {
    inner: SharedStore,
    revision: AtomicI64,
    /// Writes whose outcome is unknown, counted.
    uncertain: AtomicU64,
    /// How many of them a later read has settled.
    settled: AtomicU64,
}

impl OwnWrites {
    pub(crate) fn new(inner: SharedStore) -> Self {
        Self {
            inner,
            revision: AtomicI64::new(0),
            uncertain: AtomicU64::new(0),
            settled: AtomicU64::new(0),
        }
    }

    /// A revision that covers every write so far. Costs a linearizable read after a write whose
    /// outcome is unknown, otherwise nothing.
    pub(crate) async fn revision(&self) -> Result<Revision, Error> {
        let uncertain = self.uncertain.load(Ordering::SeqCst);
        if self.settled.load(Ordering::SeqCst) < uncertain {
            // Every pass that gets here reads for itself: none may go on before one has succeeded.
            self.saw(current_revision(&self.inner).await?);
            self.settled.fetch_max(uncertain, Ordering::SeqCst);
        }
        Ok(Revision(self.revision.load(Ordering::SeqCst)))
    }

    fn saw(&self, revision: Revision) {
        self.revision.fetch_max(revision.0, Ordering::SeqCst);
    }
}

/// The store's revision after everything that was acknowledged before the call.
pub(crate) async fn current_revision(store: &SharedStore) -> Result<Revision, Error> {
    let request = RangeRequest { count_only: true, ..RangeRequest::key("/registry/") };
    Ok(store.range(request).await?.revision)
}

#[async_trait]
impl Store for OwnWrites {
    async fn range(&self, request: RangeRequest) -> Result<RangeResponse, Error> {
        self.inner.range(request).await
    }

    async fn txn(&self, txn: Txn) -> Result<TxnResponse, Error> {
        let result = self.inner.txn(txn).await;
        match &result {
            Ok(response) if response.succeeded => self.saw(response.revision),
            Err(error) if error.certainty() == Certainty::Unknown => {
                self.uncertain.fetch_add(1, Ordering::SeqCst);
            }
            _ => {}
        }
        result
    }

    async fn compact(&self, revision: Revision) -> Result<(), Error> {
        self.inner.compact(revision).await
    }

    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, Error> {
        self.inner.watch(request).await
    }

    async fn lease_grant(&self, id: LeaseId, ttl: Duration) -> Result<LeaseGranted, Error> {
        self.inner.lease_grant(id, ttl).await
    }

    async fn lease_revoke(&self, id: LeaseId) -> Result<(), Error> {
        self.inner.lease_revoke(id).await
    }

    async fn lease_keep_alive(&self, id: LeaseId) -> Result<Duration, Error> {
        self.inner.lease_keep_alive(id).await
    }

    async fn lease_time_to_live(&self, id: LeaseId) -> Result<LeaseTimeToLive, Error> {
        self.inner.lease_time_to_live(id).await
    }

    async fn leases(&self) -> Result<Vec<LeaseId>, Error> {
        self.inner.leases().await
    }

    fn status(&self) -> Status {
        self.inner.status()
    }

    fn status_watch(&self) -> watch::Receiver<Status> {
        self.inner.status_watch()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_seams::ManualClock;
    use quorate_store::MemoryStore;

    #[tokio::test]
    async fn every_write_raises_the_revision_even_if_its_answer_was_lost() {
        let memory = MemoryStore::new(ManualClock::new());
        let writes = OwnWrites::new(memory.clone());
        let first = writes.txn(Txn::put("/registry/a", "1")).await.unwrap();
        assert_eq!(writes.revision().await.unwrap(), first.revision);
        memory.fail_next_after_applying(Error::Timeout);
        assert_eq!(writes.txn(Txn::put("/registry/a", "2")).await, Err(Error::Timeout));
        assert_eq!(writes.revision().await.unwrap(), first.revision.next());
        memory.fail_next(Error::unavailable("no leader"));
        assert!(writes.txn(Txn::put("/registry/a", "3")).await.is_err());
        memory.txn(Txn::put("/registry/b", "of someone else")).await.unwrap();
        assert_eq!(writes.revision().await.unwrap(), first.revision.next(), "nothing to settle");
    }
}
