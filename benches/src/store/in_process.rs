//! Members in this process.

use super::Failure;
use quorate_member::{Member, MemberOptions};
use quorate_seams::{Seams, unused_loopback};
use quorate_types::{ClusterId, MemberId};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Starts a cluster in a directory and waits for its leader, which comes first.
pub(crate) async fn start(root: &Path, members: usize) -> Result<Vec<Member>, Failure> {
    let addresses = unused_loopback(members)?;
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
