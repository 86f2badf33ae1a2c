//! Drawing requests from a seed, over few keys so that they meet.

use crate::{
    Compare, CompareOp, CompareTarget, KeyRange, Op, PutOp, RangeRequest, RequestId,
    RevisionFilter, Sort, SortTarget, Txn,
};
use bytes::Bytes;
use quorate_seams::{Random, SeededRandom};
use quorate_types::{LeaseId, Revision};

const KEYS: [&str; 8] = ["a", "ab", "b", "c", "c/1", "c/2", "d", "e"];
const LEASES: [i64; 3] = [101, 102, 103];
const UNKNOWN_LEASE: LeaseId = LeaseId(999);

/// Which requests are drawn beside reads and transactions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mix {
    pub(super) leases: bool,
    pub(super) compactions: bool,
}

/// One request.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Read(RangeRequest),
    Txn(Txn),
    Grant(LeaseId),
    Revoke(LeaseId),
    Compact(Revision),
}

/// Draws requests.
pub(super) struct Draw {
    random: SeededRandom,
    mix: Mix,
}

impl Draw {
    pub(super) fn new(seed: u64, mix: Mix) -> Self {
        Self { random: SeededRandom::new(seed), mix }
    }

    fn below(&self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX);
        usize::try_from(self.random.below(bound)).unwrap_or(0)
    }

    fn chance(&self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// The next request for a store at a revision.
    pub(super) fn step(&self, current: Revision) -> Step {
        match self.below(100) {
            0..12 => Step::Read(self.read(current)),
            12..16 if self.mix.leases => Step::Grant(self.known_lease()),
            16..18 if self.mix.leases => Step::Revoke(self.known_lease()),
            18..22 if self.mix.compactions => Step::Compact(self.revision(current)),
            22..36 => Step::Txn(self.doubtful(current)),
            _ => Step::Txn(self.txn(current)),
        }
    }

    fn key(&self) -> Bytes {
        Bytes::from_static(KEYS[self.below(KEYS.len())].as_bytes())
    }

    fn known_lease(&self) -> LeaseId {
        LeaseId(LEASES[self.below(LEASES.len())])
    }

    /// A revision around the current one, seldom ahead.
    fn revision(&self, current: Revision) -> Revision {
        let back = i64::try_from(self.below(12)).unwrap_or(0);
        Revision((current.0 + 1 - back).max(0))
    }

    fn range(&self) -> KeyRange {
        match self.below(10) {
            0 => KeyRange::all(),
            1 => KeyRange::From(self.key()),
            2 => KeyRange::prefix("c/"),
            3 | 4 => KeyRange::Span(self.key(), self.key()),
            _ => KeyRange::Key(self.key()),
        }
    }

    fn read(&self, current: Revision) -> RangeRequest {
        let revision = if self.chance(50) { self.revision(current) } else { Revision::NONE };
        RangeRequest {
            limit: self.below(4),
            keys_only: self.chance(10),
            count_only: self.chance(10),
            sort: self.chance(60).then(|| self.sort()),
            filter: self.filter(current),
            ..RangeRequest::new(self.range()).at(revision)
        }
    }

    fn sort(&self) -> Sort {
        let target = match self.below(5) {
            0 => SortTarget::Key,
            1 => SortTarget::Version,
            2 => SortTarget::CreateRevision,
            3 => SortTarget::ModRevision,
            _ => SortTarget::Value,
        };
        Sort { target, descending: self.chance(50) }
    }

    fn filter(&self, current: Revision) -> RevisionFilter {
        let bound = || if self.chance(10) { self.revision(current) } else { Revision::NONE };
        let (min_mod, max_mod, min_create, max_create) = (bound(), bound(), bound(), bound());
        RevisionFilter { min_mod, max_mod, min_create, max_create }
    }

    fn put(&self, key: Bytes, lease: LeaseId) -> Op {
        let value = format!("v{}", self.below(10)).into();
        Op::Put(PutOp { key, value, lease, prev_kv: self.chance(50), ..PutOp::default() })
    }

    fn op(&self) -> Op {
        match self.below(10) {
            0..2 => Op::Range(RangeRequest::new(self.range()).limit(self.below(3))),
            2..4 => Op::Delete { range: self.range(), prev_kv: self.chance(50) },
            _ => self.put(self.key(), LeaseId::NONE),
        }
    }

    fn ops(&self, current: Revision, depth: usize) -> Vec<Op> {
        let op = |_| match depth {
            1.. if self.chance(15) => Op::Txn(self.nested(current, depth - 1)),
            _ => self.op(),
        };
        (0..self.below(5)).map(op).collect()
    }

    fn nested(&self, current: Revision, depth: usize) -> Txn {
        let compares = (0..self.below(3)).map(|_| self.compare(current)).collect();
        let (success, failure) = (self.ops(current, depth), self.ops(current, depth));
        Txn { compares, success, failure, ..Txn::default() }
    }

    fn compare(&self, current: Revision) -> Compare {
        let op = match self.below(4) {
            0 => CompareOp::Equal,
            1 => CompareOp::NotEqual,
            2 => CompareOp::Greater,
            _ => CompareOp::Less,
        };
        let target = match self.below(5) {
            0 => CompareTarget::Version(i64::try_from(self.below(4)).unwrap_or(0)),
            1 => CompareTarget::CreateRevision(self.revision(current)),
            2 => CompareTarget::ModRevision(self.revision(current)),
            3 => CompareTarget::Value(format!("v{}", self.below(10)).into()),
            _ => CompareTarget::Lease(self.known_lease()),
        };
        Compare { range: self.range(), op, target }
    }

    /// A transaction that may be refused for its shape, but for nothing else; sometimes a repeat.
    fn txn(&self, current: Revision) -> Txn {
        let txn = self.nested(current, 2);
        let request_id = self.chance(10).then(|| RequestId(self.below(12) as u128));
        Txn { request_id, ..txn }
    }

    /// A transaction of good shape that the state may refuse, for one reason.
    fn doubtful(&self, current: Revision) -> Txn {
        let lease =
            if self.mix.leases && self.chance(70) { self.known_lease() } else { LeaseId::NONE };
        let (first, second) = (self.put("a".into(), lease), Op::delete("b"));
        let keeping = |ignore_value, ignore_lease| {
            let key = self.key();
            Op::Put(PutOp { key, ignore_value, ignore_lease, ..PutOp::default() })
        };
        let doubtful = match self.below(5) {
            0 if lease == LeaseId::NONE => keeping(true, self.chance(50)),
            1 if lease == LeaseId::NONE => keeping(false, true),
            2 if lease == LeaseId::NONE => self.put("d".into(), UNKNOWN_LEASE),
            3 if lease == LeaseId::NONE => Op::Range(self.read(current)),
            _ => self.put("e".into(), lease),
        };
        Txn::ops([first, doubtful, second]).when(self.compare(current))
    }
}
