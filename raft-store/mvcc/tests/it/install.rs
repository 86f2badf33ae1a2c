//! Copies of a state: making one, and putting it in the place of another.

use crate::durability::open;
use crate::script::{apply, put};
use quorate_mvcc::{Error, LeaseUpdate, Mvcc, Options, RocksDb, RocksOptions};
use quorate_store::{KeyRange, RangeRequest};
use quorate_types::{ClusterId, LogIndex, Revision};
use std::path::Path;
use std::sync::Arc;

fn filled(dir: &Path, rounds: usize) -> Arc<Mvcc> {
    let mvcc = open(dir);
    for round in 0..rounds {
        apply(&mvcc, &[put(&format!("k{}", round % 7), &round.to_string())]);
    }
    mvcc
}

#[test]
fn a_checkpoint_installed_elsewhere_is_the_same_state_and_survives_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let source = filled(&dir.path().join("source"), 50);
    let received = dir.path().join("received");
    let applied = source.checkpoint(&received).unwrap();
    assert_eq!(applied.index, Some(LogIndex(50)));
    assert_eq!(source.durable_index(), Some(LogIndex(50)));
    apply(&source, &[put("late", "1")]);

    let place = dir.path().join("target");
    let target = filled(&place, 3);
    let mut changes = target.lease_changes();
    assert_eq!(target.install(&received).unwrap(), applied);
    assert!(!received.exists(), "the received directory is consumed");
    assert_eq!(target.durable_index(), Some(LogIndex(50)));
    assert_eq!(changes.try_next(), Some(LeaseUpdate::Reload));
    assert_eq!(
        target.hash_kv(Revision::NONE).unwrap(),
        source
            .hash_kv(Revision(51))
            .map(|hash| quorate_mvcc::HashKv { current: Revision(51), ..hash })
            .unwrap()
    );
    assert_eq!(target.range(&RangeRequest::key("late")).unwrap().count, 0);
    apply(&target, &[put("late", "1")]);
    assert_eq!(target.hash_kv(Revision::NONE), source.hash_kv(Revision::NONE));
    drop(target);

    let target = open(&place);
    assert_eq!(target.applied().index, Some(LogIndex(50)), "only `late` is lost");
    let states = std::fs::read_dir(&place).unwrap().filter(|entry| {
        entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("state-")
    });
    assert_eq!(states.count(), 1, "the replaced state is gone");
}

#[test]
fn a_reader_that_has_begun_finishes_on_the_replaced_state() {
    use quorate_mvcc::StateDb;
    use quorate_mvcc::db::{Family, View};
    let dir = tempfile::tempdir().unwrap();
    let source = filled(&dir.path().join("source"), 5);
    let received = dir.path().join("received");
    source.checkpoint(&received).unwrap();
    let db = RocksDb::open(&dir.path().join("target"), RocksOptions::default()).unwrap();
    let held = db.view();
    db.replace(&received, &mut |_| Ok(())).unwrap();
    let first = |view: &dyn View| view.value(Family::Cur, b"k0").unwrap();
    assert!(first(&*held).is_none(), "as it was");
    assert!(first(&*db.view()).is_some(), "as it is now");
}

#[test]
fn what_is_no_checkpoint_is_refused_and_the_state_stays() {
    let dir = tempfile::tempdir().unwrap();
    let target = filled(&dir.path().join("target"), 3);
    let empty = dir.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    assert!(matches!(target.install(&empty), Err(Error::Format { .. })));
    assert!(empty.exists());
    let all = target.range(&RangeRequest::new(KeyRange::all())).unwrap();
    assert_eq!(all.count, 3);
}

#[test]
fn a_checkpoint_of_another_cluster_is_refused_and_the_state_stays() {
    let dir = tempfile::tempdir().unwrap();
    let opened = |name: &str, cluster| {
        let db = RocksDb::open(&dir.path().join(name), RocksOptions::default()).unwrap();
        let options = Options { cluster: Some(ClusterId(cluster)), ..Options::default() };
        Mvcc::open(Arc::new(db), options).unwrap()
    };
    let (source, target) = (opened("source", 1), opened("target", 2));
    apply(&target, &[put("mine", "1")]);
    let received = dir.path().join("received");
    source.checkpoint(&received).unwrap();
    assert!(matches!(target.install(&received), Err(Error::Cluster { .. })));
    assert_eq!(target.range(&RangeRequest::key("mine")).unwrap().count, 1);
    apply(&target, &[put("mine", "2")]);
    target.flush().unwrap();
    drop(target);
    let target = opened("target", 2);
    assert_eq!(target.range(&RangeRequest::key("mine")).unwrap().kvs[0].value, "2");
}
