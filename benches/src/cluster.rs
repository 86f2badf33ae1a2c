//! How long a cluster takes to form, and how long writes stop when the leader dies.

use crate::figure::Figure;
use quorate::store::{Certainty, Txn};
use quorate::types::MemberId;
use quorate::{Cluster, ClusterBuilder, MemberTiming};
use std::error::Error;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);

/// A cluster with quick heartbeats of its nodes: the first one decides when it is ready.
pub(crate) fn builder(dir: &tempfile::TempDir, members: u64, agents: u8) -> ClusterBuilder {
    Cluster::builder().data_dir(dir.path().join("data")).members(members).agents(agents)
}

#[allow(clippy::disallowed_methods, reason = "benches measure real time")]
async fn time_to_ready(
    members: u64,
    agents: u8,
    rounds: usize,
) -> Result<Vec<f64>, Box<dyn Error>> {
    let mut values = Vec::new();
    for _ in 0..rounds {
        let dir = tempfile::tempdir()?;
        let start = Instant::now();
        let cluster = builder(&dir, members, agents).start().await?;
        cluster.ready(LIMIT).await?;
        values.push(start.elapsed().as_secs_f64() * 1000.0);
        cluster.shutdown().await?;
    }
    Ok(values)
}

pub(crate) async fn single_member_ready() -> Result<Figure, Box<dyn Error>> {
    let values = time_to_ready(1, 0, 9).await?;
    Ok(Figure { name: "single member on disk ready", unit: "ms", target: "<= 1000 ms", values })
}

pub(crate) async fn three_member_cluster_ready() -> Result<Figure, Box<dyn Error>> {
    let values = time_to_ready(3, 3, 5).await?;
    Ok(Figure { name: "3 members and 3 nodes ready", unit: "ms", target: "<= 3000 ms", values })
}

/// Longest time without an acknowledged write around the death of the leader, in election timeouts.
pub(crate) async fn writes_resume() -> Result<Figure, Box<dyn Error>> {
    let timing = MemberTiming::default();
    let mut values = Vec::new();
    for _ in 0..7 {
        let dir = tempfile::tempdir()?;
        let cluster = builder(&dir, 3, 0).start().await?;
        let gap = gap_after_kill(&cluster).await?;
        values.push(gap.as_secs_f64() / timing.election.as_secs_f64());
        cluster.shutdown().await?;
    }
    let name = "writes resume after the leader is killed";
    Ok(Figure { name, unit: "ET", target: "<= 2 election timeouts (ET, 1 s)", values })
}

#[allow(clippy::disallowed_methods, reason = "benches measure real time")]
async fn gap_after_kill(cluster: &Cluster) -> Result<Duration, Box<dyn Error>> {
    let store = cluster.store();
    for number in 0..20 {
        store.txn(Txn::put(format!("/bench/{number}"), "x")).await?;
    }
    let leader: MemberId = cluster.leader().ok_or("nobody leads")?;
    let start = Instant::now();
    cluster.kill_member(leader).await?;
    loop {
        match store.txn(Txn::put("/bench/after", "x")).await {
            Ok(_) => return Ok(start.elapsed()),
            Err(error) if error.certainty() == Certainty::Unknown || error.is_transient() => {}
            Err(error) => return Err(error.into()),
        }
    }
}
