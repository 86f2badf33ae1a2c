//! Running a transaction on the history: compare, check, then operate.

use super::history::History;
use super::lease::Leases;
use crate::{Compare, CompareOp, CompareTarget, Error, KeyValue, Op, OpResponse, Txn, TxnResponse};
use quorate_types::LeaseId;
use std::cmp::Ordering;

/// Runs a transaction whose shape and fence have been checked. On an error nothing has changed.
pub(super) fn run(history: &mut History, leases: &Leases, txn: &Txn) -> Result<TxnResponse, Error> {
    let succeeded = txn.compares.iter().all(|compare| holds(history, compare));
    let branch = if succeeded { &txn.success } else { &txn.failure };
    branch.iter().try_for_each(|op| check_op(history, leases, op))?;
    let responses = branch.iter().map(|op| operate(history, op)).collect();
    history.commit();
    Ok(TxnResponse { revision: history.current(), succeeded, responses })
}

fn check_op(history: &History, leases: &Leases, op: &Op) -> Result<(), Error> {
    match op {
        Op::Range(request) => history.check_readable(request.revision),
        Op::Put(put) if put.lease != LeaseId::NONE => leases.find(put.lease).map(|_| ()),
        Op::Put(_) | Op::Delete { .. } => Ok(()),
    }
}

fn operate(history: &mut History, op: &Op) -> OpResponse {
    match op {
        Op::Range(request) => {
            let current = history.current();
            let now = if history.has_changes() { current.next() } else { current };
            OpResponse::Range(history.read(request, now))
        }
        Op::Put(put) => {
            let prev_kv = history.put(&put.key, &put.value, put.lease);
            OpResponse::Put { prev_kv: prev_kv.filter(|_| put.prev_kv) }
        }
        Op::Delete { range, prev_kv } => {
            let deleted = history.delete(range);
            let count = deleted.len() as u64;
            let prev_kvs = if *prev_kv { deleted } else { Vec::new() };
            OpResponse::Delete { deleted: count, prev_kvs }
        }
    }
}

/// A condition on a range holds if it holds for every key; a range without keys stands for one key
/// whose every number is zero and which has no value.
fn holds(history: &History, compare: &Compare) -> bool {
    let mut found = history.latest(&compare.range).peekable();
    if found.peek().is_none() {
        let has_value = matches!(compare.target, CompareTarget::Value(_));
        return !has_value && holds_for(compare, &KeyValue::default());
    }
    found.all(|kv| holds_for(compare, kv))
}

fn holds_for(compare: &Compare, kv: &KeyValue) -> bool {
    let ordering = match &compare.target {
        CompareTarget::Version(version) => kv.version.cmp(version),
        CompareTarget::CreateRevision(revision) => kv.create_revision.cmp(revision),
        CompareTarget::ModRevision(revision) => kv.mod_revision.cmp(revision),
        CompareTarget::Value(value) => kv.value.cmp(value),
        CompareTarget::Lease(lease) => kv.lease.cmp(lease),
    };
    match compare.op {
        CompareOp::Equal => ordering == Ordering::Equal,
        CompareOp::NotEqual => ordering != Ordering::Equal,
        CompareOp::Greater => ordering == Ordering::Greater,
        CompareOp::Less => ordering == Ordering::Less,
    }
}
