//! Rotation, purge and the segments that are overwritten.

use crate::support::{DIR, append, entries, id, open, wait};
use bytes::Bytes;
use quorate_log::Error;
use quorate_seams::{Crash, Disk, SimDisk};
use std::path::Path;

#[test]
fn vote_and_committed_survive_the_purge_of_the_segments_they_were_written_in() {
    let disk = SimDisk::new();
    let log = open(&disk).unwrap();
    wait(|done| log.save_vote("for two".into(), done)).unwrap();
    log.save_committed(Some(id(1, 1))).unwrap();
    for index in 1..40 {
        append(&log, entries(1, index, 1, 600)).unwrap();
    }
    wait(|done| log.purge(id(1, 35), done)).unwrap();
    log.close();
    assert!(!disk.exists(&crate::support::segment(1)), "the first segment is gone");
    let log = open(&disk.crash(Crash::LoseAll, 0)).unwrap();
    assert_eq!(log.vote(), Some(Bytes::from("for two")));
    assert_eq!(log.committed(), Some(id(1, 1)));
    assert_eq!(log.state().purged, Some(id(1, 35)));
    assert_eq!(log.read(36..40).unwrap().len(), 4);
}

#[test]
fn purged_segments_are_overwritten_and_their_stale_frames_never_read() {
    let disk = SimDisk::new();
    let log = open(&disk).unwrap();
    // Every group has the same length and payload in every round: stale ones fit to the byte.
    for index in 1..200 {
        append(&log, entries(1, index, 1, 500)).unwrap();
        if index % 3 == 0 {
            wait(|done| log.purge(id(1, index - 2), done)).unwrap();
        }
        let crashed = open(&disk.survivor(Crash::LoseAll, index)).unwrap();
        assert_eq!(crashed.state().last, Some(id(1, index)));
    }
    let stats = log.stats();
    assert!(stats.segments_recycled > 10, "{stats:?}");
    assert!(stats.segments_created <= 5, "{stats:?}");
    log.close();
    let spares = disk.list(Path::new(DIR)).unwrap();
    assert!(spares.iter().filter(|name| name.ends_with(".spare")).count() <= 2, "{spares:?}");
}

#[test]
fn one_call_larger_than_a_segment_gets_one_of_its_own() {
    let disk = SimDisk::new();
    let log = open(&disk).unwrap();
    append(&log, entries(1, 1, 3, 50_000)).unwrap();
    append(&log, entries(1, 4, 1, 10)).unwrap();
    drop(log);
    let log = open(&disk).unwrap();
    assert_eq!(log.read(1..5).unwrap().len(), 4);
    wait(|done| log.purge(id(1, 4), done)).unwrap();
    append(&log, entries(1, 5, 8, 500)).unwrap();
    assert_eq!(log.read(5..13).unwrap().len(), 8);
}

#[test]
fn a_read_that_a_purge_overtakes_says_missing_and_never_gives_other_bytes() {
    let disk = SimDisk::new();
    let log = open(&disk).unwrap();
    let reader = log.clone();
    append(&log, entries(1, 1, 5, 500)).unwrap();
    let thread = std::thread::spawn(move || {
        loop {
            let state = reader.state();
            let first = state.purged.map_or(1, |purged| purged.index.0 + 1);
            match reader.read(first..state.last.map_or(first, |last| last.index.0 + 1)) {
                Ok(read) => assert!(read.iter().all(|entry| entry.payload == vec![0x51; 500])),
                Err(Error::Missing { .. }) => {}
                Err(other) => panic!("{other}"),
            }
            if state.last == Some(id(1, 300)) {
                return;
            }
        }
    });
    for index in 6..=300 {
        append(&log, entries(1, index, 1, 500)).unwrap();
        wait(|done| log.purge(id(1, index - 2), done)).unwrap();
    }
    thread.join().unwrap();
}
