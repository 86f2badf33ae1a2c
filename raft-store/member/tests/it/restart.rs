//! Stopping, dying and coming back, in one process.

use crate::cluster::{
    PATIENCE, cluster, eventually, free_addresses, leader_first, options, start, start_all,
};
use futures::future::join_all;
use quorate_member::Member;
use quorate_store::{Error, Op, PutOp, RangeRequest, Store, Txn};
use quorate_types::{LeaseId, Revision};
use std::time::Duration;

async fn put(member: &Member, key: &str, value: &str) -> Revision {
    member.txn(Txn::put(key.to_owned(), value.to_owned())).await.unwrap().revision
}

async fn value(member: &Member, key: &str) -> Option<String> {
    let found = member.range(RangeRequest::key(key.to_owned())).await.unwrap();
    found.kvs.first().map(|kv| String::from_utf8_lossy(&kv.value).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_member_comes_back_with_every_acknowledged_write() {
    let root = tempfile::tempdir().unwrap();
    let options = options(root.path(), 1, &free_addresses(1));
    let mut expected = Revision(1);
    for round in 0..5 {
        let member = start(options.clone()).await;
        member.wait_ready(PATIENCE).await.unwrap();
        assert_eq!(member.status().revision, expected, "round {round}");
        let puts = (0..20).map(|n| {
            let member = member.clone();
            async move { put(&member, &format!("{round}/{n}"), "v").await }
        });
        let revisions = join_all(puts).await;
        expected = *revisions.iter().max().unwrap();
        if round % 2 == 0 {
            member.kill().await;
        } else {
            member.shutdown().await.unwrap();
        }
        let error = member.txn(Txn::put("late", "v")).await.unwrap_err();
        assert!(error.is_transient(), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_member_serves_reads_and_writes_whoever_leads() {
    let root = tempfile::tempdir().unwrap();
    let members = leader_first(cluster(root.path().to_owned(), 3).await).await;
    for (number, writer) in members.iter().enumerate() {
        let key = format!("from-{number}");
        put(writer, &key, "v").await;
        for reader in &members {
            assert_eq!(value(reader, &key).await.as_deref(), Some("v"));
        }
    }
    let lease = members[1].lease_grant(LeaseId::NONE, Duration::from_secs(60));
    let lease = lease.await.unwrap();
    for member in &members {
        assert_eq!(member.lease_keep_alive(lease.id).await.unwrap(), lease.ttl);
        assert!(member.lease_time_to_live(lease.id).await.unwrap().remaining <= lease.ttl);
    }
    assert_eq!(members.iter().filter(|member| member.status().leading().is_some()).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_three_go_on_when_the_leader_dies_and_it_rejoins() {
    let root = tempfile::tempdir().unwrap();
    let addresses = free_addresses(3);
    let mut members = leader_first(start_all(root.path(), &addresses).await).await;
    put(&members[0], "before", "v").await;
    let dead = members.remove(0);
    dead.kill().await;
    put(&members[0], "after", "v").await;
    let again = start(options(root.path(), dead.id().0, &addresses)).await;
    again.wait_ready(PATIENCE).await.unwrap();
    for key in ["before", "after"] {
        assert_eq!(value(&again, key).await.as_deref(), Some("v"), "{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_quorum_a_write_fails_and_says_what_is_known() {
    let root = tempfile::tempdir().unwrap();
    let addresses = free_addresses(3);
    let mut members = Vec::new();
    for id in 1..=3 {
        let mut options = options(root.path(), id, &addresses);
        options.request_timeout = Some(Duration::from_millis(1500));
        members.push(start(options).await);
    }
    let members = leader_first(members).await;
    put(&members[0], "key", "v").await;
    assert_eq!(value(&members[2], "key").await.as_deref(), Some("v"));
    members[0].kill().await;
    members[1].kill().await;
    let error = members[2].txn(Txn::put("key", "w")).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(members[2].range(RangeRequest::key("key")).await.is_err(), "no quorum, no promise");
    let stale = members[2].range(RangeRequest::key("key").serializable()).await.unwrap();
    assert_eq!(stale.kvs.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_was_away_too_long_gets_the_whole_state() {
    let root = tempfile::tempdir().unwrap();
    let addresses = free_addresses(3);
    let small = |id| options(root.path(), id, &addresses).snapshots(50, 20);
    let mut members = Vec::new();
    for id in 1..=3 {
        members.push(start(small(id)).await);
    }
    let mut members = leader_first(members).await;
    put(&members[0], "first", "v").await;
    let away = members.pop().unwrap();
    away.shutdown().await.unwrap();
    for n in 0..400 {
        put(&members[n % 2], &format!("key-{n}"), &"v".repeat(500)).await;
    }
    let back = start(small(away.id().0)).await;
    back.wait_ready(PATIENCE).await.unwrap();
    assert!(back.log_stats().entries < 200, "most of it came as state, not as log entries");
    let revision = members[0].status().revision;
    eventually("it has caught up", async || back.status().revision >= revision).await;
    let hash = members[0].hash_kv(revision).await.unwrap();
    assert_eq!(back.hash_kv(revision).await.unwrap(), hash);
    put(&back, "last", "v").await;
    assert_eq!(value(&members[0], "last").await.as_deref(), Some("v"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clean_shutdown_hands_leadership_over() {
    let root = tempfile::tempdir().unwrap();
    let members = leader_first(cluster(root.path().to_owned(), 3).await).await;
    let term = members[0].status().term;
    members[0].shutdown().await.unwrap();
    eventually("another leads", async || {
        members[1..].iter().any(|member| member.status().leading().is_some_and(|t| t > term))
    })
    .await;
    put(&members[1], "key", "v").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_outlives_its_leader_and_ends_when_nobody_renews_it() {
    let root = tempfile::tempdir().unwrap();
    let members = leader_first(cluster(root.path().to_owned(), 3).await).await;
    let ttl = Duration::from_secs(2);
    let lease = members[1].lease_grant(LeaseId::NONE, ttl).await.unwrap().id;
    let op = PutOp { key: "key".into(), value: "v".into(), lease, ..PutOp::default() };
    members[1].txn(Txn::ops([Op::Put(op)])).await.unwrap();
    members[0].kill().await;
    assert_eq!(members[1].lease_keep_alive(lease).await.unwrap(), ttl);
    assert_eq!(value(&members[1], "key").await.as_deref(), Some("v"));
    eventually("the key goes with its lease", async || value(&members[2], "key").await.is_none())
        .await;
    let error = members[2].lease_keep_alive(lease).await.unwrap_err();
    assert_eq!(error, Error::LeaseNotFound(lease));
}
