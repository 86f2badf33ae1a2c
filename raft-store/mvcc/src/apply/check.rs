//! What makes a transaction invalid whatever the state is. Pure.

use crate::read;
use bytes::Bytes;
use quorate_store::{Error as Refusal, KeyRange, Op, Txn};
use quorate_types::{Term, limits};
use std::collections::BTreeSet;

/// Checks a transaction in an entry of a term: number of operations, size, keys, fence.
pub(super) fn txn(txn: &Txn, term: Term) -> Result<(), Refusal> {
    let given = txn.compares.len().max(txn.success.len()).max(txn.failure.len());
    if given > limits::MAX_TXN_OPS {
        return Err(Refusal::TooManyOps { given, limit: limits::MAX_TXN_OPS });
    }
    let bytes = txn.payload_bytes();
    if bytes > limits::MAX_REQUEST_BYTES {
        return Err(Refusal::TooLarge { bytes, limit: limits::MAX_REQUEST_BYTES });
    }
    for compare in &txn.compares {
        read::check_range(&compare.range)?;
    }
    for branch in [&txn.success, &txn.failure] {
        branch.iter().try_for_each(op)?;
        duplicates(branch)?;
    }
    match txn.fence {
        Some(written) if written != term => Err(Refusal::Fenced { written, current: term }),
        _ => Ok(()),
    }
}

fn op(op: &Op) -> Result<(), Refusal> {
    match op {
        Op::Range(request) => read::check_range(&request.range),
        Op::Put(put) if put.key.is_empty() => Err(Refusal::EmptyKey),
        Op::Delete { range, .. } => read::check_range(range),
        _ => Ok(()),
    }
}

/// A branch may put a key once, and not delete what it puts.
fn duplicates(ops: &[Op]) -> Result<(), Refusal> {
    let mut puts = BTreeSet::new();
    for op in ops {
        if let Op::Put(put) = op
            && !puts.insert(&put.key)
        {
            return Err(duplicate(&put.key));
        }
    }
    for op in ops {
        if let Op::Delete { range, .. } = op
            && let Some(key) = first_in(&puts, range)
        {
            return Err(duplicate(key));
        }
    }
    Ok(())
}

fn first_in<'a>(puts: &BTreeSet<&'a Bytes>, range: &KeyRange) -> Option<&'a Bytes> {
    puts.range::<Bytes, _>(range.start()..).next().copied().filter(|key| range.contains(key))
}

fn duplicate(key: &Bytes) -> Refusal {
    Refusal::DuplicateKey { key: String::from_utf8_lossy(key).into_owned() }
}
