//! Everything the store knows, changed one request at a time under one lock.
//!
//! Every step is given the time; nothing here waits or reads a clock.

use super::history::History;
use super::lease::Leases;
use super::requests::Requests;
use super::txn;
use crate::{
    Error, KeyRange, LeaseGranted, LeaseTimeToLive, Op, RangeRequest, RangeResponse, Txn,
    TxnResponse,
};
use bytes::Bytes;
use quorate_seams::Monotonic;
use quorate_types::limits::MAX_TXN_OPS;
use quorate_types::{LeaseId, Revision, Term};
use std::collections::VecDeque;
use std::time::Duration;

/// A failure that a test has ordered for a transaction to come.
#[derive(Debug)]
pub(super) struct OrderedFailure {
    pub(super) error: Error,
    /// Whether the transaction is applied all the same.
    pub(super) applied: bool,
}

/// The store's state.
#[derive(Debug)]
pub(super) struct State {
    pub(super) history: History,
    pub(super) leases: Leases,
    requests: Requests,
    pub(super) ordered_failures: VecDeque<OrderedFailure>,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            history: History::new(),
            leases: Leases::new(),
            requests: Requests::default(),
            ordered_failures: VecDeque::new(),
        }
    }

    /// Ends every lease that is due, each in a revision of its own.
    pub(super) fn expire(&mut self, now: Monotonic) {
        for id in self.leases.due(now) {
            self.revoke(id).expect("a lease that is due exists");
        }
    }

    pub(super) fn range(&self, request: &RangeRequest) -> Result<RangeResponse, Error> {
        request.range.check()?;
        self.history.check_readable(request.revision)?;
        Ok(self.history.read(request, self.history.current()))
    }

    pub(super) fn txn(&mut self, request: &Txn, term: Term) -> Result<TxnResponse, Error> {
        match self.ordered_failures.pop_front() {
            Some(failure) if failure.applied => {
                // The caller learns the ordered failure, whatever became of the transaction.
                let _ = self.run_txn(request, term);
                Err(failure.error)
            }
            Some(failure) => Err(failure.error),
            None => self.run_txn(request, term),
        }
    }

    fn run_txn(&mut self, request: &Txn, term: Term) -> Result<TxnResponse, Error> {
        request.check(MAX_TXN_OPS)?;
        if let Some(answer) = request.request_id.and_then(|id| self.requests.answer(id)) {
            return Ok(answer.clone());
        }
        check_fences(request, term)?;
        let answer = txn::run(&mut self.history, &self.leases, request)?;
        if let Some(id) = request.request_id {
            self.requests.remember(id, answer.clone());
        }
        Ok(answer)
    }

    pub(super) fn compact(&mut self, revision: Revision) -> Result<(), Error> {
        self.history.compact(revision)
    }

    pub(super) fn grant(
        &mut self,
        id: LeaseId,
        ttl: Duration,
        now: Monotonic,
    ) -> Result<LeaseGranted, Error> {
        let (id, ttl) = self.leases.grant(id, ttl, now)?;
        Ok(LeaseGranted { id, ttl })
    }

    /// Ends a lease and deletes its keys in one revision; none if it has no keys.
    pub(super) fn revoke(&mut self, id: LeaseId) -> Result<(), Error> {
        self.leases.remove(id)?;
        for key in self.keys_of(id) {
            self.history.delete(&KeyRange::Key(key));
        }
        self.history.commit();
        Ok(())
    }

    pub(super) fn time_to_live(
        &self,
        id: LeaseId,
        now: Monotonic,
    ) -> Result<LeaseTimeToLive, Error> {
        let lease = self.leases.find(id)?;
        let remaining = lease.deadline - now;
        Ok(LeaseTimeToLive { id, granted: lease.ttl, remaining, keys: self.keys_of(id) })
    }

    fn keys_of(&self, id: LeaseId) -> Vec<Bytes> {
        let all = KeyRange::all();
        let attached = self.history.latest(&all).filter(|kv| kv.lease == id);
        attached.map(|kv| kv.key.clone()).collect()
    }
}

fn check_fences(txn: &Txn, term: Term) -> Result<(), Error> {
    match txn.fence {
        Some(written) if written != term => return Err(Error::Fenced { written, current: term }),
        _ => {}
    }
    txn.ops_of_both_branches().try_for_each(|op| match op {
        Op::Txn(nested) => check_fences(nested, term),
        _ => Ok(()),
    })
}
