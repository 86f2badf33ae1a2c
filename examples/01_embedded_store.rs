//! The store alone: one durable member in this process, no control plane.
//!
//! Shows: put and read, a conditional transaction, a watch from a revision, reading the past.
//! Next: `02_three_members.rs`.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use futures::StreamExt;
use quorate::member::{Member, MemberOptions};
use quorate::seams::Seams;
use quorate::store::{Compare, KeyRange, RangeRequest, Store, Txn, WatchRequest};
use quorate::types::{ClusterId, MemberId};
use std::error::Error;
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let listen = "127.0.0.1:0".parse()?;
    let options = MemberOptions::new(ClusterId(1), MemberId(1), dir.path(), listen);
    let member = Member::start(options, Seams::system()).await?;
    member.wait_ready(Duration::from_secs(10)).await?;

    let put = member.txn(Txn::put("greeting", "hello")).await?;
    println!("put at revision {}", put.revision);

    let swap =
        Txn::put("greeting", "good evening").when(Compare::mod_revision("greeting", put.revision));
    println!("swapped: {}", member.txn(swap.clone()).await?.succeeded);
    println!("swapped again: {}", member.txn(swap).await?.succeeded);

    let past = member.range(RangeRequest::key("greeting").at(put.revision)).await?;
    println!("at revision {} it was {:?}", put.revision, past.kvs[0].value);

    let request = WatchRequest::new(KeyRange::all()).from(put.revision);
    let mut changes = member.watch(request).await?.take(2);
    while let Some(batch) = changes.next().await {
        for event in batch?.events.iter() {
            println!("change {}: {:?} = {:?}", event.kv.mod_revision, event.kv.key, event.kv.value);
        }
    }
    member.shutdown().await?;
    Ok(())
}
