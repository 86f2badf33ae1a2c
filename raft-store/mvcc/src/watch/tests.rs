//! Completeness of watchers at every pace, from the ring and from the history.

use crate::db::StateDb;
use crate::{ApplyEntry, Command, EntryKind, MemoryDb, Mvcc, Options};
use futures::{FutureExt, StreamExt};
use proptest::collection::vec;
use proptest::prelude::*;
use quorate_store::{
    Error as Refusal, Event, EventKind, KeyRange, Op, ProgressBell, Txn, WatchBatch, WatchRequest,
    WatchStream,
};
use quorate_types::{LogIndex, Revision, Term};
use std::sync::Arc;

fn open(db: &Arc<MemoryDb>, ring_events: usize) -> Arc<Mvcc> {
    let options = Options { ring_events, compaction_step: 4, ..Options::default() };
    Mvcc::open(Arc::clone(db) as Arc<dyn StateDb>, options).unwrap()
}

fn apply(mvcc: &Mvcc, commands: &[Command]) {
    let next = mvcc.applied().index.map_or(1, |index| index.0 + 1);
    let entries = (next..).zip(commands).map(|(index, command)| ApplyEntry {
        index: LogIndex(index),
        term: Term(1),
        kind: EntryKind::Command(command.encode().unwrap()),
    });
    mvcc.apply(entries.collect()).unwrap();
}

fn put(key: &'static str, value: &'static str) -> Command {
    Command::Txn(Txn::put(key, value))
}

/// Everything that is there already.
fn drain(stream: &mut WatchStream) -> Vec<Result<WatchBatch, Refusal>> {
    let mut items = Vec::new();
    let mut silent = 0;
    // A watcher that gives way is not ready once although it has more.
    while silent < 3 {
        match stream.next().now_or_never() {
            Some(Some(item)) => {
                silent = 0;
                items.push(item);
            }
            Some(None) => break,
            None => silent += 1,
        }
    }
    items
}

fn batches(stream: &mut WatchStream) -> Vec<WatchBatch> {
    drain(stream).into_iter().map(Result::unwrap).collect()
}

fn all_from(revision: i64) -> WatchRequest {
    WatchRequest::new(KeyRange::all()).from(Revision(revision)).with_prev_kv()
}

const KEYS: [&str; 5] = ["a", "a/1", "a/2", "b", "c"];

fn op() -> impl Strategy<Value = Op> {
    let key = prop::sample::select(KEYS.as_slice());
    prop_oneof![
        2 => (key.clone(), "[xyz]").prop_map(|(key, value)| Op::put(key, value)),
        1 => key.prop_map(Op::delete),
        1 => Just(Op::Delete { range: KeyRange::prefix("a"), prev_kv: false }),
    ]
}

fn range() -> impl Strategy<Value = KeyRange> {
    prop_oneof![
        Just(KeyRange::all()),
        Just(KeyRange::prefix("a")),
        Just(KeyRange::Key("b".into())),
        Just(KeyRange::Span("a/2".into(), "c".into())),
    ]
}

/// A watcher of the property: what it asks for, and after how many groups it looks each time.
fn watcher() -> impl Strategy<Value = (WatchRequest, usize)> {
    let without = prop_oneof![
        3 => Just(vec![]),
        1 => Just(vec![EventKind::Put]),
        1 => Just(vec![EventKind::Delete]),
    ];
    let fragment = prop_oneof![2 => Just(0usize), 1 => 1usize..8];
    (range(), 1i64..20, 1usize..8, any::<[bool; 2]>(), without, fragment).prop_map(
        |(range, from, pace, [progress, prev_kv], without, fragment)| {
            let from = Revision(from);
            let bell = None;
            (WatchRequest { range, from, progress, prev_kv, without, fragment, bell }, pace)
        },
    )
}

/// What a watcher must be told of a history.
fn expected(all: &[Event], request: &WatchRequest) -> Vec<Event> {
    let mut told: Vec<Event> = all.to_vec();
    told.retain(|event| {
        request.range.contains(&event.kv.key)
            && event.kv.mod_revision >= request.from
            && !request.without.contains(&event.kind)
    });
    if !request.prev_kv {
        told.iter_mut().for_each(|event| event.prev_kv = None);
    }
    told
}

proptest! {
    #[test]
    fn every_watcher_is_told_what_it_asked_for_once_and_in_order(
        txns in vec(vec(op(), 1..4), 1..30),
        group in 1usize..6,
        watchers in vec(watcher(), 1..5),
        ring in 0usize..8,
    ) {
        // Puts of one key twice are refused, which is fine.
        let commands: Vec<_> = txns.into_iter().map(|ops| Command::Txn(Txn::ops(ops))).collect();
        let reference = open(&Arc::default(), usize::MAX);
        let mut all = reference.watch(all_from(1));
        for command in &commands {
            apply(&reference, std::slice::from_ref(command));
        }
        let all: Vec<Event> =
            batches(&mut all).iter().flat_map(|batch| batch.events.to_vec()).collect();

        let mvcc = open(&Arc::default(), ring);
        let mut streams: Vec<_> =
            watchers.iter().map(|(request, _)| (mvcc.watch(request.clone()), Vec::new())).collect();
        for (turn, group) in commands.chunks(group).enumerate() {
            apply(&mvcc, group);
            for ((stream, seen), (_, pace)) in streams.iter_mut().zip(&watchers) {
                if turn % pace == 0 {
                    seen.extend(batches(stream));
                }
            }
        }
        for ((mut stream, mut seen), (request, _)) in streams.into_iter().zip(&watchers) {
            seen.extend(batches(&mut stream));
            let got: Vec<_> = seen.iter().flat_map(|batch| batch.events.to_vec()).collect();
            prop_assert_eq!(got, expected(&all, request));
            let whole = |a: &WatchBatch, b: &WatchBatch| {
                a.revision < b.revision || (a.more && a.revision == b.revision)
            };
            prop_assert!(seen.is_sorted_by(whole), "whole revisions in order: {:?}", seen);
            prop_assert!(request.progress || seen.iter().all(|batch| !batch.events.is_empty()));
            for batch in &seen {
                let bytes: usize = batch.events.iter().map(Event::bytes).sum();
                let fits = request.fragment == 0 || bytes <= request.fragment;
                prop_assert!(fits || batch.events.len() == 1, "{:?}", batch);
                prop_assert!(request.fragment > 0 || !batch.more);
            }
            let current = mvcc.revision();
            if request.progress && current >= request.from {
                prop_assert_eq!(seen.last().map(|batch| batch.revision), Some(current));
            }
        }
    }
}

#[test]
fn a_bell_is_answered_once_after_everything_before_it() {
    let mvcc = open(&Arc::default(), 2);
    let bell = ProgressBell::new();
    let mut stream = mvcc.watch(all_from(1).with_bell(&bell));
    let mut deaf = mvcc.watch(all_from(1));
    apply(&mvcc, &[put("a", "1"), put("b", "1"), put("c", "1")]);
    bell.ring();
    bell.ring();
    let told: Vec<_> =
        batches(&mut stream).iter().map(|batch| (batch.revision.0, batch.events.len())).collect();
    assert_eq!(told, [(2, 1), (3, 1), (4, 1), (4, 0)]);
    assert!(drain(&mut stream).is_empty());
    bell.ring();
    assert_eq!(batches(&mut stream), [WatchBatch::progress(Revision(4))]);
    assert!(batches(&mut deaf).iter().all(|batch| !batch.events.is_empty()));
}

#[test]
fn watchers_without_previous_keys_share_the_events_too() {
    let mvcc = open(&Arc::default(), 100);
    let mut streams = [0, 1].map(|_| mvcc.watch(WatchRequest::new(KeyRange::all())));
    apply(&mvcc, &[put("a", "1"), put("a", "2")]);
    let [first, second] = streams.each_mut().map(|stream| batches(stream).remove(1).events);
    assert_eq!(first[0].prev_kv, None);
    assert!(Arc::ptr_eq(&first, &second));
}

#[test]
fn watchers_of_the_same_range_share_the_events() {
    let mvcc = open(&Arc::default(), 100);
    let mut streams = [KeyRange::all(), KeyRange::prefix("a"), KeyRange::all()]
        .map(|range| mvcc.watch(WatchRequest::new(range)));
    apply(&mvcc, &[Command::Txn(Txn::ops([Op::put("a", "1"), Op::put("a/1", "2")]))]);
    let [first, second, third] = streams.each_mut().map(|stream| batches(stream).remove(0).events);
    assert!(Arc::ptr_eq(&first, &second) && Arc::ptr_eq(&first, &third));
}

#[test]
fn a_watch_without_a_revision_begins_with_the_next_one() {
    let mvcc = open(&Arc::default(), 100);
    apply(&mvcc, &[put("a", "1")]);
    let mut stream = mvcc.watch(WatchRequest::new(KeyRange::all()));
    assert!(drain(&mut stream).is_empty());
    apply(&mvcc, &[put("b", "1")]);
    assert_eq!(batches(&mut stream)[0].revision, Revision(3));
}

#[test]
fn a_watch_from_the_revision_of_an_empty_store_reports_progress_and_waits() {
    let mvcc = open(&Arc::default(), 100);
    let request = WatchRequest::new(KeyRange::all()).from(Revision(1));
    let mut silent = mvcc.watch(request.clone());
    assert!(drain(&mut silent).is_empty());
    let mut stream = mvcc.watch(request.with_progress());
    assert_eq!(batches(&mut stream), [WatchBatch::progress(Revision(1))]);
    apply(&mvcc, &[put("a", "1")]);
    assert_eq!(batches(&mut stream)[0].revision, Revision(2));
    assert_eq!(batches(&mut silent)[0].revision, Revision(2));
}

#[test]
fn a_watch_from_the_compacted_revision_knows_previous_values_and_an_older_one_ends() {
    let mvcc = open(&Arc::default(), 0);
    apply(&mvcc, &[put("a", "1"), put("a", "2"), put("a", "3")]);
    let mut lagging = mvcc.watch(WatchRequest::new(KeyRange::all()).from(Revision(2)));
    apply(&mvcc, &[Command::Compact { revision: Revision(3) }]);
    apply(&mvcc, &[Command::Compact { revision: Revision(3) }]);

    let mut stream = mvcc.watch(all_from(3));
    let seen = batches(&mut stream);
    let previous: Vec<_> =
        seen.iter().map(|batch| batch.events[0].prev_kv.as_ref().unwrap().value.clone()).collect();
    assert_eq!(previous, ["1", "2"]);

    let compacted = Refusal::Compacted { requested: Revision(2), compacted: Revision(3) };
    let mut old = mvcc.watch(WatchRequest::new(KeyRange::all()).from(Revision(2)));
    assert_eq!(drain(&mut old), [Err(compacted.clone())]);
    assert_eq!(old.next().now_or_never(), Some(None), "ended");
    assert_eq!(drain(&mut lagging), [Err(compacted)]);
}

#[test]
fn watchers_end_with_an_error_when_the_member_stops() {
    let mvcc = open(&Arc::default(), 100);
    let mut stream = mvcc.watch(WatchRequest::new(KeyRange::all()));
    assert!(drain(&mut stream).is_empty());
    drop(mvcc);
    let items = drain(&mut stream);
    assert!(matches!(items.as_slice(), [Err(Refusal::Unavailable { .. })]), "{items:?}");
}

#[test]
fn watchers_go_on_without_a_gap_when_a_snapshot_is_installed() {
    let leader = open(&Arc::default(), 100);
    let behind = open(&Arc::default(), 100);
    for mvcc in [&leader, &behind] {
        apply(mvcc, &[put("a", "1"), put("b", "1")]);
    }
    let mut stream = behind.watch(all_from(2));
    assert_eq!(batches(&mut stream).len(), 2);
    apply(&leader, &[put("a", "2"), put("a", "3"), Command::Txn(Txn::delete("b"))]);
    let dir = tempfile::tempdir().unwrap();
    let received = dir.path().join("received");
    leader.checkpoint(&received).unwrap();
    assert_eq!(behind.install(&received).unwrap(), leader.applied());

    let seen = batches(&mut stream);
    let revisions: Vec<_> = seen.iter().map(|batch| batch.revision.0).collect();
    assert_eq!(revisions, [4, 5, 6]);
    assert!(seen.iter().all(|batch| batch.events[0].prev_kv.is_some()));
    apply(&behind, &[put("c", "1")]);
    assert_eq!(batches(&mut stream)[0].revision, Revision(7));
}

#[test]
fn watchers_end_when_their_future_is_replaced_by_an_older_state() {
    let other = open(&Arc::default(), 100);
    apply(&other, &[put("x", "1")]);
    let dir = tempfile::tempdir().unwrap();
    let received = dir.path().join("received");
    other.checkpoint(&received).unwrap();

    let mvcc = open(&Arc::default(), 100);
    let mut stream = mvcc.watch(WatchRequest::new(KeyRange::all()));
    apply(&mvcc, &[put("a", "1"), put("a", "2")]);
    assert_eq!(batches(&mut stream).len(), 2);
    mvcc.install(&received).unwrap();
    let items = drain(&mut stream);
    assert!(matches!(items.as_slice(), [Err(Refusal::Unavailable { .. })]), "{items:?}");
}
