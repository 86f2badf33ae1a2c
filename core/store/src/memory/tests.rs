//! What only the memory store has: the clock in the test's hand, leadership and ordered failures.

use crate::{
    Certainty, Error, EventKind, KeyRange, MemoryStore, Op, PutOp, RangeRequest, Status, Store,
    Txn, WatchRequest,
};
use futures::StreamExt;
use quorate_seams::{ManualClock, spawn};
use quorate_types::{LeaseId, MemberId, Revision, Term};
use std::time::Duration;

fn leased(key: &'static str, lease: LeaseId) -> Txn {
    let put = PutOp { key: key.into(), value: "v".into(), lease, ..PutOp::default() };
    Txn::ops([Op::Put(put)])
}

#[tokio::test]
async fn a_waiting_watcher_sees_the_deletion_as_soon_as_the_clock_passes_the_deadline() {
    let clock = ManualClock::new();
    let store = MemoryStore::new(clock.clone());
    let mut watch = store.watch(WatchRequest::new(KeyRange::all())).await.unwrap();
    let waiting = spawn(async move {
        let first = watch.next().await.unwrap().unwrap();
        let second = watch.next().await.unwrap().unwrap();
        (first, second)
    });
    tokio::task::yield_now().await;
    let lease = store.lease_grant(LeaseId::NONE, Duration::from_secs(5)).await.unwrap();
    store.txn(leased("k", lease.id)).await.unwrap();
    // The watcher sleeps for the lease once it has taken the put.
    while clock.next_deadline().is_none() {
        tokio::task::yield_now().await;
    }
    clock.advance(Duration::from_secs(5));
    let (put, delete) = waiting.join().await.unwrap();
    assert_eq!((put.revision, put.events[0].kind), (Revision(2), EventKind::Put));
    assert_eq!((delete.revision, delete.events[0].kind), (Revision(3), EventKind::Delete));
    assert_eq!(store.leases().await.unwrap(), []);
}

#[tokio::test]
async fn a_lease_lasts_until_exactly_its_deadline() {
    let clock = ManualClock::new();
    let store = MemoryStore::new(clock.clone());
    let lease = store.lease_grant(LeaseId(7), Duration::from_millis(1500)).await.unwrap();
    assert_eq!(lease.ttl, Duration::from_secs(2), "whole seconds, never less");
    store.txn(leased("k", lease.id)).await.unwrap();
    clock.advance(Duration::from_millis(1999));
    assert_eq!(store.range(RangeRequest::key("k")).await.unwrap().count, 1);
    clock.advance(Duration::from_millis(1));
    assert_eq!(store.range(RangeRequest::key("k")).await.unwrap().count, 0);
}

#[tokio::test]
async fn a_fence_of_another_term_is_refused_and_changes_nothing() {
    let store = MemoryStore::new(ManualClock::new());
    let mut status = store.status_watch();
    let mine = store.status().leading();
    store.txn(Txn::put("k", "1").fenced(mine)).await.unwrap();
    store.set_leadership(Some(MemberId(2)), Term(2));
    status.changed().await.unwrap();
    let seen: Status = *status.borrow();
    assert_eq!((seen.leader, seen.term, seen.leading()), (Some(MemberId(2)), Term(2), None));
    let refused = store.txn(Txn::put("k", "2").fenced(mine)).await.unwrap_err();
    assert_eq!(refused, Error::Fenced { written: Term(1), current: Term(2) });
    assert_eq!(store.status().revision, Revision(2));
}

#[tokio::test]
async fn ordered_failures_hit_the_next_transactions_in_order() {
    let store = MemoryStore::new(ManualClock::new());
    store.fail_next(Error::unavailable("no quorum"));
    store.fail_next_after_applying(Error::Timeout);
    let first = store.txn(Txn::put("a", "1")).await.unwrap_err();
    assert_eq!(first.certainty(), Certainty::DefinitelyNot);
    assert_eq!(store.status().revision, Revision(1));
    let second = store.txn(Txn::put("b", "1")).await.unwrap_err();
    assert_eq!(second.certainty(), Certainty::Unknown);
    assert_eq!(store.range(RangeRequest::key("b")).await.unwrap().count, 1);
    store.txn(Txn::put("c", "1")).await.unwrap();
}

#[tokio::test]
async fn a_watcher_that_fell_behind_a_compaction_is_told_and_ends() {
    let store = MemoryStore::new(ManualClock::new());
    let mut watch = store.watch(WatchRequest::new(KeyRange::all())).await.unwrap();
    for value in ["1", "2", "3"] {
        store.txn(Txn::put("k", value)).await.unwrap();
    }
    store.compact(Revision(4)).await.unwrap();
    let lost = watch.next().await.unwrap().unwrap_err();
    assert_eq!(lost, Error::Compacted { requested: Revision(2), compacted: Revision(4) });
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn a_long_history_comes_in_several_batches_of_whole_revisions() {
    let store = MemoryStore::new(ManualClock::new());
    let puts =
        |round: usize| (0..300).map(move |key| Op::put(format!("k{key:03}"), format!("{round}")));
    for round in 0..4 {
        store.txn(Txn::ops(puts(round))).await.unwrap();
    }
    let request = WatchRequest::new(KeyRange::all()).from(Revision(1));
    let mut watch = store.watch(request).await.unwrap();
    for revision in [Revision(3), Revision(5)] {
        let batch = watch.next().await.unwrap().unwrap();
        assert_eq!((batch.revision, batch.events.len()), (revision, 600));
    }
}
