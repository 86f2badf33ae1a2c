//! Running a transaction on the history: choose the branches, check, then operate.

use super::history::History;
use super::lease::Leases;
use crate::{
    Compare, CompareOp, CompareTarget, Error, KeyRange, KeyValue, Op, OpResponse, PutOp,
    RangeRequest, Txn, TxnResponse,
};
use quorate_types::LeaseId;
use std::cmp::Ordering;

/// A transaction of which it is known which branch runs.
struct Chosen<'a> {
    succeeded: bool,
    ops: Vec<ChosenOp<'a>>,
}

enum ChosenOp<'a> {
    Range(&'a RangeRequest),
    Put(&'a PutOp),
    Delete { range: &'a KeyRange, prev_kv: bool },
    Txn(Chosen<'a>),
}

/// Runs a transaction whose shape and fence have been checked. On an error nothing has changed.
pub(super) fn run(history: &mut History, leases: &Leases, txn: &Txn) -> Result<TxnResponse, Error> {
    // Every condition, nested ones included, looks at the state before any operation.
    let chosen = choose(history, txn);
    check_puts(history, leases, &chosen)?;
    check_reads(history, &chosen)?;
    let response = operate_all(history, &chosen);
    history.commit();
    Ok(response)
}

fn choose<'a>(history: &History, txn: &'a Txn) -> Chosen<'a> {
    let succeeded = txn.compares.iter().all(|compare| holds(history, compare));
    let branch = if succeeded { &txn.success } else { &txn.failure };
    let ops = branch.iter().map(|op| match op {
        Op::Range(request) => ChosenOp::Range(request),
        Op::Put(put) => ChosenOp::Put(put),
        Op::Delete { range, prev_kv } => ChosenOp::Delete { range, prev_kv: *prev_kv },
        Op::Txn(nested) => ChosenOp::Txn(choose(history, nested)),
    });
    Chosen { succeeded, ops: ops.collect() }
}

/// What puts ask of the state before the transaction: leases that exist, keys whose value or lease
/// is to be kept.
fn check_puts(history: &History, leases: &Leases, txn: &Chosen<'_>) -> Result<(), Error> {
    txn.ops.iter().try_for_each(|op| match op {
        ChosenOp::Put(put) => {
            if (put.ignore_value || put.ignore_lease) && latest(history, put).is_none() {
                let key = String::from_utf8_lossy(&put.key).into_owned();
                return Err(Error::KeyNotFound { key });
            }
            match put.lease {
                LeaseId::NONE => Ok(()),
                lease => leases.find(lease).map(|_| ()),
            }
        }
        ChosenOp::Txn(nested) => check_puts(history, leases, nested),
        ChosenOp::Range(_) | ChosenOp::Delete { .. } => Ok(()),
    })
}

fn check_reads(history: &History, txn: &Chosen<'_>) -> Result<(), Error> {
    txn.ops.iter().try_for_each(|op| match op {
        ChosenOp::Range(request) => history.check_readable(request.revision),
        ChosenOp::Txn(nested) => check_reads(history, nested),
        ChosenOp::Put(_) | ChosenOp::Delete { .. } => Ok(()),
    })
}

fn operate_all(history: &mut History, txn: &Chosen<'_>) -> TxnResponse {
    let responses = txn.ops.iter().map(|op| operate(history, op)).collect();
    TxnResponse { revision: history.pending(), succeeded: txn.succeeded, responses }
}

fn operate(history: &mut History, op: &ChosenOp<'_>) -> OpResponse {
    match op {
        ChosenOp::Range(request) => OpResponse::Range(history.read(request, history.pending())),
        ChosenOp::Put(put) => {
            let before = latest(history, put);
            let before = before.as_ref();
            let value = before.filter(|_| put.ignore_value).map_or(&put.value, |kv| &kv.value);
            let lease = before.filter(|_| put.ignore_lease).map_or(put.lease, |kv| kv.lease);
            let prev_kv = history.put(&put.key, value, lease);
            OpResponse::Put { prev_kv: prev_kv.filter(|_| put.prev_kv) }
        }
        ChosenOp::Delete { range, prev_kv } => {
            let deleted = history.delete(range);
            let count = deleted.len() as u64;
            let prev_kvs = if *prev_kv { deleted } else { Vec::new() };
            OpResponse::Delete { deleted: count, prev_kvs }
        }
        ChosenOp::Txn(nested) => OpResponse::Txn(operate_all(history, nested)),
    }
}

fn latest(history: &History, put: &PutOp) -> Option<KeyValue> {
    history.latest(&KeyRange::Key(put.key.clone())).next().cloned()
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
