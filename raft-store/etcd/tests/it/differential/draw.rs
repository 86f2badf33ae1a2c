//! Draws operations that meet each other: few keys, few leases, revisions near the current one.

use bytes::Bytes;
use pb::compare::{CompareResult, CompareTarget, TargetUnion};
use pb::request_op::Request as Op;
use quorate_etcd::proto::etcdserverpb as pb;
use quorate_seams::{Random, SeededRandom};

/// One request.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Put(pb::PutRequest),
    Range(pb::RangeRequest),
    Delete(pb::DeleteRangeRequest),
    Txn(pb::TxnRequest),
    Compact(pb::CompactionRequest),
    Grant(pb::LeaseGrantRequest),
    Revoke(pb::LeaseRevokeRequest),
    TimeToLive(pb::LeaseTimeToLiveRequest),
    KeepAlive(pb::LeaseKeepAliveRequest),
    Leases,
}

/// Draws operations from a seed; knows how far the store has come.
pub(crate) struct Draw {
    random: SeededRandom,
    revision: i64,
    compacted: i64,
    pub(super) watched: u64,
}

/// Leases that come and go; one more is never granted.
const LEASES: u64 = 6;
/// Longer than any test, in seconds.
const TTL: i64 = 1_000_000;

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: SeededRandom::new(seed), revision: 1, compacted: 0, watched: 0 }
    }

    pub(crate) fn watches(&self) -> u64 {
        self.watched
    }

    /// The revision in an answer's header.
    pub(crate) fn learn(&mut self, revision: i64) {
        self.revision = self.revision.max(revision);
    }

    pub(crate) fn operation(&mut self) -> Operation {
        match self.below(100) {
            0..30 => Operation::Put(self.put()),
            30..55 => Operation::Range(self.range()),
            55..65 => Operation::Delete(self.delete()),
            65..85 => Operation::Txn(self.txn(1)),
            85..87 => Operation::Compact(self.compact()),
            87..91 => Operation::Grant(self.grant()),
            91..93 => Operation::Revoke(pb::LeaseRevokeRequest { id: self.lease() }),
            93..96 => Operation::TimeToLive(pb::LeaseTimeToLiveRequest {
                id: self.lease(),
                keys: self.flip(),
            }),
            96..98 => Operation::KeepAlive(pb::LeaseKeepAliveRequest { id: self.lease() }),
            _ => Operation::Leases,
        }
    }

    pub(super) fn below(&self, bound: u64) -> u64 {
        self.random.below(bound)
    }

    pub(super) fn flip(&self) -> bool {
        self.below(2) == 0
    }

    fn rarely(&self) -> bool {
        self.below(12) == 0
    }

    /// A number of few.
    fn few(&self, bound: u64) -> i64 {
        i64::try_from(self.below(bound)).unwrap()
    }

    fn one<T: Copy>(&self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }

    fn bytes(&self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }

    fn key(&self) -> Bytes {
        if self.below(40) == 0 {
            return Bytes::new();
        }
        let mut key = vec![self.one(&[b'a', b'b', b'c', 0, 0xff])];
        for _ in 0..self.below(3) {
            key.push(self.one(&[b'a', b'b', 0, 0xff]));
        }
        key.into()
    }

    fn value(&self) -> Bytes {
        (0..self.below(6)).map(|_| self.bytes()).collect()
    }

    /// The end of a range that begins at a key: none, the first key above all with that prefix, from
    /// the key on, or any.
    fn end(&self, key: &Bytes) -> Bytes {
        match self.below(8) {
            0..3 => Bytes::new(),
            3..5 => {
                let mut end = key.to_vec();
                match end.last_mut() {
                    Some(last) if *last < 0xff => *last += 1,
                    _ => end.push(0),
                }
                end.into()
            }
            5 => Bytes::from_static(b"\0"),
            _ => self.key(),
        }
    }

    fn lease(&self) -> i64 {
        self.few(LEASES + 1) + 1
    }

    /// Mostly near the present; now and then compacted or in the future.
    pub(super) fn revision(&self) -> i64 {
        match self.below(10) {
            0 => self.revision + self.few(3),
            1 => self.compacted - 1 + self.few(3),
            _ => self.revision - self.few(50),
        }
        .max(1)
    }

    fn put(&self) -> pb::PutRequest {
        let (ignore_value, ignore_lease) = (self.rarely(), self.rarely());
        let value = if ignore_value && !self.rarely() { Bytes::new() } else { self.value() };
        let leased = self.below(4) == 0 && (!ignore_lease || self.rarely());
        pb::PutRequest {
            key: self.key(),
            value,
            lease: if leased { self.lease() } else { 0 },
            prev_kv: self.flip(),
            ignore_value,
            ignore_lease,
        }
    }

    fn delete(&self) -> pb::DeleteRangeRequest {
        let key = self.key();
        let range_end = if self.flip() { Bytes::new() } else { self.end(&key) };
        pb::DeleteRangeRequest { range_end, key, prev_kv: self.flip() }
    }

    fn range(&self) -> pb::RangeRequest {
        let key = self.key();
        let bound = |draw: &Self| if draw.rarely() { draw.revision() } else { 0 };
        let sorted = self.below(3) == 0;
        let mut range = pb::RangeRequest {
            range_end: self.end(&key),
            key,
            limit: if self.flip() { self.few(5) } else { 0 },
            revision: if self.below(3) == 0 { self.revision() } else { 0 },
            sort_order: if sorted { self.one(&[0, 1, 2]) } else { 0 },
            sort_target: if sorted { self.one(&[0, 1, 2, 3, 4]) } else { 0 },
            serializable: self.rarely(),
            keys_only: self.rarely(),
            count_only: self.rarely(),
            min_mod_revision: bound(self),
            max_mod_revision: bound(self),
            min_create_revision: bound(self),
            max_create_revision: bound(self),
        };
        // Of keys that tie etcd cuts off any.
        if range.sort_target != 0 {
            range.limit = 0;
        }
        range
    }

    fn txn(&self, depth: u64) -> pb::TxnRequest {
        let ops = |most| (0..self.below(most)).map(|_| self.op(depth)).collect();
        pb::TxnRequest {
            compare: (0..self.below(3)).map(|_| self.compare()).collect(),
            success: ops(5),
            failure: ops(3),
        }
    }

    fn op(&self, depth: u64) -> pb::RequestOp {
        let request = match self.below(20) {
            0..9 => Some(Op::RequestPut(self.put())),
            9..14 => Some(Op::RequestRange(pb::RangeRequest { sort_target: 0, ..self.range() })),
            14..17 => Some(Op::RequestDeleteRange(self.delete())),
            17..19 if depth < 4 => Some(Op::RequestTxn(self.txn(depth + 1))),
            _ if self.rarely() => None,
            _ => Some(Op::RequestPut(self.put())),
        };
        pb::RequestOp { request }
    }

    fn compare(&self) -> pb::Compare {
        let key = self.key();
        let target = self.one(&[
            CompareTarget::Version,
            CompareTarget::Create,
            CompareTarget::Mod,
            CompareTarget::Value,
            CompareTarget::Lease,
        ]);
        let union = match target {
            CompareTarget::Version => TargetUnion::Version(self.few(4)),
            CompareTarget::Create => TargetUnion::CreateRevision(self.known()),
            CompareTarget::Mod => TargetUnion::ModRevision(self.known()),
            CompareTarget::Value => TargetUnion::Value(self.value()),
            CompareTarget::Lease => TargetUnion::Lease(self.few(4)),
        };
        let result = self.one(&[
            CompareResult::Equal,
            CompareResult::Greater,
            CompareResult::Less,
            CompareResult::NotEqual,
        ]);
        pb::Compare {
            result: result.into(),
            target: target.into(),
            range_end: if self.rarely() { self.end(&key) } else { Bytes::new() },
            key,
            target_union: (!self.rarely()).then_some(union),
        }
    }

    /// A revision that a key may have, or none.
    fn known(&self) -> i64 {
        if self.flip() { 0 } else { self.revision() }
    }

    fn compact(&mut self) -> pb::CompactionRequest {
        let revision = match self.below(6) {
            0 => self.revision(),
            _ => (self.revision - 20 - self.few(100)).max(1),
        };
        if revision <= self.revision {
            self.compacted = self.compacted.max(revision);
        }
        pb::CompactionRequest { revision, physical: true }
    }

    fn grant(&self) -> pb::LeaseGrantRequest {
        let ttl = if self.rarely() { self.one(&[9_000_000_001, i64::MAX]) } else { TTL };
        pb::LeaseGrantRequest { ttl, id: self.few(LEASES) + 1 }
    }
}
