//! What clients asked and were told, in one order of time.

use bytes::Bytes;
use quorate_store::{Error, Event, KeyRange, RangeRequest, RangeResponse, Txn, TxnResponse};
use quorate_types::{LeaseId, MemberId, Revision};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A place in the one order of everything that clients did and saw.
pub(crate) type Moment = u64;

/// What a client asked for.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Txn(Txn),
    Range(RangeRequest),
    Compact(Revision),
}

/// What it was told.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Txn(TxnResponse),
    Range(RangeResponse),
    Compacted,
    Refused(Error),
    /// It may have happened.
    Unknown,
}

/// One request of a client.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) member: MemberId,
    pub(crate) incarnation: u64,
    pub(crate) request: Request,
    pub(crate) invoked: Moment,
    pub(crate) returned: Option<Moment>,
    pub(crate) answer: Answer,
}

/// What one watch delivered over its life, across members.
#[derive(Clone, Debug)]
pub(crate) struct WatchRecord {
    pub(crate) name: String,
    pub(crate) range: KeyRange,
    /// The first revision it has to deliver.
    pub(crate) from: Revision,
    /// Up to where it says that it has delivered everything.
    pub(crate) upto: Revision,
    pub(crate) events: Vec<Event>,
}

/// All changes of one revision.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) events: Vec<Event>,
    /// When they were first seen.
    pub(crate) seen: Moment,
    pub(crate) seen_at: Duration,
}

/// One lease as its holder knows it.
#[derive(Clone, Debug)]
pub(crate) struct LeaseRecord {
    pub(crate) id: LeaseId,
    pub(crate) ttl: Duration,
    pub(crate) keys: Vec<Bytes>,
    /// When the last renewal that succeeded (or the grant) was asked for.
    pub(crate) assured_at: Duration,
    /// Every renewal that succeeded: when it was asked for.
    pub(crate) renewals: Vec<Moment>,
    /// The holder tried to revoke it, or does not know what became of its last attempt to.
    pub(crate) revoked: bool,
}

/// Everything recorded in a run.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    now: Moment,
    pub(crate) operations: Vec<Operation>,
    pub(crate) watches: Vec<WatchRecord>,
    pub(crate) leases: Vec<LeaseRecord>,
    /// The changes that the main observer saw, by revision.
    pub(crate) changes: BTreeMap<Revision, Change>,
    /// Every revision that someone asked to compact at.
    pub(crate) compactions_asked: Vec<Revision>,
}

/// The record of a run; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct History(Arc<Mutex<Recorded>>);

impl History {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Recorded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client asks; gives the number of the operation.
    pub(crate) fn invoke(&self, member: MemberId, incarnation: u64, request: Request) -> usize {
        let mut recorded = self.lock();
        let invoked = recorded.tick();
        if let Request::Compact(revision) = &request {
            recorded.compactions_asked.push(*revision);
        }
        let (returned, answer) = (None, Answer::Unknown);
        recorded.operations.push(Operation {
            member,
            incarnation,
            request,
            invoked,
            returned,
            answer,
        });
        recorded.operations.len() - 1
    }

    /// The number that the next operation will have: values carry it.
    pub(crate) fn next_number(&self) -> usize {
        self.lock().operations.len()
    }

    /// The newest revision that anyone asked to compact at.
    pub(crate) fn newest_compaction(&self) -> Revision {
        self.lock().compactions_asked.iter().max().copied().unwrap_or_default()
    }

    pub(crate) fn answer(&self, number: usize, answer: Answer) {
        let mut recorded = self.lock();
        let now = recorded.tick();
        if let Some(operation) = recorded.operations.get_mut(number) {
            operation.returned = Some(now);
            operation.answer = answer;
        }
    }
}

impl Recorded {
    /// The next moment.
    pub(crate) fn tick(&mut self) -> Moment {
        self.now += 1;
        self.now
    }
}

/// What is wrong with a run; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings(Arc<Mutex<Vec<String>>>);

impl Findings {
    /// Notes a violation, at most a few dozen of them.
    pub(crate) fn violation(&self, text: String) {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if found.len() < 40 {
            found.push(text);
        }
    }

    pub(crate) fn any(&self) -> bool {
        !self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
