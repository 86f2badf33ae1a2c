//! What survives the end of a process, with the real database.

use crate::script::{apply, commands, entries, put};
use proptest::prelude::*;
use quorate_mvcc::{Command, Error, Mvcc, Options, RocksDb, RocksOptions};
use quorate_store::RangeRequest;
use quorate_types::{LogIndex, Revision};
use std::path::Path;
use std::sync::Arc;

pub(crate) fn open(dir: &Path) -> Arc<Mvcc> {
    let db = RocksDb::open(dir, RocksOptions::default()).expect("the directory is free");
    Mvcc::open(Arc::new(db), Options::default()).expect("the state is whole")
}

#[test]
fn closing_does_not_flush_so_an_end_is_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let mvcc = open(dir.path());
    apply(&mvcc, &[put("a", "1")]);
    assert_eq!(mvcc.flush().unwrap(), Some(LogIndex(1)));
    apply(&mvcc, &[put("a", "2"), put("b", "1")]);
    drop(mvcc);

    let mvcc = open(dir.path());
    assert_eq!(mvcc.applied().index, Some(LogIndex(1)), "the rest must be replayed");
    assert_eq!(mvcc.durable_index(), Some(LogIndex(1)));
    assert_eq!(mvcc.revision(), Revision(2));
    assert_eq!(mvcc.range(&RangeRequest::key("a")).unwrap().kvs[0].value, "1");
    assert_eq!(mvcc.range(&RangeRequest::key("b")).unwrap().count, 0);
}

#[test]
fn a_copy_of_the_files_of_a_running_state_opens_at_its_last_flush() {
    let dir = tempfile::tempdir().unwrap();
    let mvcc = open(dir.path());
    apply(&mvcc, &[put("a", "1")]);
    mvcc.flush().unwrap();
    apply(&mvcc, &[put("a", "2")]);
    let copy = settled_copy(dir.path());
    let crashed = open(copy.path());
    assert_eq!(crashed.applied().index, Some(LogIndex(1)));
    assert_eq!(crashed.range(&RangeRequest::key("a")).unwrap().kvs[0].value, "1");
}

/// A copy during which no file vanished: the engine removes in the background what a flush made
/// obsolete, and a copy across that is the picture of no moment.
fn settled_copy(from: &Path) -> tempfile::TempDir {
    loop {
        let copy = tempfile::tempdir().unwrap();
        match copy_files(from, copy.path()) {
            Ok(()) => return copy,
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}"),
        }
    }
}

fn copy_files(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            std::fs::create_dir(&to)?;
            copy_files(&entry.path(), &to)?;
        } else {
            std::fs::copy(entry.path(), &to)?;
        }
    }
    Ok(())
}

#[test]
fn a_directory_in_use_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mvcc = open(dir.path());
    let error = RocksDb::open(dir.path(), RocksOptions::default()).unwrap_err();
    assert!(matches!(error, Error::Database { operation: "open", .. }), "{error}");
    apply(&mvcc, &[put("a", "1")]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn replaying_the_log_after_a_crash_gives_the_same_state(
        commands in commands(),
        flushed_at in any::<prop::sample::Index>(),
        replay_from in any::<prop::sample::Index>(),
        group in 1usize..7,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mvcc = open(dir.path());
        let (before, after) = commands.split_at(flushed_at.index(commands.len()));
        apply_in(&mvcc, before, group);
        let flushed = mvcc.flush().unwrap();
        prop_assert_eq!(flushed.map_or(0, |index| index.0), before.len() as u64);
        apply_in(&mvcc, after, group);
        let (applied, hash) = (mvcc.applied(), mvcc.hash_kv(Revision::NONE));
        let leases = mvcc.leases().unwrap();
        drop(mvcc);

        let mvcc = open(dir.path());
        prop_assert_eq!(mvcc.applied().index, flushed);
        // The log may begin before the flushed index: what was applied is skipped.
        let skip = replay_from.index(before.len() + 1);
        mvcc.apply(entries(skip as u64 + 1, &commands[skip..])).unwrap();
        prop_assert_eq!(mvcc.applied(), applied);
        prop_assert_eq!(mvcc.hash_kv(Revision::NONE), hash);
        prop_assert_eq!(mvcc.leases().unwrap(), leases);
    }
}

fn apply_in(mvcc: &Mvcc, commands: &[Command], group: usize) {
    for group in commands.chunks(group) {
        apply(mvcc, group);
    }
}
