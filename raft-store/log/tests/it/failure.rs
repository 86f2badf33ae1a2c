//! Failed writes, failed syncs, a full disk.

use crate::support::{HANG, append, callback, entries, id, open, wait};
use quorate_log::Error;
use quorate_seams::{Crash, SimDisk};

#[test]
fn the_first_failed_sync_ends_all_acknowledgements() {
    let disk = SimDisk::new();
    let log = open(&disk).unwrap();
    append(&log, entries(1, 1, 1, 10)).unwrap();
    disk.fail_sync_after(0);
    disk.hold_syncs();
    let (first, first_result) = callback();
    let (second, second_result) = callback();
    log.append(entries(1, 2, 1, 10), first).unwrap();
    assert!(disk.wait_for_held_sync(HANG));
    log.append(entries(1, 3, 1, 10), second).unwrap();
    disk.release_syncs();
    for result in [first_result, second_result] {
        let result = result.recv_timeout(HANG).unwrap();
        assert!(matches!(result, Err(Error::Poisoned { .. })), "{result:?}");
    }
    let late = wait(|done| log.save_vote("late".into(), done));
    assert!(matches!(late, Err(Error::Poisoned { .. })), "the disk works again, the log must not");
    assert!(matches!(log.save_committed(None), Err(Error::Poisoned { .. })));
    assert_eq!(log.vote(), None);
    log.close();
    let log = open(&disk.crash(Crash::LoseAll, 0)).unwrap();
    assert_eq!(log.state().last, Some(id(1, 1)));
}

#[test]
fn what_is_found_after_a_failed_sync_is_made_durable_before_it_is_shown() {
    let disk = SimDisk::new();
    let log = open(&disk).unwrap();
    disk.fail_sync_after(0);
    append(&log, entries(1, 1, 1, 2000)).unwrap_err();
    log.close();
    // Only the process starts again: the page cache still shows bytes that the kernel gave up on.
    let log = open(&disk).unwrap();
    assert_eq!(log.state().last, Some(id(1, 1)));
    let log = open(&disk.crash(Crash::LoseAll, 0)).unwrap();
    assert_eq!(log.state().last, Some(id(1, 1)));
}

#[test]
fn a_start_that_rotates_first_makes_durable_what_it_found() {
    let mut rotated = 0;
    for size in (3000..3800).step_by(32) {
        let disk = SimDisk::new();
        let log = open(&disk).unwrap();
        disk.hold_syncs();
        let (done, _result) = callback();
        log.append(entries(1, 1, 1, size), done).unwrap();
        assert!(disk.wait_for_held_sync(HANG));
        // The process dies between write and sync; the machine dies during the next start.
        let found = disk.survivor(Crash::KeepAll, 0);
        disk.release_syncs();
        let probe = open(&found.survivor(Crash::KeepAll, 0)).unwrap();
        if probe.state().last.is_none() {
            // Too large for the rest of the first segment: the sync that waits is the next one's.
            break;
        }
        rotated += u32::from(probe.stats().segments_created > 0);
        for changes in 0..12 {
            let found = found.survivor(Crash::KeepAll, 0);
            found.power_off_after(changes);
            let shown = open(&found).is_ok();
            let last = open(&found.crash(Crash::LoseAll, 0)).unwrap().state().last;
            assert!(last == Some(id(1, 1)) || (last.is_none() && !shown), "{size} {changes}");
        }
    }
    assert!(rotated > 0, "some size leaves no room for the first group of a start");
}

#[test]
fn a_spare_whose_length_a_failed_sync_lost_is_not_used_again() {
    for count in 0..12 {
        let disk = SimDisk::new();
        let log = open(&disk).unwrap();
        disk.fail_sync_after(count);
        let mut last = (1..20).take_while(|index| append(&log, entries(1, *index, 1, 900)).is_ok());
        assert!(last.by_ref().count() < 19, "a sync has failed");
        log.close();
        // Only the process starts again: the page cache still shows what the kernel gave up on.
        let log = open(&disk).unwrap();
        let next = log.state().last.map_or(1, |last| last.index.0 + 1);
        for index in next..next + 20 {
            append(&log, entries(1, index, 1, 900)).unwrap();
        }
        let log = open(&disk.crash(Crash::LoseAll, 0)).unwrap();
        assert_eq!(log.state().last, Some(id(1, next + 19)), "{count}");
    }
}

#[test]
fn a_full_disk_is_named_and_nothing_acknowledged_is_lost() {
    let disk = SimDisk::new();
    disk.set_capacity(2 * 4096 + 100);
    let log = open(&disk).unwrap();
    let mut acknowledged = 0;
    let error = loop {
        match append(&log, entries(1, acknowledged + 1, 1, 500)) {
            Ok(()) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert!(acknowledged > 5);
    assert!(matches!(error, Error::Poisoned { .. }));
    let text = error.to_string();
    assert!(text.contains("disk is full") && text.contains("00000000000000000003"), "{text}");
    log.close();
    let disk = disk.crash(Crash::LoseAll, 0);
    let log = open(&disk).unwrap();
    assert_eq!(log.state().last, Some(id(1, acknowledged)));
    append(&log, entries(1, acknowledged + 1, 1, 500)).unwrap();
}

#[test]
fn an_entry_that_rots_on_disk_is_an_error_to_the_reader() {
    let disk = SimDisk::new();
    let log = open(&disk).unwrap();
    append(&log, entries(1, 1, 1, 900)).unwrap();
    append(&log, entries(1, 2, 1, 900)).unwrap();
    assert_eq!(log.read(1..2).unwrap().len(), 1);
    for offset in 0..4096 {
        disk.flip_bit(&crate::support::segment(1), offset, 3).unwrap();
    }
    let error = log.read(1..2).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
    assert_eq!(log.read(2..3).unwrap().len(), 1, "the newest entry is in memory");
}
