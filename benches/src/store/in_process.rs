//! Members in this process.

use super::Failure;
use quorate_member::{Member, MemberOptions};
use quorate_seams::Seams;
use quorate_types::{ClusterId, MemberId};
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

/// Starts a cluster in a directory and waits for its leader, which comes first.
pub(crate) async fn start(root: &Path, members: usize) -> Result<Vec<Member>, Failure> {
    let addresses = free_addresses(members)?;
    let peers: BTreeMap<MemberId, String> =
        (1..).map(MemberId).zip(addresses.iter().map(ToString::to_string)).collect();
    let mut started = Vec::new();
    for (id, listen) in (1..).map(MemberId).zip(addresses) {
        let dir = root.join(format!("member-{id}"));
        let options = MemberOptions::new(ClusterId(7), id, dir, listen).peers(peers.clone());
        started.push(Member::start(options, Seams::system()).await?);
    }
    for member in &started {
        member.wait_ready(Duration::from_secs(30)).await?;
    }
    let leader = started[0].wait_ready(Duration::from_secs(5)).await?.leader;
    started.sort_by_key(|member| Some(member.id()) != leader);
    Ok(started)
}

/// Loopback addresses that nobody uses right now.
pub(crate) fn free_addresses(count: usize) -> Result<Vec<SocketAddr>, Failure> {
    let listeners: Result<Vec<_>, _> =
        (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect();
    Ok(listeners?.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?)
}
