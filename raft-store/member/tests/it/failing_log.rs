//! The log's disk fails below a member: it says so, lets go of everything, and can start again.

use crate::cluster::{PATIENCE, eventually, free_addresses, leader_first, options};
use quorate_member::{Member, MemberOptions};
use quorate_seams::{Crash, Seams, SimDisk, SystemClock, timeout};
use quorate_store::{RangeRequest, Store, Txn};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

async fn start(options: &MemberOptions, disk: &SimDisk) -> Member {
    // The lock and the state are real files beside the simulated log.
    std::fs::create_dir_all(&options.data_dir).unwrap();
    let seams = Seams { disk: disk.shared(), ..Seams::system() };
    Member::start(options.clone(), seams).await.unwrap()
}

async fn members(root: &Path, addresses: &[SocketAddr]) -> (Vec<Member>, BTreeMap<u64, SimDisk>) {
    let (mut members, mut disks) = (Vec::new(), BTreeMap::new());
    for id in (1..).take(addresses.len()) {
        let disk = SimDisk::new();
        members.push(start(&options(root, id, addresses), &disk).await);
        disks.insert(id, disk);
    }
    (leader_first(members).await, disks)
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let done = timeout(&*SystemClock::shared(), PATIENCE, future).await;
    done.unwrap_or_else(|| panic!("never: {what}"))
}

/// Fails the log of one of three, the leader's or not.
async fn fails(victim: usize) {
    let root = tempfile::tempdir().unwrap();
    let addresses = free_addresses(3);
    let (mut members, disks) = members(root.path(), &addresses).await;
    members[0].txn(Txn::put("before", "v")).await.unwrap();
    let victim = members.remove(victim);
    let disk = &disks[&victim.id().0];
    disk.fail_sync_after(0);
    let mut written = 0;
    eventually("the survivors acknowledge", async || {
        let put = members[0].txn(Txn::put(format!("during/{written}"), "v")).await;
        written += 1;
        put.is_ok()
    })
    .await;
    let error = within("it says that it has ended", victim.ended()).await.unwrap_err().to_string();
    assert!(error.contains("log takes no more writes because syncing"), "{error}");
    assert!(victim.txn(Txn::put("late", "v")).await.is_err(), "it acknowledges nothing");
    within("it lets go of everything", victim.kill()).await;

    let found = disk.crash(Crash::LoseAll, 0);
    let again = start(&options(root.path(), victim.id().0, &addresses), &found).await;
    again.wait_ready(PATIENCE).await.unwrap();
    assert_eq!(again.range(RangeRequest::key("before")).await.unwrap().count, 1);
    again.shutdown().await.unwrap();
    assert!(within("shutdown is no failure", again.ended()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_whose_log_fails_ends_with_the_reason_and_comes_back() {
    fails(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_log_fails_ends_with_the_reason_and_comes_back() {
    fails(0).await;
}
