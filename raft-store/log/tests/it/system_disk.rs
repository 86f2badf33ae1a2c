//! The same log on the machine's own file system.

use crate::support::{append, entries, id, identity, small, wait};
use quorate_log::{Error, Options, RaftLog};
use quorate_seams::OsDisk;
use std::sync::Arc;

#[test]
fn a_log_on_the_system_disk_opens_again_with_everything() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("member/log");
    let open = |options| RaftLog::open(Arc::new(OsDisk), &dir, identity(), options);
    let log = open(Options::default()).unwrap();
    wait(|done| log.save_vote("vote".into(), done)).unwrap();
    append(&log, entries(1, 1, 3000, 100)).unwrap();
    append(&log, entries(1, 3001, 3, 100_000)).unwrap();
    drop(log);
    let log = open(Options::default()).unwrap();
    assert_eq!(log.state().last, Some(id(1, 3003)));
    assert_eq!(log.vote().as_deref(), Some(&b"vote"[..]));
    let read = log.read(1..3004).unwrap();
    assert_eq!(read[..3000], entries(1, 1, 3000, 100));
    assert_eq!(read[3000..], entries(1, 3001, 3, 100_000));
}

#[test]
fn many_small_segments_rotate_and_recycle_on_the_system_disk() {
    let dir = tempfile::tempdir().unwrap();
    let open = || RaftLog::open(Arc::new(OsDisk), dir.path(), identity(), small());
    let log = open().unwrap();
    for index in 1..=60 {
        append(&log, entries(1, index, 1, 700)).unwrap();
        if index % 10 == 0 {
            wait(|done| log.purge(id(1, index - 5), done)).unwrap();
        }
    }
    assert!(log.stats().segments_recycled > 0);
    drop(log);
    let log = open().unwrap();
    assert_eq!(log.read(56..61).unwrap(), entries(1, 56, 5, 700));
    drop(log);
    let newest = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
    let newest =
        newest.filter(|path| path.extension().is_some_and(|it| it == "log")).max().unwrap();
    std::fs::remove_file(newest).unwrap();
    assert!(matches!(open(), Err(Error::Damaged { .. })));
}
