//! Random commands over few keys, so that they meet, and entries made of them.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use quorate_mvcc::{ApplyEntry, Command, EntryKind, Mvcc};
use quorate_store::{
    Compare, CompareOp, CompareTarget, KeyRange, Op, PutOp, RangeRequest, RequestId,
    RevisionFilter, Sort, SortTarget, Txn,
};
use quorate_types::{LeaseId, LogIndex, Revision, Term};

/// Applies commands as the entries that follow the applied ones.
pub(crate) fn apply(mvcc: &Mvcc, commands: &[Command]) -> Vec<Option<quorate_mvcc::Outcome>> {
    let next = mvcc.applied().index.map_or(1, |index| index.0 + 1);
    mvcc.apply(entries(next, commands)).expect("the database works")
}

/// Commands as log entries from an index on.
pub(crate) fn entries(next: u64, commands: &[Command]) -> Vec<ApplyEntry> {
    let entry = |(index, command): (u64, &Command)| ApplyEntry {
        index: LogIndex(index),
        term: Term(1),
        kind: EntryKind::Command(command.encode().expect("known operations")),
    };
    (next..).zip(commands).map(entry).collect()
}

pub(crate) fn put(key: &str, value: &str) -> Command {
    Command::Txn(Txn::put(key.to_owned(), value.to_owned()))
}

fn key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(["a", "a\0", "a\0\u{1}", "ab", "b", "c/1", "c/2"].as_slice())
}

pub(crate) fn range() -> impl Strategy<Value = KeyRange> {
    prop_oneof![
        2 => key().prop_map(|key| KeyRange::Key(key.into())),
        1 => (key(), key()).prop_map(|(start, end)| KeyRange::Span(start.into(), end.into())),
        1 => key().prop_map(|start| KeyRange::From(start.into())),
        1 => Just(KeyRange::all()),
        1 => Just(KeyRange::prefix("c/")),
    ]
}

pub(crate) fn read() -> impl Strategy<Value = RangeRequest> {
    let sort = (prop::sample::select(TARGETS.as_slice()), any::<bool>())
        .prop_map(|(target, descending)| Sort { target, descending });
    (range(), 0i64..30, 0usize..4, any::<[bool; 2]>(), option::of(sort), filter()).prop_map(
        |(range, revision, limit, [keys_only, count_only], sort, filter)| RangeRequest {
            limit,
            keys_only,
            count_only,
            sort,
            filter,
            ..RangeRequest::new(range).at(Revision((revision - 8).max(0)))
        },
    )
}

const TARGETS: [SortTarget; 5] = [
    SortTarget::Key,
    SortTarget::Version,
    SortTarget::CreateRevision,
    SortTarget::ModRevision,
    SortTarget::Value,
];

fn filter() -> impl Strategy<Value = RevisionFilter> {
    let bound = || prop_oneof![3 => Just(0i64), 1 => 1i64..20].prop_map(Revision);
    (bound(), bound(), bound(), bound()).prop_map(|(min_mod, max_mod, min_create, max_create)| {
        RevisionFilter { min_mod, max_mod, min_create, max_create }
    })
}

fn put_op() -> impl Strategy<Value = PutOp> {
    let lease = prop_oneof![4 => Just(0i64), 2 => 1i64..4];
    // Keeping and giving at once is refused whatever the state is, so it is drawn seldom.
    let keep = || prop_oneof![6 => Just(false), 1 => Just(true)];
    let given = prop_oneof![9 => Just(false), 1 => Just(true)];
    (key(), "[xyz]", lease, any::<bool>(), keep(), keep(), given).prop_map(
        |(key, value, lease, prev_kv, ignore_value, ignore_lease, given)| {
            let value = if ignore_value && !given { Bytes::new() } else { value.into() };
            let lease = LeaseId(if ignore_lease && !given { 0 } else { lease });
            PutOp { key: key.into(), value, lease, prev_kv, ignore_value, ignore_lease }
        },
    )
}

fn op() -> impl Strategy<Value = Op> {
    let flat = prop_oneof![
        5 => put_op().prop_map(Op::Put),
        2 => (range(), any::<bool>()).prop_map(|(range, prev_kv)| Op::Delete { range, prev_kv }),
        1 => read().prop_map(Op::Range),
    ];
    flat.prop_recursive(2, 6, 3, |op| {
        (vec(compare(), 0..2), vec(op.clone(), 0..3), vec(op, 0..2)).prop_map(
            |(compares, success, failure)| {
                Op::Txn(Txn { compares, success, failure, ..Txn::default() })
            },
        )
    })
}

fn compare() -> impl Strategy<Value = Compare> {
    let relation = prop_oneof![
        Just(CompareOp::Equal),
        Just(CompareOp::NotEqual),
        Just(CompareOp::Greater),
        Just(CompareOp::Less)
    ];
    let target = prop_oneof![
        (0i64..4).prop_map(CompareTarget::Version),
        (0i64..20).prop_map(|revision| CompareTarget::ModRevision(Revision(revision))),
        (0i64..20).prop_map(|revision| CompareTarget::CreateRevision(Revision(revision))),
        "[xyz]".prop_map(|value| CompareTarget::Value(value.into())),
        (0i64..4).prop_map(|lease| CompareTarget::Lease(LeaseId(lease))),
    ];
    (range(), relation, target).prop_map(|(range, op, target)| Compare { range, op, target })
}

fn command() -> impl Strategy<Value = Command> {
    let request = prop_oneof![4 => Just(None), 1 => (1u128..4).prop_map(|id| Some(RequestId(id)))];
    let txn = (vec(compare(), 0..2), vec(op(), 0..4), vec(op(), 0..3), request).prop_map(
        |(compares, success, failure, request_id)| {
            Command::Txn(Txn { compares, success, failure, fence: None, request_id })
        },
    );
    prop_oneof![
        10 => txn,
        3 => (key(), "[xyz]").prop_map(|(key, value)| put(key, &value)),
        2 => (1i64..4, 1i64..9)
            .prop_map(|(id, ttl_seconds)| Command::LeaseGrant { id: LeaseId(id), ttl_seconds }),
        1 => (1i64..4).prop_map(|id| Command::LeaseRevoke { ids: vec![LeaseId(id)] }),
        1 => (1i64..20).prop_map(|revision| Command::Compact { revision: Revision(revision) }),
    ]
}

pub(crate) fn commands() -> impl Strategy<Value = Vec<Command>> {
    vec(command(), 1..40)
}
