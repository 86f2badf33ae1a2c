//! Group commit, the order of callbacks, and what the counters say.

use crate::support::{DIR, HANG, append, callback, entries, id, identity, open, small, wait};
use quorate_log::{Error, Options, RaftLog};
use quorate_seams::{Crash, SimDisk};
use quorate_types::LogIndex;
use std::path::Path;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

#[test]
fn calls_queued_during_a_sync_share_the_next_one_and_are_answered_in_order() {
    let disk = SimDisk::new();
    let log = open(&disk).unwrap();
    let (groups, syncs) = (log.stats().groups, disk.data_syncs());
    let order = Arc::new(Mutex::new(Vec::new()));
    let (all, ended) = channel();
    let note = |number: u64| {
        let (order, all) = (Arc::clone(&order), all.clone());
        Box::new(move |result: Result<(), Error>| {
            result.unwrap();
            order.lock().unwrap().push(number);
            if number == 20 {
                all.send(()).unwrap();
            }
        })
    };
    disk.hold_syncs();
    log.append(entries(1, 1, 1, 10), note(1)).unwrap();
    assert!(disk.wait_for_held_sync(HANG));
    for index in 2..=18 {
        log.append(entries(1, index, 1, 10), note(index)).unwrap();
    }
    log.save_vote("vote".into(), note(19)).unwrap();
    log.truncate_after(Some(LogIndex(17)), note(20)).unwrap();
    assert_eq!(log.state().last, Some(id(1, 17)), "visible before it is durable");
    assert_eq!(log.durable(), None, "and only then told as such");
    assert!(order.lock().unwrap().is_empty(), "nothing is acknowledged before its sync");
    assert!(log.stats().queued_bytes > 0);
    disk.release_syncs();
    ended.recv_timeout(HANG).unwrap();
    assert_eq!(*order.lock().unwrap(), (1..=20).collect::<Vec<_>>());
    assert_eq!(log.stats().groups - groups, 2);
    assert_eq!(disk.data_syncs() - syncs, 2);
    assert_eq!(log.stats().entries, 18);
    assert_eq!(log.durable(), Some(id(1, 17)));
}

#[test]
fn committed_causes_no_sync_and_rides_with_the_next_group() {
    let disk = SimDisk::new();
    let log = open(&disk).unwrap();
    append(&log, entries(1, 1, 3, 10)).unwrap();
    let groups = log.stats().groups;
    log.save_committed(Some(id(1, 1))).unwrap();
    log.save_committed(Some(id(1, 2))).unwrap();
    assert_eq!(log.committed(), Some(id(1, 2)));
    append(&log, entries(1, 4, 1, 10)).unwrap();
    assert_eq!(log.stats().groups - groups, 1);
    let log = open(&disk.crash(Crash::LoseAll, 0)).unwrap();
    assert_eq!((log.committed(), log.durable()), (Some(id(1, 2)), Some(id(1, 4))));
}

#[test]
fn closing_makes_everything_durable_and_refuses_what_comes_later() {
    let disk = SimDisk::new();
    let log = open(&disk).unwrap();
    let (done, result) = callback();
    log.append(entries(1, 1, 2, 10), done).unwrap();
    log.save_committed(Some(id(1, 2))).unwrap();
    log.close();
    result.try_recv().unwrap().unwrap();
    let refused = append(&log, entries(1, 3, 1, 10));
    assert!(matches!(refused, Err(Error::Closed)), "{refused:?}");
    assert_eq!(log.read(1..3).unwrap().len(), 2, "reads go on");
    let disk = disk.crash(Crash::LoseAll, 0);
    let log = open(&disk).unwrap();
    assert_eq!((log.state().last, log.committed()), (Some(id(1, 2)), Some(id(1, 2))));
}

#[test]
fn a_callback_may_drop_the_last_handle_or_panic_without_harm() {
    let disk = SimDisk::new();
    let log = open(&disk).unwrap();
    log.append(entries(1, 1, 1, 10), Box::new(|_| panic!("this panic is part of the test")))
        .unwrap();
    append(&log, entries(1, 2, 1, 10)).unwrap();
    let (done, ended) = channel();
    let last = log.clone();
    let drop_it = move |result: Result<(), Error>| {
        drop(last);
        done.send(result).unwrap();
    };
    disk.hold_syncs();
    log.append(entries(1, 3, 1, 10), Box::new(drop_it)).unwrap();
    let waiter = std::thread::spawn(move || drop(log));
    disk.release_syncs();
    ended.recv_timeout(HANG).unwrap().unwrap();
    waiter.join().unwrap();
    // The thread may still be closing: the next start gets a disk of its own.
    let disk = disk.crash(Crash::KeepAll, 0);
    assert_eq!(open(&disk).unwrap().state().last, Some(id(1, 3)));
}

#[test]
fn an_append_that_does_not_continue_the_log_changes_nothing() {
    let disk = SimDisk::new();
    let log = open(&disk).unwrap();
    append(&log, entries(1, 5, 2, 10)).unwrap();
    let mut torn = entries(1, 7, 2, 10);
    torn[1].id.index = LogIndex(9);
    for wrong in [entries(1, 8, 1, 10), entries(1, 6, 1, 10), torn] {
        assert!(matches!(append(&log, wrong), Err(Error::Gap { .. })));
    }
    assert_eq!(log.state().last, Some(id(1, 6)));
    wait(|done| log.purge(id(3, 20), done)).unwrap();
    let refused = append(&log, entries(3, 22, 1, 10));
    assert!(matches!(refused, Err(Error::Gap { expected: LogIndex(21), .. })), "{refused:?}");
    append(&log, entries(3, 21, 1, 10)).unwrap();
}

#[test]
fn reads_give_every_entry_or_say_which_one_is_missing() {
    let disk = SimDisk::new();
    let log = open(&disk).unwrap();
    let written = entries(1, 0, 40, 300);
    for entry in &written {
        append(&log, vec![entry.clone()]).unwrap();
    }
    let read_back = |log: &RaftLog| assert_eq!(log.read(0..40).unwrap(), written);
    read_back(&log);
    assert_eq!(log.read(7..7).unwrap(), []);
    assert_eq!(log.read_bounded(3..40, 1000).unwrap(), written[3..6]);
    assert_eq!(log.read_bounded(3..40, 1).unwrap(), written[3..4], "at least one");
    let missing = log.read(38..41).unwrap_err();
    assert!(matches!(missing, Error::Missing { index: LogIndex(40) }), "{missing}");
    wait(|done| log.purge(id(1, 9), done)).unwrap();
    let missing = log.read(9..12).unwrap_err();
    assert!(matches!(missing, Error::Missing { index: LogIndex(9) }), "{missing}");
    drop(log);
    let log = open(&disk).unwrap();
    assert_eq!(log.read(10..40).unwrap(), written[10..]);
}

#[test]
fn the_largest_index_is_refused_because_nothing_could_follow() {
    let log = open(&SimDisk::new()).unwrap();
    let refused = append(&log, entries(1, u64::MAX - 1, 1, 1));
    assert!(refused.is_ok(), "{refused:?}");
    let refused =
        append(&log, vec![quorate_log::Entry { id: id(1, u64::MAX), payload: "".into() }]);
    assert!(matches!(refused, Err(Error::Gap { .. })), "{refused:?}");
}

#[test]
fn a_log_keeps_the_birth_it_was_made_with_and_an_emptied_directory_gets_another() {
    let born = |disk: &SimDisk, birth| {
        let options = Options { birth, ..small() };
        RaftLog::open(disk.shared(), Path::new(DIR), identity(), options).unwrap()
    };
    let disk = SimDisk::new();
    let log = born(&disk, 7);
    assert_eq!(log.birth(), 7);
    for index in 1..=40 {
        append(&log, entries(1, index, 1, 500)).unwrap();
    }
    assert!(log.stats().segments_created > 1, "in every segment");
    log.close();
    assert_eq!(born(&disk, 8).birth(), 7);
    assert_eq!(open(&disk.crash(Crash::LoseAll, 1)).unwrap().birth(), 7, "it is durable");
    assert_eq!(born(&SimDisk::new(), 8).birth(), 8);
}
