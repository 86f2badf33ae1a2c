//! Transactions: every compare on the state before, then the chosen branches as one revision.

use super::Machine;
use super::write::Writer;
use crate::db::{Family, View};
use crate::layout::lease_key;
use crate::{Error, Outcome, Reply, read};
use quorate_seams::{bug, entropy};
use quorate_store::{
    Compare, CompareOp, CompareTarget, Error as Refusal, KeyRange, KeyValue, Op, OpResponse, PutOp,
    RangeRequest, Txn, TxnResponse,
};
use quorate_types::{LeaseId, Term, limits};
use std::cmp::Ordering;

/// A transaction of which it is known which branch runs.
struct Chosen {
    succeeded: bool,
    ops: Vec<ChosenOp>,
}

enum ChosenOp {
    Range(RangeRequest),
    Put(PutOp),
    Delete { range: KeyRange, prev_kv: bool },
    Txn(Chosen),
}

impl Machine<'_> {
    pub(super) fn txn(&mut self, txn: Txn) -> Result<Outcome, Error> {
        if let Err(refusal) = txn.check(limits::MAX_TXN_OPS) {
            return Ok(Err(refusal));
        }
        let request = txn.request_id;
        if let Some(id) = request
            && let Some(outcome) = self.remembered(id)?
            && !bug("mvcc-applies-a-repeat")
        {
            return Ok(outcome);
        }
        if let Err(refusal) = fences(&txn, self.entry.term) {
            return Ok(Err(refusal));
        }
        let outcome = self.run_checked(txn)?;
        if let (Some(id), Ok(reply)) = (request, &outcome) {
            self.remember(id, reply)?;
        }
        Ok(outcome)
    }

    /// Runs a transaction whose shape and fences have been checked.
    fn run_checked(&mut self, txn: Txn) -> Result<Outcome, Error> {
        if self.is_full() && txn.has_puts() {
            return Ok(Err(Refusal::NoSpace));
        }
        let chosen = choose(&self.state, txn)?;
        let refusal = match self.put_refusal(&chosen)? {
            None => self.read_refusal(&chosen),
            refusal => refusal,
        };
        if let Some(refusal) = refusal {
            return Ok(Err(refusal));
        }
        let mut writer = Writer::new(self);
        let mut response = operate_all(&mut writer, chosen)?;
        response.revision = writer.finish();
        Ok(Ok(Reply::Txn(response)))
    }

    /// What puts ask of the state before the transaction: leases that exist, keys whose value or
    /// lease is to be kept.
    fn put_refusal(&self, txn: &Chosen) -> Result<Option<Refusal>, Error> {
        for op in &txn.ops {
            let refusal = match op {
                ChosenOp::Put(put) => self.refuse_put(put)?,
                ChosenOp::Txn(nested) => self.put_refusal(nested)?,
                ChosenOp::Range(_) | ChosenOp::Delete { .. } => None,
            };
            if refusal.is_some() {
                return Ok(refusal);
            }
        }
        Ok(None)
    }

    fn refuse_put(&self, put: &PutOp) -> Result<Option<Refusal>, Error> {
        let keeps = put.ignore_value || put.ignore_lease;
        if keeps && self.state.value(Family::Cur, &put.key)?.is_none() {
            let key = String::from_utf8_lossy(&put.key).into_owned();
            return Ok(Some(Refusal::KeyNotFound { key }));
        }
        let leased = put.lease != LeaseId::NONE;
        if leased && self.state.value(Family::Lease, &lease_key(put.lease))?.is_none() {
            return Ok(Some(Refusal::LeaseNotFound(put.lease)));
        }
        Ok(None)
    }

    fn read_refusal(&self, txn: &Chosen) -> Option<Refusal> {
        txn.ops.iter().find_map(|op| match op {
            ChosenOp::Range(request) => read::check(request, &self.meta).err(),
            ChosenOp::Txn(nested) => self.read_refusal(nested),
            ChosenOp::Put(_) | ChosenOp::Delete { .. } => None,
        })
    }
}

/// Refuses a transaction any part of which was written under another term.
fn fences(txn: &Txn, current: Term) -> Result<(), Refusal> {
    match txn.fence {
        Some(written) if written != current => return Err(Refusal::Fenced { written, current }),
        _ => {}
    }
    txn.ops_of_both_branches().try_for_each(|op| match op {
        Op::Txn(nested) => fences(nested, current),
        _ => Ok(()),
    })
}

fn choose(state: &dyn View, txn: Txn) -> Result<Chosen, Error> {
    let mut succeeded = true;
    for compare in &txn.compares {
        succeeded = succeeded && holds(state, compare)?;
    }
    if bug("mvcc-applies-by-chance") && entropy().is_multiple_of(64) {
        succeeded = !succeeded;
    }
    let branch = if succeeded { txn.success } else { txn.failure };
    let mut ops = Vec::with_capacity(branch.len());
    for op in branch {
        ops.push(match op {
            Op::Range(request) => ChosenOp::Range(request),
            Op::Put(put) => ChosenOp::Put(put),
            Op::Delete { range, prev_kv } => ChosenOp::Delete { range, prev_kv },
            Op::Txn(nested) => ChosenOp::Txn(choose(state, nested)?),
            other => return Err(unknown(&other)),
        });
    }
    Ok(Chosen { succeeded, ops })
}

fn operate_all(writer: &mut Writer<'_, '_>, txn: Chosen) -> Result<TxnResponse, Error> {
    let mut responses = Vec::with_capacity(txn.ops.len());
    for op in txn.ops {
        responses.push(operate(writer, op)?);
    }
    Ok(TxnResponse { revision: writer.revision(), succeeded: txn.succeeded, responses })
}

fn operate(writer: &mut Writer<'_, '_>, op: ChosenOp) -> Result<OpResponse, Error> {
    match op {
        ChosenOp::Range(request) => range(writer, &request),
        ChosenOp::Put(put) => Ok(OpResponse::Put { prev_kv: writer.put(put)? }),
        ChosenOp::Delete { range, prev_kv } => delete(writer, &range, prev_kv),
        ChosenOp::Txn(nested) => Ok(OpResponse::Txn(operate_all(writer, nested)?)),
    }
}

fn delete(
    writer: &mut Writer<'_, '_>,
    range: &KeyRange,
    prev_kv: bool,
) -> Result<OpResponse, Error> {
    let found = read::currents(&writer.machine().state, range)?;
    let deleted = u64::try_from(found.len()).unwrap_or(u64::MAX);
    let prev_kvs =
        if prev_kv { found.iter().map(|current| current.kv.clone()).collect() } else { Vec::new() };
    for current in found {
        writer.delete(current);
    }
    Ok(OpResponse::Delete { deleted, prev_kvs })
}

/// A read within the transaction: sees its changes so far, also when reading "the current" revision.
fn range(writer: &Writer<'_, '_>, request: &RangeRequest) -> Result<OpResponse, Error> {
    let current = writer.revision();
    let asked = request.revision;
    let past = asked > quorate_types::Revision::NONE && asked < current;
    let response = read::range(&writer.machine().state, request, past.then_some(asked), current)?;
    Ok(OpResponse::Range(response))
}

/// The contract grew an operation that this file does not know: a mistake of the build, which must
/// stop the member before members differ.
fn unknown(op: &Op) -> Error {
    Error::Database { operation: "run a transaction", reason: format!("unknown operation {op:?}") }
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
