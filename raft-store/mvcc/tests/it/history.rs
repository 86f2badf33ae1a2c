//! A state told and taken in elsewhere is the same state: same answers, same hashes, same future.

use crate::script::{apply, commands, read};
use proptest::collection::vec;
use proptest::prelude::*;
use quorate_mvcc::{AuthTables, Command, LoadError, MemoryDb, Mvcc, Options, StoredLease};
use quorate_store::RangeRequest;
use quorate_types::{LeaseId, Revision};
use std::ops::ControlFlow;
use std::sync::Arc;

fn empty(compaction_step: usize) -> Arc<Mvcc> {
    let options = Options { compaction_step, ..Options::default() };
    Mvcc::open(Arc::new(MemoryDb::new()), options).unwrap()
}

/// The changes that a state tells.
fn told(state: &Mvcc) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut changes = Vec::new();
    let tell = |key: &[u8], value: &[u8]| {
        changes.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    };
    let mut tell = tell;
    state.history(|history| history.changes(&mut tell)).unwrap();
    changes
}

fn copy(from: &Mvcc, compaction_step: usize) -> Arc<Mvcc> {
    let to = empty(compaction_step);
    let mut loader = to.load().unwrap();
    for lease in from.leases().unwrap() {
        loader.lease(lease).unwrap();
    }
    for (key, value) in told(from) {
        loader.change(&key, &value).unwrap();
    }
    let loaded = loader.finish(from.compacted(), Revision::NONE).unwrap();
    assert_eq!(loaded.revision, to.revision());
    to
}

/// Names of requests are no part of what is told.
fn nameless(mut commands: Vec<Command>) -> Vec<Command> {
    for command in &mut commands {
        if let Command::Txn(txn) = command {
            txn.request_id = None;
        }
    }
    commands
}

fn assert_same(one: &Mvcc, other: &Mvcc, reads: &[RangeRequest]) {
    assert_eq!(one.revision(), other.revision());
    assert_eq!(one.compacted(), other.compacted());
    assert_eq!(one.leases().unwrap(), other.leases().unwrap());
    for lease in 1..4 {
        let keys = |state: &Mvcc| state.lease_keys(LeaseId(lease)).unwrap();
        assert_eq!(keys(one), keys(other), "lease {lease}");
    }
    for revision in 0..=one.revision().0 {
        let hash = |state: &Mvcc| state.hash_kv(Revision(revision));
        assert_eq!(hash(one), hash(other), "revision {revision}");
    }
    for read in reads {
        assert_eq!(one.range(read), other.range(read), "{read:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_copy_cannot_be_told_from_the_original(
        before in commands(),
        after in commands(),
        reads in vec(read(), 0..8),
        step in 0usize..3,
    ) {
        let original = empty(step);
        apply(&original, &nameless(before));
        let copied = copy(&original, step);
        assert_same(&original, &copied, &reads);
        let after = nameless(after);
        prop_assert_eq!(apply(&original, &after), apply(&copied, &after));
        assert_same(&original, &copied, &reads);
    }

    #[test]
    fn what_is_told_does_not_depend_on_how_far_the_sweep_has_come(before in commands()) {
        let before = nameless(before);
        let (lazy, eager) = (empty(0), empty(1024));
        apply(&lazy, &before);
        apply(&eager, &before);
        prop_assert_eq!(told(&lazy), told(&eager));
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let put = |key: &str| crate::script::put(key, "v");
    let source = empty(0);
    apply(&source, &[put("a"), put("b")]);
    let changes = told(&source);
    let state = empty(0);
    let mut loader = state.load().unwrap();
    let (first, second) = (&changes[0], &changes[1]);
    let reason = |result: Result<(), LoadError>| match result.unwrap_err() {
        LoadError::Change { reason, .. } | LoadError::Lease { reason, .. } => reason,
        other => panic!("{other}"),
    };
    assert!(reason(loader.change(b"short", b"")).contains("no revision key"));
    loader.change(&second.0, &second.1).unwrap();
    assert!(reason(loader.change(&first.0, &first.1)).contains("does not follow"));
    let lease =
        |id, ttl_seconds| StoredLease { id: LeaseId(id), ttl_seconds, remaining_seconds: 0 };
    assert!(reason(loader.lease(lease(0, 5))).contains("zero"));
    assert!(reason(loader.lease(lease(1, 0))).contains("positive"));
    let mut tables = AuthTables { revision: 3, ..AuthTables::default() };
    tables.users.insert("u".into(), b"\x0a\x01other".as_slice().into());
    assert!(loader.auth(&tables).unwrap_err().to_string().contains("user \"u\""));
    loader.lease(lease(1, 5)).unwrap();
    assert!(reason(loader.lease(lease(1, 5))).contains("two"));
    loader.finish(Revision::NONE, Revision::NONE).unwrap();
    assert!(matches!(state.load(), Err(LoadError::NotEmpty)));

    // A value of another revision, and one that is no message.
    for value in [&first.1[..], b"\xff\xff"] {
        let state = empty(0);
        let mut loader = state.load().unwrap();
        loader.change(&second.0, value).unwrap();
        let error = loader.finish(Revision::NONE, Revision::NONE).unwrap_err();
        assert!(matches!(error, LoadError::Change { .. }), "{error}");
    }
}
