//! Torn tails are cut, damage is refused, nothing is overwritten.

use crate::support::{
    DIR, Model, append, callback, entries, id, identity, open, segment, small, wait,
};
use quorate_log::{Error, RaftLog};
use quorate_seams::disk::read;
use quorate_seams::{Crash, Disk, SimDisk};
use quorate_types::{ClusterId, MemberId};
use std::path::Path;
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};

/// Three segments with everything in them that there is.
fn history(disk: &SimDisk) -> RaftLog {
    let log = open(disk).unwrap();
    wait(|done| log.save_vote("vote".into(), done)).unwrap();
    append(&log, entries(1, 1, 6, 400)).unwrap();
    wait(|done| log.truncate_after(Some(quorate_types::LogIndex(4)), done)).unwrap();
    append(&log, entries(2, 5, 5, 400)).unwrap();
    wait(|done| log.purge(id(1, 1), done)).unwrap();
    log.save_committed(Some(id(1, 2))).unwrap();
    append(&log, entries(2, 10, 4, 400)).unwrap();
    append(&log, entries(2, 14, 1, 40)).unwrap();
    log
}

const MARK: u8 = 2;

/// Offset and kind of every group header in the last segment.
fn last_headers(disk: &SimDisk) -> Vec<(u64, u8)> {
    let (_, bytes) = files(disk).pop().unwrap();
    let headers = bytes.chunks(64).zip(0..).filter(|(chunk, _)| chunk.starts_with(b"QGRP"));
    headers.map(|(chunk, at)| (at * 64, chunk[12])).collect()
}

fn files(disk: &SimDisk) -> Vec<(String, Vec<u8>)> {
    let dir = Path::new(DIR);
    let names = disk.list(dir).unwrap();
    names.into_iter().map(|name| (name.clone(), read(disk, &dir.join(name)).unwrap())).collect()
}

#[test]
fn a_flipped_bit_anywhere_is_refused_or_did_not_matter() {
    let disk = SimDisk::new();
    let log = history(&disk);
    let expected = Model::of(&log);
    log.close();
    let disk = disk.crash(Crash::LoseAll, 0);
    let mut refused = 0;
    let segments = files(&disk).len() as u64;
    assert!(segments >= 3);
    for sequence in 1..=segments {
        for offset in 0..4096 {
            let copy = disk.survivor(Crash::KeepAll, 0);
            copy.flip_bit(&segment(sequence), offset, u32::try_from(offset % 8).unwrap()).unwrap();
            let before = files(&copy);
            match open(&copy) {
                Ok(log) => {
                    assert_eq!(Model::of(&log), expected, "{sequence} byte {offset}");
                }
                Err(Error::Damaged { .. } | Error::Version { .. }) => {
                    refused += 1;
                    assert_eq!(files(&copy), before, "a refusal overwrites nothing");
                }
                Err(other) => panic!("segment {sequence} byte {offset}: {other}"),
            }
        }
    }
    assert!(refused > 7000, "{refused} of the bytes matter");
}

#[test]
fn after_a_process_died_idle_even_the_last_acknowledged_group_is_protected() {
    let disk = SimDisk::new();
    let log = history(&disk);
    let expected = Model::of(&log);
    // The mark follows the last callback: wait until it is there, then kill the process.
    let marked = (0..1_000_000).find_map(|_| {
        std::thread::yield_now();
        let found = disk.survivor(Crash::KeepAll, 0);
        let headers = last_headers(&found);
        (headers.last()?.1 == MARK).then_some((found, headers))
    });
    let (disk, headers) = marked.expect("an idle log marks its end");
    let (name, _) = files(&disk).pop().unwrap();
    let path = Path::new(DIR).join(name);
    let last_group = headers[headers.len() - 2].0;
    disk.flip_bit(&path, last_group + 64 + 20, 0).unwrap();
    match open(&disk) {
        Err(Error::Damaged { path: named, offset, .. }) => {
            assert_eq!((named, offset), (path, last_group));
        }
        other => panic!("{other:?} instead of {expected:?}"),
    }
}

#[test]
fn a_missing_segment_is_named() {
    let disk = SimDisk::new();
    history(&disk).close();
    let disk = disk.crash(Crash::LoseAll, 0);
    let count = files(&disk).len() as u64;
    for sequence in 1..=count {
        let copy = disk.survivor(Crash::KeepAll, 0);
        copy.remove_file(&segment(sequence)).unwrap();
        match open(&copy) {
            Err(Error::Damaged { path, .. }) => {
                let named = if sequence == 1 { segment(2) } else { segment(sequence) };
                assert_eq!(path, named);
            }
            other => panic!("segment {sequence}: {other:?}"),
        }
    }
}

#[test]
fn a_shortened_segment_is_refused() {
    let disk = SimDisk::new();
    history(&disk).close();
    let last = segment(files(&disk).len() as u64);
    disk.open(&last, quorate_seams::disk::Open::Write).unwrap().set_len(4000).unwrap();
    assert!(matches!(open(&disk), Err(Error::Damaged { .. })));
}

#[test]
fn another_cluster_or_member_or_format_is_refused_and_nothing_overwritten() {
    let disk = SimDisk::new();
    history(&disk).close();
    let before = files(&disk);
    let mut other_cluster = identity();
    other_cluster.cluster = ClusterId(9);
    let mut other_member = identity();
    other_member.member = MemberId(9);
    for foreign in [other_cluster, other_member] {
        let error = RaftLog::open(disk.shared(), Path::new(DIR), foreign, small()).unwrap_err();
        assert!(matches!(error, Error::Foreign { expected, .. } if expected == foreign), "{error}");
    }
    assert_eq!(files(&disk), before);
    disk.flip_bit(&segment(1), 8, 1).unwrap();
    let error = open(&disk).unwrap_err();
    assert!(matches!(error, Error::Version { found: 3, supported: 1, .. }), "{error}");
}

#[test]
fn a_torn_tail_is_cut_and_the_cut_is_logged() {
    let disk = SimDisk::new();
    let log = open(&disk).unwrap();
    append(&log, entries(1, 1, 2, 100)).unwrap();
    disk.hold_syncs();
    let (done, result) = callback();
    log.append(entries(1, 3, 2, 1500), done).unwrap();
    assert!(disk.wait_for_held_sync(crate::support::HANG));
    // The first sectors of the group arrive, the last ones do not.
    let crashed = (0..100).map(|seed| disk.survivor(Crash::Prefix, seed)).find_map(|disk| {
        let events = Arc::new(Mutex::new(Vec::new()));
        let recorder = Recorder(Arc::clone(&events));
        let log = tracing::subscriber::with_default(recorder, || open(&disk)).unwrap();
        assert!([Some(id(1, 2)), Some(id(1, 4))].contains(&log.state().last));
        let events = events.lock().unwrap().clone();
        (!events.is_empty()).then_some((log, events))
    });
    disk.release_syncs();
    drop(result);
    let (log, events) = crashed.expect("some prefix tears the group behind its header");
    assert_eq!(log.state().last, Some(id(1, 2)));
    assert!(events[0].contains("torn") && events[0].contains("offset"), "{events:?}");
    append(&log, entries(1, 3, 1, 10)).unwrap();
}

#[derive(Debug)]
struct Recorder(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Recorder {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().unwrap().push(text.0);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0 += &format!("{field}={value:?} ");
    }
}
