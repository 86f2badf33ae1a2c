//! Transactions: compare, then one of two lists of operations, atomically.

use crate::{KeyRange, KeyValue, RangeRequest, RangeResponse};
use bytes::Bytes;
use quorate_types::{LeaseId, Revision, Term};

/// How a compare relates its two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompareOp {
    /// Equal.
    Equal,
    /// Not equal.
    NotEqual,
    /// Greater than the given value.
    Greater,
    /// Less than the given value.
    Less,
}

/// What is compared, and with which value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompareTarget {
    /// Number of changes since the creation; zero for a key that does not exist.
    Version(i64),
    /// Revision of the creation; zero for a key that does not exist.
    CreateRevision(Revision),
    /// Revision of the last change; zero for a key that does not exist.
    ModRevision(Revision),
    /// The value; never true for a key that does not exist.
    Value(Bytes),
    /// The lease; zero for a key that does not exist.
    Lease(LeaseId),
}

/// One condition on one key or on every key of a range, evaluated before any operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compare {
    /// Which keys. A range without any key fulfils every condition except [`CompareTarget::Value`]
    /// (etcd: "compares against zero").
    pub range: KeyRange,
    /// The relation.
    pub op: CompareOp,
    /// The target and the value it is compared with.
    pub target: CompareTarget,
}

impl Compare {
    /// The key does not exist.
    pub fn absent(key: impl Into<Bytes>) -> Self {
        Self::mod_revision(key, Revision::NONE)
    }

    /// The key exists.
    pub fn present(key: impl Into<Bytes>) -> Self {
        Self {
            range: KeyRange::Key(key.into()),
            op: CompareOp::Greater,
            target: CompareTarget::Version(0),
        }
    }

    /// The key was last changed at exactly this revision.
    pub fn mod_revision(key: impl Into<Bytes>, revision: Revision) -> Self {
        Self {
            range: KeyRange::Key(key.into()),
            op: CompareOp::Equal,
            target: CompareTarget::ModRevision(revision),
        }
    }
}

/// A put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutOp {
    /// The key.
    pub key: Bytes,
    /// The value.
    pub value: Bytes,
    /// Lease to attach, [`LeaseId::NONE`] to detach.
    pub lease: LeaseId,
    /// Answer with the key as it was.
    pub prev_kv: bool,
}

/// One operation of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Op {
    /// Reads; sees the operations before it in the same transaction.
    Range(RangeRequest),
    /// Writes a key.
    Put(PutOp),
    /// Deletes a range.
    Delete {
        /// Which keys.
        range: KeyRange,
        /// Answer with the keys as they were.
        prev_kv: bool,
    },
}

impl Op {
    /// Writes a key without a lease.
    pub fn put(key: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        Self::Put(PutOp {
            key: key.into(),
            value: value.into(),
            lease: LeaseId::NONE,
            prev_kv: false,
        })
    }

    /// Deletes one key.
    pub fn delete(key: impl Into<Bytes>) -> Self {
        Self::Delete { range: KeyRange::Key(key.into()), prev_kv: false }
    }
}

/// If every compare holds, the operations of `success`, otherwise those of `failure`; one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn {
    /// The conditions, all of which must hold.
    pub compares: Vec<Compare>,
    /// Operations if they hold.
    pub success: Vec<Op>,
    /// Operations if one does not.
    pub failure: Vec<Op>,
    /// Refuse with [`crate::Error::Fenced`] unless the entry that carries this transaction was
    /// appended by the leader of this term: what a deposed leader's controllers still write is void.
    pub fence: Option<Term>,
}

impl Txn {
    /// Only operations, no condition.
    pub fn ops(ops: impl IntoIterator<Item = Op>) -> Self {
        Self { success: ops.into_iter().collect(), ..Self::default() }
    }

    /// One put.
    pub fn put(key: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        Self::ops([Op::put(key, value)])
    }

    /// One deletion.
    pub fn delete(key: impl Into<Bytes>) -> Self {
        Self::ops([Op::delete(key)])
    }

    /// Adds a condition.
    #[must_use]
    pub fn when(mut self, compare: Compare) -> Self {
        self.compares.push(compare);
        self
    }

    /// Sets what happens when a condition fails.
    #[must_use]
    pub fn otherwise(mut self, ops: impl IntoIterator<Item = Op>) -> Self {
        self.failure = ops.into_iter().collect();
        self
    }

    /// Binds the transaction to a leader's term.
    #[must_use]
    pub fn fenced(mut self, term: Option<Term>) -> Self {
        self.fence = term;
        self
    }

    /// Bytes of keys and values, by which [`quorate_types::limits::MAX_REQUEST_BYTES`] is held.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        let op = |op: &Op| match op {
            Op::Put(put) => put.key.len() + put.value.len(),
            Op::Range(range) => range.range.start().len(),
            Op::Delete { range, .. } => range.start().len(),
        };
        let compare = |compare: &Compare| compare.range.start().len();
        self.compares.iter().map(compare).sum::<usize>()
            + self.success.iter().chain(&self.failure).map(op).sum::<usize>()
    }
}

/// The answer of one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpResponse {
    /// Of a read.
    Range(RangeResponse),
    /// Of a put.
    Put {
        /// The key as it was, if asked for and if it existed.
        prev_kv: Option<KeyValue>,
    },
    /// Of a deletion.
    Delete {
        /// Keys deleted.
        deleted: u64,
        /// The keys as they were, if asked for.
        prev_kvs: Vec<KeyValue>,
    },
}

/// The answer of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxnResponse {
    /// The store's revision after the transaction: grown by one if a key changed.
    pub revision: Revision,
    /// Whether the compares held.
    pub succeeded: bool,
    /// One answer per operation of the branch that ran.
    pub responses: Vec<OpResponse>,
}
