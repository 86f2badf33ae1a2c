//! What is refused by looking at a transaction alone, before any state is read.

use crate::{Error, KeyRange, Op, Txn};
use bytes::Bytes;
use quorate_types::limits::{MAX_REQUEST_BYTES, MAX_TXN_OPS};
use std::collections::BTreeSet;

/// Refuses transactions that no state could accept.
pub(super) fn check_shape(txn: &Txn) -> Result<(), Error> {
    let given = txn.compares.len().max(txn.success.len()).max(txn.failure.len());
    if given > MAX_TXN_OPS {
        return Err(Error::TooManyOps { given, limit: MAX_TXN_OPS });
    }
    let bytes = txn.payload_bytes();
    if bytes > MAX_REQUEST_BYTES {
        return Err(Error::TooLarge { bytes, limit: MAX_REQUEST_BYTES });
    }
    for compare in &txn.compares {
        check_range(&compare.range)?;
    }
    for branch in [&txn.success, &txn.failure] {
        branch.iter().try_for_each(check_op)?;
        check_duplicates(branch)?;
    }
    Ok(())
}

/// Refuses a range that names one key, the empty one.
pub(super) fn check_range(range: &KeyRange) -> Result<(), Error> {
    match range {
        KeyRange::Key(key) if key.is_empty() => Err(Error::EmptyKey),
        _ => Ok(()),
    }
}

fn check_op(op: &Op) -> Result<(), Error> {
    match op {
        Op::Range(request) => check_range(&request.range),
        Op::Put(put) if put.key.is_empty() => Err(Error::EmptyKey),
        Op::Put(_) => Ok(()),
        Op::Delete { range, .. } => check_range(range),
    }
}

/// One branch may put a key once, and may not delete a key that it puts, in whichever order.
fn check_duplicates(branch: &[Op]) -> Result<(), Error> {
    let mut puts: BTreeSet<&Bytes> = BTreeSet::new();
    for op in branch {
        if let Op::Put(put) = op
            && !puts.insert(&put.key)
        {
            return Err(duplicate(&put.key));
        }
    }
    for op in branch {
        if let Op::Delete { range, .. } = op
            && let Some(key) =
                puts.range::<Bytes, _>(range.start()..).next().filter(|key| range.contains(key))
        {
            return Err(duplicate(key));
        }
    }
    Ok(())
}

fn duplicate(key: &[u8]) -> Error {
    Error::DuplicateKey { key: String::from_utf8_lossy(key).into_owned() }
}
