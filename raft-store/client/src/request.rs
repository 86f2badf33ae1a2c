//! Requests of the store in etcd's words. Pure.

use crate::keyspace::Keyspace;
use etcd_client as etcd;
use quorate_store::{
    Compare, CompareOp, CompareTarget, Consistency, KeyRange, Op, PutOp, RangeRequest, Sort,
    SortTarget, Txn,
};

/// A read: key and options.
pub(crate) fn range(space: &Keyspace, request: &RangeRequest) -> (Vec<u8>, etcd::GetOptions) {
    let (key, end) = space.range(&request.range);
    let mut options = etcd::GetOptions::new()
        .with_revision(request.revision.0)
        .with_limit(i64::try_from(request.limit).unwrap_or(i64::MAX))
        .with_min_mod_revision(request.filter.min_mod.0)
        .with_max_mod_revision(request.filter.max_mod.0)
        .with_min_create_revision(request.filter.min_create.0)
        .with_max_create_revision(request.filter.max_create.0);
    if !end.is_empty() {
        options = options.with_range(end);
    }
    if let Some(Sort { target, descending }) = request.sort {
        let order = if descending { etcd::SortOrder::Descend } else { etcd::SortOrder::Ascend };
        options = options.with_sort(sort_target(target), order);
    }
    if request.consistency == Consistency::Serializable {
        options = options.with_serializable();
    }
    if request.keys_only {
        options = options.with_keys_only();
    }
    if request.count_only {
        options = options.with_count_only();
    }
    (key, options)
}

fn sort_target(target: SortTarget) -> etcd::SortTarget {
    match target {
        SortTarget::Key => etcd::SortTarget::Key,
        SortTarget::Version => etcd::SortTarget::Version,
        SortTarget::CreateRevision => etcd::SortTarget::Create,
        SortTarget::ModRevision => etcd::SortTarget::Mod,
        SortTarget::Value => etcd::SortTarget::Value,
    }
}

/// Conditions and the two branches.
pub(crate) type Parts = (Vec<etcd::Compare>, Vec<etcd::TxnOp>, Vec<etcd::TxnOp>);

/// A transaction without its fence and its name, in parts.
pub(crate) fn parts(space: &Keyspace, txn: &Txn) -> Parts {
    let compares = txn.compares.iter().map(|one| compare(space, one)).collect();
    (compares, ops(space, &txn.success), ops(space, &txn.failure))
}

/// A transaction without its fence and its name.
pub(crate) fn txn(space: &Keyspace, txn: &Txn) -> etcd::Txn {
    let (compares, success, failure) = parts(space, txn);
    etcd::Txn::new().when(compares).and_then(success).or_else(failure)
}

fn ops(space: &Keyspace, ops: &[Op]) -> Vec<etcd::TxnOp> {
    ops.iter().filter_map(|one| op(space, one)).collect()
}

fn op(space: &Keyspace, op: &Op) -> Option<etcd::TxnOp> {
    Some(match op {
        Op::Range(request) => {
            let (key, options) = range(space, request);
            etcd::TxnOp::get(key, Some(options))
        }
        Op::Put(put) => put_op(space, put),
        Op::Delete { range, prev_kv } => delete_op(space, range, *prev_kv),
        Op::Txn(nested) => etcd::TxnOp::txn(txn(space, nested)),
        // Refused before anything is sent, see `named::collect`.
        _ => return None,
    })
}

fn put_op(space: &Keyspace, put: &PutOp) -> etcd::TxnOp {
    let mut options = etcd::PutOptions::new().with_lease(put.lease.0);
    if put.prev_kv {
        options = options.with_prev_key();
    }
    if put.ignore_value {
        options = options.with_ignore_value();
    }
    if put.ignore_lease {
        options = options.with_ignore_lease();
    }
    etcd::TxnOp::put(space.key(&put.key), put.value.to_vec(), Some(options))
}

fn delete_op(space: &Keyspace, range: &KeyRange, prev_kv: bool) -> etcd::TxnOp {
    let (key, end) = space.range(range);
    let mut options = etcd::DeleteOptions::new();
    if !end.is_empty() {
        options = options.with_range(end);
    }
    if prev_kv {
        options = options.with_prev_key();
    }
    etcd::TxnOp::delete(key, Some(options))
}

fn compare(space: &Keyspace, compare: &Compare) -> etcd::Compare {
    let (key, end) = space.range(&compare.range);
    let op = match compare.op {
        CompareOp::Equal => etcd::CompareOp::Equal,
        CompareOp::NotEqual => etcd::CompareOp::NotEqual,
        CompareOp::Greater => etcd::CompareOp::Greater,
        CompareOp::Less => etcd::CompareOp::Less,
    };
    let made = match &compare.target {
        CompareTarget::Version(version) => etcd::Compare::version(key, op, *version),
        CompareTarget::CreateRevision(at) => etcd::Compare::create_revision(key, op, at.0),
        CompareTarget::ModRevision(at) => etcd::Compare::mod_revision(key, op, at.0),
        CompareTarget::Value(value) => etcd::Compare::value(key, op, value.to_vec()),
        CompareTarget::Lease(lease) => etcd::Compare::lease(key, op, lease.0),
    };
    if end.is_empty() { made } else { made.with_range(end) }
}
