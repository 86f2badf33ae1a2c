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

    fn bytes(&self) -> usize {
        let value = match &self.target {
            CompareTarget::Value(value) => value.len(),
            _ => 0,
        };
        self.range.bytes() + value
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutOp {
    /// The key.
    pub key: Bytes,
    /// The value.
    pub value: Bytes,
    /// Lease to attach, [`LeaseId::NONE`] to detach.
    pub lease: LeaseId,
    /// Answer with the key as it was.
    pub prev_kv: bool,
    /// Keep the value that the key has, which must exist before the transaction; `value` is empty.
    pub ignore_value: bool,
    /// Keep the lease that the key has, which must exist before the transaction; `lease` is none.
    pub ignore_lease: bool,
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
    /// A transaction of its own, whose conditions are evaluated before any operation of the
    /// outermost one.
    Txn(Txn),
}

impl Op {
    /// Writes a key without a lease.
    pub fn put(key: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        Self::Put(PutOp { key: key.into(), value: value.into(), ..PutOp::default() })
    }

    /// Deletes one key.
    pub fn delete(key: impl Into<Bytes>) -> Self {
        Self::Delete { range: KeyRange::Key(key.into()), prev_kv: false }
    }

    /// Steps and bytes.
    fn weigh(&self) -> (usize, usize) {
        match self {
            Self::Put(put) => (1, put.key.len() + put.value.len()),
            Self::Range(request) => (1, request.range.bytes()),
            Self::Delete { range, .. } => (1, range.bytes()),
            Self::Txn(nested) => {
                let (steps, bytes) = nested.weigh();
                (steps + 1, bytes)
            }
        }
    }
}

/// Names a request, so that sending it again cannot apply it again. Draw one at random for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u128);

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
    /// Holds in nested transactions, too, whichever branch they are in.
    pub fence: Option<Term>,
    /// The request's name, only on the outermost transaction. Of the transactions that were applied
    /// under a name, the last [`quorate_types::limits::REQUEST_WINDOW`] are remembered: a repeat
    /// answers as the first did, or with [`crate::Error::AlreadyApplied`] if that answer was larger
    /// than [`quorate_types::limits::MAX_REMEMBERED_OUTCOME`], and applies nothing. A refusal is not
    /// remembered, for it has changed nothing.
    pub request_id: Option<RequestId>,
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

    /// Names the request, see [`Txn::request_id`].
    #[must_use]
    pub fn identified(mut self, id: RequestId) -> Self {
        self.request_id = Some(id);
        self
    }

    /// The operations that may run: those of both branches, nested ones not entered.
    pub fn ops_of_both_branches(&self) -> impl Iterator<Item = &Op> {
        self.success.iter().chain(&self.failure)
    }

    /// Whether it puts a key in any branch, nested ones included: what a full store refuses.
    #[must_use]
    pub fn has_puts(&self) -> bool {
        self.ops_of_both_branches().any(|op| match op {
            Op::Put(_) => true,
            Op::Txn(nested) => nested.has_puts(),
            Op::Range(_) | Op::Delete { .. } => false,
        })
    }

    /// Whether nothing in it can change the store, in whichever branch.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.ops_of_both_branches().all(|op| match op {
            Op::Range(_) => true,
            Op::Txn(nested) => nested.is_read_only(),
            Op::Put(_) | Op::Delete { .. } => false,
        })
    }

    /// Bytes of all keys, range ends and values, nested ones included, and [`Txn::STEP_BYTES`] for
    /// each compare and operation beyond the first: what
    /// [`quorate_types::limits::MAX_REQUEST_BYTES`] bounds.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        let (steps, bytes) = self.weigh();
        bytes + steps.saturating_sub(1) * Self::STEP_BYTES
    }

    /// What a compare or an operation counts beside its keys and values.
    pub const STEP_BYTES: usize = 8;

    fn weigh(&self) -> (usize, usize) {
        let compares = self.compares.iter().map(|compare| (1, compare.bytes()));
        let ops = self.ops_of_both_branches().map(Op::weigh);
        compares.chain(ops).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
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
    /// Of a nested transaction.
    Txn(TxnResponse),
}

/// The answer of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxnResponse {
    /// The store's revision after the transaction: grown by one if a key changed. Of a nested one:
    /// grown by one if a key had changed by its end.
    pub revision: Revision,
    /// Whether the compares held.
    pub succeeded: bool,
    /// One answer per operation of the branch that ran.
    pub responses: Vec<OpResponse>,
}
