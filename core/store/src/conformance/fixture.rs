//! A store under test with its clock, and the requests that cases make most.

use super::CaseError;
use super::watcher::Watcher;
use crate::{
    Error, KeyRange, KeyValue, Op, PutOp, RangeRequest, RangeResponse, SharedStore, Txn,
    TxnResponse, WatchRequest,
};
use async_trait::async_trait;
use quorate_seams::{ManualClock, SharedClock, SystemClock, timeout};
use quorate_types::{LeaseId, Revision};
use std::any::Any;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// How long a case waits for one answer or event unless [`Fixture::with_patience`] says otherwise.
const PATIENCE: Duration = Duration::from_secs(30);

/// The clock that the store's leases go by.
#[derive(Clone, Debug)]
pub enum ClockControl {
    /// Cases advance it.
    Manual(Arc<ManualClock>),
    /// It goes by itself; cases wait for what must happen.
    Real,
}

/// Makes stores to be tried.
#[async_trait]
pub trait StoreFactory: Send + Sync {
    /// A store that holds nothing, at revision 1, ready to serve. A store that cannot be made is a
    /// panic, which fails the case.
    async fn fresh(&self) -> Fixture;
}

#[async_trait]
impl<F: StoreFactory + ?Sized> StoreFactory for &F {
    async fn fresh(&self) -> Fixture {
        (**self).fresh().await
    }
}

/// A fresh store with what a case needs to try it.
pub struct Fixture {
    /// The store.
    pub store: SharedStore,
    /// Its clock.
    pub clock: ClockControl,
    pub(super) real: SharedClock,
    pub(super) patience: Duration,
    kept: Vec<Box<dyn Any + Send + Sync>>,
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Fixture");
        debug.field("store", &self.store).field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl Fixture {
    /// A store and its clock.
    #[must_use]
    pub fn new(store: SharedStore, clock: ClockControl) -> Self {
        let real = SystemClock::shared();
        Self { store, clock, real, patience: PATIENCE, kept: Vec::new() }
    }

    /// Keeps what the store lives on (members, directories) until the case has ended.
    #[must_use]
    pub fn keeping(mut self, kept: impl Any + Send + Sync) -> Self {
        self.kept.push(Box::new(kept));
        self
    }

    /// Waits for each answer and event so long, in real time, before the case fails.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Waits for something, no longer than patience lasts.
    pub(super) async fn patiently<T>(
        &self,
        awaited: &str,
        future: impl Future<Output = T>,
    ) -> Result<T, CaseError> {
        let result = timeout(&*self.real, self.patience, future).await;
        result.ok_or_else(|| CaseError::TimedOut {
            awaited: awaited.to_owned(),
            patience: self.patience,
        })
    }

    /// Lets a little real time pass, and time on a manual clock.
    pub(super) async fn let_time_pass(&self) {
        if let ClockControl::Manual(clock) = &self.clock {
            clock.advance(Duration::from_millis(250));
        }
        self.real.sleep(Duration::from_millis(5)).await;
    }

    /// Asks again until the answer is yes, while time passes.
    pub(super) async fn eventually<F>(&self, awaited: &str, ask: F) -> Result<(), CaseError>
    where
        F: AsyncFn() -> Result<bool, CaseError>,
    {
        let asking = async {
            while !ask().await? {
                self.let_time_pass().await;
            }
            Ok(())
        };
        self.patiently(awaited, asking).await?
    }

    pub(super) async fn range(&self, request: RangeRequest) -> Result<RangeResponse, CaseError> {
        Ok(self.store.range(request).await?)
    }

    pub(super) async fn txn(&self, txn: Txn) -> Result<TxnResponse, CaseError> {
        Ok(self.store.txn(txn).await?)
    }

    /// Puts one key and gives the revision.
    pub(super) async fn put(&self, key: &str, value: &str) -> Result<Revision, CaseError> {
        Ok(self.txn(Txn::put(key.to_owned(), value.to_owned())).await?.revision)
    }

    /// Puts keys, each in its own revision.
    pub(super) async fn put_all(&self, keys: &[&str]) -> Result<Revision, CaseError> {
        let mut revision = Revision::NONE;
        for key in keys {
            revision = self.put(key, "v").await?;
        }
        Ok(revision)
    }

    /// Puts one key with a lease.
    pub(super) async fn attach(&self, key: &str, lease: LeaseId) -> Result<Revision, CaseError> {
        Ok(self.txn(Txn::ops([put_leased(key, "v", lease)])).await?.revision)
    }

    pub(super) async fn delete(&self, key: &str) -> Result<Revision, CaseError> {
        Ok(self.txn(Txn::delete(key.to_owned())).await?.revision)
    }

    /// One key as it is now.
    pub(super) async fn key(&self, key: &str) -> Result<Option<KeyValue>, CaseError> {
        Ok(self.range(RangeRequest::key(key.to_owned())).await?.kvs.pop())
    }

    /// One key, which must exist.
    pub(super) async fn existing(&self, key: &str) -> Result<KeyValue, CaseError> {
        let found = self.key(key).await?;
        found.ok_or_else(|| CaseError::Wrong(format!("key {key:?} must exist")))
    }

    /// All keys now.
    pub(super) async fn all(&self) -> Result<RangeResponse, CaseError> {
        self.range(RangeRequest::new(KeyRange::all())).await
    }

    /// The revision that a linearizable read reports.
    pub(super) async fn revision(&self) -> Result<Revision, CaseError> {
        Ok(self.range(RangeRequest::key("-")).await?.revision)
    }

    /// Opens a watch on a member that has applied everything acknowledged so far.
    pub(super) async fn watch(&self, request: WatchRequest) -> Result<Watcher<'_>, CaseError> {
        self.revision().await?;
        let from = request.from;
        Ok(Watcher::new(self, self.store.watch(request).await?, from))
    }

    /// Opens a watch on all keys with progress reports and previous keys.
    pub(super) async fn watch_all(&self, from: Revision) -> Result<Watcher<'_>, CaseError> {
        let request = WatchRequest::new(KeyRange::all()).from(from);
        self.watch(request.with_progress().with_prev_kv()).await
    }

    /// Grants a lease of so many seconds.
    pub(super) async fn grant(&self, seconds: u64) -> Result<LeaseId, CaseError> {
        let granted = self.store.lease_grant(LeaseId::NONE, Duration::from_secs(seconds)).await?;
        Ok(granted.id)
    }

    /// Sends a transaction that must be refused, and checks that it changed nothing.
    pub(super) async fn refused(&self, txn: Txn) -> Result<Error, CaseError> {
        let before = self.all().await?;
        let result = self.store.txn(txn).await;
        let after = self.all().await?;
        ensure_eq!(after, before, "state after a transaction that must be refused");
        match result {
            Err(error) => Ok(error),
            Ok(answer) => Err(CaseError::Wrong(format!("must be refused, but got {answer:?}"))),
        }
    }
}

/// A put with a lease.
pub(super) fn put_leased(key: &str, value: &str, lease: LeaseId) -> Op {
    put_op(key, value, lease, false)
}

/// A put that asks for the key as it was.
pub(super) fn put_with_prev(key: &str, value: &str) -> Op {
    put_op(key, value, LeaseId::NONE, true)
}

fn put_op(key: &str, value: &str, lease: LeaseId, prev_kv: bool) -> Op {
    let (key, value) = (key.to_owned().into(), value.to_owned().into());
    Op::Put(PutOp { key, value, lease, prev_kv, ..PutOp::default() })
}

/// The keys of an answer as text.
pub(super) fn keys(kvs: &[KeyValue]) -> Vec<String> {
    kvs.iter().map(|kv| String::from_utf8_lossy(&kv.key).into_owned()).collect()
}
