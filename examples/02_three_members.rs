//! Three members in one process: the leader dies, nothing that was acknowledged is lost.
//!
//! Shows: `Cluster::builder()` without nodes, killing and restarting a member.
//! Next: `03_reconciler.rs`.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use quorate::Cluster;
use quorate::store::{RangeRequest, Txn};
use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let cluster = Cluster::builder().data_dir(dir.path()).members(3).bare().start().await?;
    let store = cluster.store();
    for number in 0..10 {
        store.txn(Txn::put(format!("/key/{number}"), "before")).await?;
    }
    let leader = cluster.leader().ok_or("nobody leads")?;
    cluster.kill_member(leader).await?;
    println!("killed the leader");

    // Waits for the next leader by itself; an unknown outcome would be an error here.
    store.txn(Txn::put("/key/after", "after")).await?;
    let found = store.range(RangeRequest::prefix("/key/")).await?;
    println!("{} keys, led by another member: {}", found.count, cluster.leader() != Some(leader));

    cluster.restart_member(leader).await?;
    println!("the member is back");
    cluster.shutdown().await?;
    Ok(())
}
