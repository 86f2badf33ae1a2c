//! Prints what a put, a start and a failover cost on this machine. Run with `--ignored --nocapture`.

use crate::cluster::{cluster, leader_first};
use futures::future::join_all;
use quorate_member::Member;
use quorate_seams::{SharedClock, SystemClock};
use quorate_store::{RangeRequest, Store, Txn};
use std::time::Duration;

const PUTS: usize = 500;

async fn put(member: &Member, key: &str) {
    member.txn(Txn::put(key.to_owned(), vec![b'v'; 256])).await.unwrap();
}

fn quantiles(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    format!("p50 {:?} p90 {:?} p99 {:?}", at(50), at(90), at(99))
}

async fn one_writer(clock: &SharedClock, what: &str, member: &Member) {
    let syncs = member.log_stats().syncs;
    let mut times = Vec::new();
    for n in 0..PUTS {
        let start = clock.now();
        put(member, &format!("key-{n}")).await;
        times.push(clock.now() - start);
    }
    let syncs = member.log_stats().syncs - syncs;
    println!("{what}: {}, {syncs} syncs for {PUTS} puts", quantiles(times));
}

async fn many_writers(clock: &SharedClock, what: &str, member: &Member) {
    let syncs = member.log_stats().syncs;
    let start = clock.now();
    let writers = (0..64).map(|writer| async move {
        for n in 0..PUTS {
            put(member, &format!("{writer}/{n}")).await;
        }
    });
    join_all(writers).await;
    let (took, puts) = (clock.now() - start, 64 * PUTS);
    let syncs = member.log_stats().syncs - syncs;
    println!("{what}: {puts} puts in {took:?}, {syncs} syncs");
}

async fn reads(clock: &SharedClock, what: &str, member: &Member) {
    let mut times = Vec::new();
    for _ in 0..PUTS {
        let start = clock.now();
        member.range(RangeRequest::key("key-1")).await.unwrap();
        times.push(clock.now() - start);
    }
    println!("{what}: {}", quantiles(times));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints numbers, proves nothing"]
async fn numbers() {
    let clock = SystemClock::shared();
    let root = tempfile::tempdir().unwrap();
    let start = clock.now();
    let one = cluster(root.path().join("one"), 1).await;
    println!("one member ready after {:?}", clock.now() - start);
    one_writer(&clock, "1 writer, 1 member", &one[0]).await;
    many_writers(&clock, "64 writers, 1 member", &one[0]).await;
    reads(&clock, "linearizable read, 1 member", &one[0]).await;
    one[0].shutdown().await.unwrap();

    let start = clock.now();
    let three = cluster(root.path().join("three"), 3).await;
    println!("three members ready after {:?}", clock.now() - start);
    let three = leader_first(three).await;
    one_writer(&clock, "1 writer, 3 members, at the leader", &three[0]).await;
    one_writer(&clock, "1 writer, 3 members, at a follower", &three[1]).await;
    many_writers(&clock, "64 writers, 3 members, at the leader", &three[0]).await;
    reads(&clock, "linearizable read, 3 members, at the leader", &three[0]).await;
    reads(&clock, "linearizable read, 3 members, at a follower", &three[1]).await;
    let start = clock.now();
    three[0].kill().await;
    put(&three[1], "after").await;
    println!("write gap after the leader died: {:?}", clock.now() - start);
}
