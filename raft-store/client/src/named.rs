//! Fences and names around a transaction, made of etcd's comparisons and keys. Pure.
//!
//! The whole is up to three transactions within each other: has the name been used; are the fences of
//! the current term; and the transaction itself, each branch of which also writes the name's key. All
//! conditions look at the state before the outermost, so the three are one decision.

use crate::keyspace::Keyspace;
use crate::{request, response};
use etcd_client as etcd;
use quorate_store::{Error, Op, OpResponse, RequestId, Txn, TxnResponse};
use quorate_types::{LeaseId, Revision, Term};

const SUCCEEDED: &str = "success";
const FAILED: &str = "failure";

/// A transaction as it is sent.
#[derive(Debug)]
pub(crate) struct Wrapped<'a> {
    space: &'a Keyspace,
    asked: &'a Txn,
    fences: Vec<Term>,
}

impl<'a> Wrapped<'a> {
    /// # Errors
    /// The transaction makes no sense or is of a kind that etcd has no word for.
    pub(crate) fn new(space: &'a Keyspace, asked: &'a Txn, max_ops: usize) -> Result<Self, Error> {
        asked.check(max_ops)?;
        let mut fences = Vec::new();
        collect(asked, &mut fences)?;
        Ok(Self { space, asked, fences })
    }

    /// The message; a name lives as long as the lease.
    pub(crate) fn message(&self, names: LeaseId) -> etcd::Txn {
        let name = self.asked.request_id;
        let inner = match name {
            None => request::txn(self.space, self.asked),
            Some(id) => self.remembering(id, names),
        };
        let fenced = self.fenced(inner);
        match name {
            None => fenced,
            Some(id) => unused(&self.space.request(id), fenced),
        }
    }

    fn remembering(&self, id: RequestId, names: LeaseId) -> etcd::Txn {
        let note = |outcome: &str| {
            let options = etcd::PutOptions::new().with_lease(names.0);
            etcd::TxnOp::put(self.space.request(id), outcome, Some(options))
        };
        let (compares, mut success, mut failure) = request::parts(self.space, self.asked);
        success.push(note(SUCCEEDED));
        failure.push(note(FAILED));
        etcd::Txn::new().when(compares).and_then(success).or_else(failure)
    }

    fn fenced(&self, inner: etcd::Txn) -> etcd::Txn {
        if self.fences.is_empty() {
            return inner;
        }
        let leader = self.space.leader();
        let term = |term: &Term| {
            let created = i64::try_from(term.0).unwrap_or(i64::MAX);
            etcd::Compare::create_revision(leader.clone(), etcd::CompareOp::Equal, created)
        };
        let terms: Vec<_> = self.fences.iter().map(term).collect();
        etcd::Txn::new()
            .when(terms)
            .and_then([etcd::TxnOp::txn(inner)])
            .or_else([etcd::TxnOp::get(leader, None)])
    }

    /// What came of it.
    ///
    /// # Errors
    /// [`Error::Fenced`], or [`Error::AlreadyApplied`] for a repeat whose answer is not known.
    pub(crate) fn outcome(&self, got: &etcd::TxnResponse) -> Result<TxnResponse, Error> {
        let after = response::revision(got.header());
        let mut inner = got.clone();
        if self.asked.request_id.is_some() {
            inner = match within(&inner) {
                Ok(applied) => applied,
                Err(found) => return self.repeated(found.first()),
            };
        }
        if !self.fences.is_empty() {
            inner = match within(&inner) {
                Ok(applied) => applied,
                Err(found) => return Err(self.outdated(found.first())),
            };
        }
        Ok(response::txn(self.space, self.asked, &inner, after))
    }

    fn outdated(&self, leader: Option<&etcd::KeyValue>) -> Error {
        let current = Term(leader.map_or(0, |kv| kv.create_revision().unsigned_abs()));
        let written = self.fences.iter().find(|fence| **fence != current);
        Error::Fenced { written: written.copied().unwrap_or_default(), current }
    }

    /// Answers as the first did, where that follows from which branch ran.
    fn repeated(&self, name: Option<&etcd::KeyValue>) -> Result<TxnResponse, Error> {
        let Some(name) = name else {
            return Err(Error::Unavailable {
                reason: "the server knows a request and does not tell it".to_owned(),
                certainty: quorate_store::Certainty::Unknown,
            });
        };
        let revision = Revision(name.mod_revision());
        let succeeded = name.value() == SUCCEEDED.as_bytes();
        let branch = if succeeded { &self.asked.success } else { &self.asked.failure };
        let plain = |op: &Op| match op {
            Op::Put(put) if !put.prev_kv => Some(OpResponse::Put { prev_kv: None }),
            _ => None,
        };
        let responses: Option<Vec<_>> = branch.iter().map(plain).collect();
        match responses {
            Some(responses) if !responses.is_empty() => {
                Ok(TxnResponse { revision, succeeded, responses })
            }
            _ => Err(Error::AlreadyApplied { revision }),
        }
    }
}

/// The transaction, unless the name is taken.
fn unused(name: &str, inner: etcd::Txn) -> etcd::Txn {
    etcd::Txn::new()
        .when([etcd::Compare::create_revision(name, etcd::CompareOp::Equal, 0)])
        .and_then([etcd::TxnOp::txn(inner)])
        .or_else([etcd::TxnOp::get(name, None)])
}

/// The answer of the transaction within, or the keys that were read instead.
fn within(outer: &etcd::TxnResponse) -> Result<etcd::TxnResponse, Vec<etcd::KeyValue>> {
    match outer.op_responses().pop() {
        Some(etcd::TxnOpResponse::Txn(inner)) if outer.succeeded() => Ok(inner),
        Some(etcd::TxnOpResponse::Get(found)) => Err(found.kvs().to_vec()),
        _ => Err(Vec::new()),
    }
}

/// The fences of a transaction and of those within it, which hold in whichever branch they are.
fn collect(txn: &Txn, fences: &mut Vec<Term>) -> Result<(), Error> {
    fences.extend(txn.fence);
    txn.ops_of_both_branches().try_for_each(|op| match op {
        Op::Txn(nested) => collect(nested, fences),
        Op::Range(_) | Op::Put(_) | Op::Delete { .. } => Ok(()),
        other => Err(Error::Invalid { reason: format!("etcd has no operation like {other:?}") }),
    })
}
