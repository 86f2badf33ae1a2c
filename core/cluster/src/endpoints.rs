//! One store handle over all members of the process: the first that answers is used.
//!
//! Agents, the proxy and the application go through it, so that the loss of a member costs them a
//! retry at most. Invariant: a request is passed to the next member only when the last one certainly
//! did not carry it out; an unknown outcome goes back to the caller.

use async_trait::async_trait;
use quorate_seams::{Monotonic, Seams, Task, spawn};
use quorate_store::{
    Certainty, Error, LeaseGranted, LeaseTimeToLive, RangeRequest, RangeResponse, SharedStore,
    Status, Store, Txn, TxnResponse, WatchRequest, WatchStream,
};
use quorate_types::{LeaseId, MemberId, Revision};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Pause before the members are tried again when none could answer.
const PAUSE: Duration = Duration::from_millis(20);

/// A store made of members that come and go.
#[derive(Debug)]
pub(crate) struct Endpoints {
    members: Mutex<Members>,
    seams: Seams,
    /// How long a request looks for a member that answers.
    patience: Duration,
    status: watch::Sender<Status>,
    follower: Mutex<Option<Task<()>>>,
}

#[derive(Debug, Default)]
struct Members {
    stores: BTreeMap<MemberId, SharedStore>,
    preferred: Option<MemberId>,
}

impl Endpoints {
    pub(crate) fn new(seams: Seams, patience: Duration) -> Arc<Self> {
        Arc::new(Self {
            members: Mutex::default(),
            seams,
            patience,
            status: watch::Sender::new(Status::default()),
            follower: Mutex::default(),
        })
    }

    /// Adds or replaces a member.
    pub(crate) fn insert(&self, id: MemberId, store: SharedStore) {
        let mut members = self.lock();
        members.stores.insert(id, store);
        if members.preferred.is_none() {
            self.prefer(&mut members, id);
        }
    }

    /// Forgets a member.
    pub(crate) fn remove(&self, id: MemberId) {
        let mut members = self.lock();
        members.stores.remove(&id);
        if members.preferred == Some(id) {
            members.preferred = None;
            if let Some(next) = members.stores.keys().next().copied() {
                self.prefer(&mut members, next);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Uses a member from now on and follows its status.
    fn prefer(&self, members: &mut Members, id: MemberId) {
        members.preferred = Some(id);
        let Some(store) = members.stores.get(&id) else { return };
        let (mut source, target) = (store.status_watch(), self.status.clone());
        let follow = async move {
            loop {
                target.send_replace(*source.borrow_and_update());
                if source.changed().await.is_err() {
                    return;
                }
            }
        };
        let mut follower = self.follower.lock().unwrap_or_else(PoisonError::into_inner);
        *follower = Some(spawn(follow));
    }

    fn current(&self) -> Option<(MemberId, SharedStore)> {
        let members = self.lock();
        let id = members.preferred?;
        Some((id, members.stores.get(&id)?.clone()))
    }

    /// Moves on from a member that could not answer, unless somebody else has already done so.
    fn leave(&self, id: MemberId) {
        let mut members = self.lock();
        if members.preferred != Some(id) {
            return;
        }
        let after = members.stores.range(MemberId(id.0 + 1)..).next();
        let next = after.or_else(|| members.stores.iter().next()).map(|(next, _)| *next);
        if let Some(next) = next {
            self.prefer(&mut members, next);
        }
    }

    async fn ask<T, F, Fut>(&self, request: F) -> Result<T, Error>
    where
        F: Fn(SharedStore) -> Fut,
        Fut: Future<Output = Result<T, Error>>,
    {
        let give_up = self.seams.clock.now() + self.patience;
        loop {
            let error = match self.current() {
                Some((id, store)) => match request(store).await {
                    Err(error) if may_move_on(&error) => {
                        self.leave(id);
                        error
                    }
                    settled => return settled,
                },
                None => Error::unavailable("no member of the store runs in this process"),
            };
            self.pause(give_up).await.ok_or(error)?;
        }
    }

    /// Waits a little; `None` once patience is at its end.
    async fn pause(&self, give_up: Monotonic) -> Option<()> {
        if self.seams.clock.now() >= give_up {
            return None;
        }
        self.seams.clock.sleep(PAUSE).await;
        Some(())
    }
}

fn may_move_on(error: &Error) -> bool {
    error.is_transient() && error.certainty() == Certainty::DefinitelyNot
}

#[async_trait]
impl Store for Endpoints {
    async fn range(&self, request: RangeRequest) -> Result<RangeResponse, Error> {
        let request = &request;
        self.ask(|store| async move { store.range(request.clone()).await }).await
    }

    async fn txn(&self, txn: Txn) -> Result<TxnResponse, Error> {
        let txn = &txn;
        self.ask(|store| async move { store.txn(txn.clone()).await }).await
    }

    async fn compact(&self, revision: Revision) -> Result<(), Error> {
        self.ask(|store| async move { store.compact(revision).await }).await
    }

    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, Error> {
        let request = &request;
        self.ask(|store| async move { store.watch(request.clone()).await }).await
    }

    async fn lease_grant(&self, id: LeaseId, ttl: Duration) -> Result<LeaseGranted, Error> {
        self.ask(|store| async move { store.lease_grant(id, ttl).await }).await
    }

    async fn lease_revoke(&self, id: LeaseId) -> Result<(), Error> {
        self.ask(|store| async move { store.lease_revoke(id).await }).await
    }

    async fn lease_keep_alive(&self, id: LeaseId) -> Result<Duration, Error> {
        self.ask(|store| async move { store.lease_keep_alive(id).await }).await
    }

    async fn lease_time_to_live(&self, id: LeaseId) -> Result<LeaseTimeToLive, Error> {
        self.ask(|store| async move { store.lease_time_to_live(id).await }).await
    }

    async fn leases(&self) -> Result<Vec<LeaseId>, Error> {
        self.ask(|store| async move { store.leases().await }).await
    }

    fn status(&self) -> Status {
        self.current().map(|(_, store)| store.status()).unwrap_or_default()
    }

    fn status_watch(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_seams::SystemClock;
    use quorate_store::MemoryStore;

    fn member() -> Arc<MemoryStore> {
        MemoryStore::new(SystemClock::shared())
    }

    fn over(stores: [&Arc<MemoryStore>; 2]) -> Arc<Endpoints> {
        let endpoints = Endpoints::new(Seams::system(), Duration::from_secs(5));
        for (id, store) in (1..).zip(stores) {
            endpoints.insert(MemberId(id), store.clone());
        }
        endpoints
    }

    #[tokio::test]
    async fn a_member_that_certainly_did_nothing_is_passed_over() {
        let (one, two) = (member(), member());
        one.fail_next(Error::unavailable("stopping"));
        over([&one, &two]).txn(Txn::put("key", "value")).await.unwrap();
        assert_eq!(two.range(RangeRequest::key("key")).await.unwrap().kvs.len(), 1);
        assert_eq!(one.range(RangeRequest::key("key")).await.unwrap().kvs.len(), 0);
    }

    #[tokio::test]
    async fn an_unknown_outcome_is_never_tried_elsewhere() {
        let (one, two) = (member(), member());
        one.fail_next(Error::Timeout);
        let error = over([&one, &two]).txn(Txn::put("key", "value")).await.unwrap_err();
        assert_eq!(error, Error::Timeout);
        assert_eq!(two.range(RangeRequest::key("key")).await.unwrap().kvs.len(), 0);
    }

    #[tokio::test]
    async fn a_removed_member_is_no_longer_asked() {
        let (one, two) = (member(), member());
        let endpoints = over([&one, &two]);
        endpoints.remove(MemberId(1));
        endpoints.txn(Txn::put("key", "value")).await.unwrap();
        assert_eq!(two.range(RangeRequest::key("key")).await.unwrap().kvs.len(), 1);
    }
}
