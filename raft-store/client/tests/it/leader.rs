//! One leader among the handles of a root, and what it writes after it was deposed.

use crate::servers::{Own, handle};
use quorate_client::EtcdStore;
use quorate_store::{Certainty, Error, RangeRequest, Store, Txn};
use quorate_types::Term;
use std::time::Duration;

/// The term under which a handle leads, once it does.
async fn leads(store: &EtcdStore) -> Term {
    let mut followed = store.status_watch();
    let waiting = followed.wait_for(|status| status.leading().is_some());
    let status = tokio::time::timeout(Duration::from_secs(30), waiting).await;
    status.expect("it leads in time").unwrap().leading().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_deposed_writes_nothing_more() {
    let own = Own::start().await;
    let first = handle(own.addr, true).await;
    let old = leads(&first).await;
    let second = handle(own.addr, true).await;
    let write = |value: &str, term| Txn::put("k", value.to_owned()).fenced(Some(term));
    first.txn(write("first", old)).await.unwrap();
    assert_eq!(second.status().leading(), None);
    first.close().await.unwrap();
    let new = leads(&second).await;
    assert!(new > old, "terms grow: {old} then {new}");
    let late = second.txn(write("late", old)).await;
    assert_eq!(late, Err(Error::Fenced { written: old, current: new }));
    second.txn(write("second", new)).await.unwrap();
    let found = second.range(RangeRequest::key("k")).await.unwrap();
    assert_eq!(found.kvs[0].value, "second");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handle_that_only_looks_sees_who_leads_and_never_does() {
    let own = Own::start().await;
    let looks = handle(own.addr, false).await;
    let leader = handle(own.addr, true).await;
    let term = leads(&leader).await;
    let mut followed = looks.status_watch();
    let waiting = followed.wait_for(|status| status.leader.is_some());
    let seen = *tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap().unwrap();
    assert_eq!((seen.leader, seen.term), (Some(leader.status().member), term));
    assert_eq!(seen.leading(), None);
    leader.close().await.unwrap();
    let waiting = followed.wait_for(|status| status.leader.is_none());
    tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_reached_is_told_as_never_asked() {
    let own = Own::start().await;
    let store = handle(own.addr, false).await;
    drop(own);
    let until = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        let refused = store.txn(Txn::put("k", "v")).await.unwrap_err();
        assert!(matches!(refused, Error::Unavailable { .. } | Error::Timeout), "{refused}");
        // The connection may end under the first one; there is none for those after it.
        if refused.certainty() == Certainty::DefinitelyNot {
            return;
        }
        assert!(tokio::time::Instant::now() < until, "{refused}");
    }
}
