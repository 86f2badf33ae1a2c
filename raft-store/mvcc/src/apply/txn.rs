//! Transactions: compares on the state before, then one branch as one revision.

use super::write::Writer;
use super::{Machine, check};
use crate::db::{Family, View};
use crate::layout::lease_key;
use crate::{Error, Outcome, Reply, read};
use quorate_seams::{bug, entropy};
use quorate_store::{
    Compare, CompareOp, CompareTarget, Error as Refusal, KeyValue, Op, OpResponse, PutOp,
    RangeRequest, Txn, TxnResponse,
};
use quorate_types::LeaseId;
use std::cmp::Ordering;

impl Machine<'_> {
    pub(super) fn txn(&mut self, txn: Txn) -> Result<Outcome, Error> {
        if let Err(refusal) = check::txn(&txn, self.entry.term) {
            return Ok(Err(refusal));
        }
        let mut succeeded = true;
        for compare in &txn.compares {
            succeeded = succeeded && holds(&self.state, compare)?;
        }
        if bug("mvcc-applies-by-chance") && entropy().is_multiple_of(64) {
            succeeded = !succeeded;
        }
        let ops = if succeeded { txn.success } else { txn.failure };
        if let Some(refusal) = self.refusal(&ops)? {
            return Ok(Err(refusal));
        }
        let mut writer = Writer::new(self);
        let mut responses = Vec::with_capacity(ops.len());
        for op in ops {
            responses.push(run(&mut writer, op)?);
        }
        let revision = writer.finish();
        Ok(Ok(Reply::Txn(TxnResponse { revision, succeeded, responses })))
    }

    /// Why a branch cannot run on this state.
    fn refusal(&self, ops: &[Op]) -> Result<Option<Refusal>, Error> {
        for op in ops {
            match op {
                Op::Range(request) => {
                    if let Err(refusal) = read::check(request, &self.meta) {
                        return Ok(Some(refusal));
                    }
                }
                Op::Put(PutOp { lease, .. })
                    if *lease != LeaseId::NONE
                        && self.state.value(Family::Lease, &lease_key(*lease))?.is_none() =>
                {
                    return Ok(Some(Refusal::LeaseNotFound(*lease)));
                }
                _ => {}
            }
        }
        Ok(None)
    }
}

fn run(writer: &mut Writer<'_, '_>, op: Op) -> Result<OpResponse, Error> {
    match op {
        Op::Range(request) => range(writer, &request),
        Op::Put(put) => {
            let prev_kv = writer.put(&put.key, put.value, put.lease)?;
            Ok(OpResponse::Put { prev_kv: prev_kv.filter(|_| put.prev_kv) })
        }
        Op::Delete { range, prev_kv } => {
            let found = read::currents(&writer.machine().state, &range)?;
            let deleted = u64::try_from(found.len()).unwrap_or(u64::MAX);
            let prev_kvs = found.iter().filter(|_| prev_kv).map(|at| at.kv.clone()).collect();
            for current in found {
                writer.delete(current);
            }
            Ok(OpResponse::Delete { deleted, prev_kvs })
        }
        // `Op` may grow in the contract; commands are decoded by this version, which knows these.
        _ => unreachable_op(),
    }
}

fn unreachable_op() -> Result<OpResponse, Error> {
    Err(Error::Database { operation: "run a transaction", reason: "unknown operation".into() })
}

/// Reads within the transaction: sees its changes so far, also when reading "the current" revision.
fn range(writer: &Writer<'_, '_>, request: &RangeRequest) -> Result<OpResponse, Error> {
    let current = writer.revision();
    let asked = request.revision;
    let past = asked > quorate_types::Revision::NONE && asked < current;
    let response = read::range(&writer.machine().state, request, past.then_some(asked), current)?;
    Ok(OpResponse::Range(response))
}

fn holds(state: &dyn View, compare: &Compare) -> Result<bool, Error> {
    let found = read::currents(state, &compare.range)?;
    if found.is_empty() {
        let missing = KeyValue::default();
        let by_value = matches!(compare.target, CompareTarget::Value(_));
        return Ok(!by_value && matches(&missing, compare));
    }
    if bug("mvcc-compares-any-instead-of-all") {
        return Ok(found.iter().any(|current| matches(&current.kv, compare)));
    }
    Ok(found.iter().all(|current| matches(&current.kv, compare)))
}

fn matches(kv: &KeyValue, compare: &Compare) -> bool {
    let order = match &compare.target {
        CompareTarget::Version(version) => kv.version.cmp(version),
        CompareTarget::CreateRevision(revision) => kv.create_revision.cmp(revision),
        CompareTarget::ModRevision(revision) => kv.mod_revision.cmp(revision),
        CompareTarget::Value(value) => kv.value.cmp(value),
        CompareTarget::Lease(lease) => kv.lease.cmp(lease),
    };
    match compare.op {
        CompareOp::Equal => order == Ordering::Equal,
        CompareOp::NotEqual => order != Ordering::Equal,
        CompareOp::Greater => order == Ordering::Greater,
        CompareOp::Less => order == Ordering::Less,
    }
}
