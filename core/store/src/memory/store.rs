//! The handle: takes the lock, ends due leases, runs one step, tells the watchers.

use super::state::{OrderedFailure, State};
use super::watch as watching;
use crate::{
    Error, LeaseGranted, LeaseTimeToLive, RangeRequest, RangeResponse, Status, Store, Txn,
    TxnResponse, WatchRequest, WatchStream,
};
use async_trait::async_trait;
use quorate_seams::{Monotonic, SharedClock};
use quorate_types::{LeaseId, MemberId, Revision, Term};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// What handle and watchers share.
#[derive(Debug)]
pub(super) struct Shared {
    clock: SharedClock,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

impl Shared {
    /// Runs a step on the state as it is now, leases that are due having ended.
    pub(super) fn with<T>(&self, step: impl FnOnce(&mut State, Monotonic) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = state.history.current();
        let now = self.clock.now();
        state.expire(now);
        let result = step(&mut state, now);
        let changed = state.history.current() != before;
        drop(state);
        if changed {
            self.tell();
        }
        result
    }

    /// Makes every watcher look again.
    fn tell(&self) {
        self.changed.send_replace(());
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    pub(super) fn clock(&self) -> &SharedClock {
        &self.clock
    }
}

/// A store in memory, the reference for all others. Needs no runtime of its own.
///
/// It is member 1 and leads in term 1 unless [`MemoryStore::set_leadership`] says otherwise; it
/// serves every request whoever leads, and only fenced transactions see the difference.
#[derive(Debug)]
pub struct MemoryStore {
    shared: Arc<Shared>,
    status: watch::Sender<Status>,
}

impl MemoryStore {
    /// The member that every memory store is.
    pub const MEMBER: MemberId = MemberId(1);

    /// An empty store at revision 1 whose leases end by the given clock.
    #[must_use]
    pub fn new(clock: SharedClock) -> Arc<Self> {
        let status = Status {
            revision: Revision(1),
            compacted: Revision::NONE,
            member: Self::MEMBER,
            leader: Some(Self::MEMBER),
            term: Term(1),
        };
        let shared =
            Shared { clock, state: Mutex::new(State::new()), changed: watch::Sender::new(()) };
        Arc::new(Self { shared: Arc::new(shared), status: watch::Sender::new(status) })
    }

    /// For tests: changes who leads and in which term. Transactions fenced with another term are
    /// refused from now on.
    pub fn set_leadership(&self, leader: Option<MemberId>, term: Term) {
        let now = self.status();
        self.status.send_replace(Status { leader, term, ..now });
    }

    /// For tests: the next transaction that no earlier order takes fails with this error and is
    /// not applied.
    pub fn fail_next(&self, error: Error) {
        self.order(OrderedFailure { error, applied: false });
    }

    /// For tests: as [`MemoryStore::fail_next`], but the transaction is applied all the same, as
    /// happens when an answer is lost.
    pub fn fail_next_after_applying(&self, error: Error) {
        self.order(OrderedFailure { error, applied: true });
    }

    fn order(&self, failure: OrderedFailure) {
        self.shared.with(|state, _| state.ordered_failures.push_back(failure));
    }

    fn term(&self) -> Term {
        self.status.borrow().term
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn range(&self, request: RangeRequest) -> Result<RangeResponse, Error> {
        self.shared.with(|state, _| state.range(&request))
    }

    async fn txn(&self, txn: Txn) -> Result<TxnResponse, Error> {
        self.shared.with(|state, _| state.txn(&txn, self.term()))
    }

    async fn compact(&self, revision: Revision) -> Result<(), Error> {
        let done = self.shared.with(|state, _| state.compact(revision));
        self.shared.tell();
        done
    }

    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, Error> {
        request.range.check()?;
        Ok(watching::open(Arc::clone(&self.shared), request))
    }

    async fn lease_grant(&self, id: LeaseId, ttl: Duration) -> Result<LeaseGranted, Error> {
        let granted = self.shared.with(|state, now| state.grant(id, ttl, now));
        // Waiting watchers must not sleep beyond the new deadline.
        self.shared.tell();
        granted
    }

    async fn lease_revoke(&self, id: LeaseId) -> Result<(), Error> {
        self.shared.with(|state, _| state.revoke(id))
    }

    async fn lease_keep_alive(&self, id: LeaseId) -> Result<Duration, Error> {
        self.shared.with(|state, now| state.leases.renew(id, now))
    }

    async fn lease_time_to_live(&self, id: LeaseId) -> Result<LeaseTimeToLive, Error> {
        self.shared.with(|state, now| state.time_to_live(id, now))
    }

    async fn leases(&self) -> Result<Vec<LeaseId>, Error> {
        Ok(self.shared.with(|state, _| state.leases.ids()))
    }

    fn status(&self) -> Status {
        let (revision, compacted) =
            self.shared.with(|state, _| (state.history.current(), state.history.compacted()));
        Status { revision, compacted, ..*self.status.borrow() }
    }

    fn status_watch(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }
}
