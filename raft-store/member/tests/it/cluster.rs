//! Members of one process for tests.

use quorate_member::{Member, MemberOptions, Timing};
use quorate_seams::{Seams, SystemClock, timeout, unused_loopback};
use quorate_store::Store;
use quorate_types::{ClusterId, MemberId};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Loopback addresses that nobody uses: while a member of another test is down, its port must not be
/// taken by one that its peers would call in its place.
pub(crate) fn free_addresses(count: usize) -> Vec<SocketAddr> {
    unused_loopback(count).unwrap()
}

pub(crate) fn peers(addresses: &[SocketAddr]) -> BTreeMap<MemberId, String> {
    (1..).map(MemberId).zip(addresses.iter().map(ToString::to_string)).collect()
}

/// Options of member `id` of a cluster on these addresses.
pub(crate) fn options(root: &Path, id: u64, addresses: &[SocketAddr]) -> MemberOptions {
    let listen = addresses[usize::try_from(id).unwrap() - 1];
    let dir = root.join(format!("member-{id}"));
    let log = quorate_log::Options { segment_bytes: 1 << 20, ..Default::default() };
    MemberOptions::new(ClusterId(7), MemberId(id), dir, listen)
        .peers(peers(addresses))
        .timing(Timing::fast())
        .log(log)
}

pub(crate) async fn start(options: MemberOptions) -> Member {
    Member::start(options, Seams::system()).await.unwrap()
}

/// A member on each of the addresses, with ids from one.
pub(crate) async fn start_all(root: &Path, addresses: &[SocketAddr]) -> Vec<Member> {
    let mut members = Vec::new();
    for (id, _) in (1..).zip(addresses) {
        members.push(start(options(root, id, addresses)).await);
    }
    members
}

/// A ready cluster of so many members.
pub(crate) async fn cluster(root: PathBuf, count: u64) -> Vec<Member> {
    let members = start_all(&root, &free_addresses(usize::try_from(count).unwrap())).await;
    for member in &members {
        member.wait_ready(PATIENCE).await.unwrap();
    }
    members
}

/// Waits until a condition holds, looking again every few milliseconds.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let clock = SystemClock::shared();
    let wait = async {
        while !holds().await {
            clock.sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(&*clock, PATIENCE, wait).await.is_some(), "never: {what}");
}

/// The members with the leader first.
pub(crate) async fn leader_first(mut members: Vec<Member>) -> Vec<Member> {
    let clock = SystemClock::shared();
    let give_up = clock.now() + PATIENCE;
    while members.iter().all(|member| member.status().leading().is_none()) {
        assert!(clock.now() < give_up, "never: one member leads");
        clock.sleep(Duration::from_millis(5)).await;
    }
    members.sort_by_key(|member| member.status().leading().is_none());
    members
}
