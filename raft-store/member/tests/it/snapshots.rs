//! Snapshots between members: only what the receiver lacks travels, and a broken connection costs
//! only what was in flight.

use crate::cluster::{PATIENCE, eventually, free_addresses, options, start};
use quorate_member::{Member, MemberOptions};
use quorate_seams::{Task, spawn};
use quorate_store::{Store, Txn};
use quorate_types::{MemberId, Revision};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Snapshots come early, and the log keeps little.
fn hasty(options: MemberOptions) -> MemberOptions {
    options.snapshots(50, 20)
}

fn joining(root: &Path, addresses: &[SocketAddr]) -> MemberOptions {
    hasty(options(root, 2, addresses).peers(BTreeMap::new()).join())
}

/// Bytes that do not compress.
fn noise(seed: u32, length: u32) -> Vec<u8> {
    let mixed = |at: u32| (at ^ (seed << 20)).wrapping_mul(0x9e37_79b9).rotate_left(at % 31);
    (0..length).map(|at| mixed(at).wrapping_mul(0x85eb_ca6b).to_be_bytes()[0]).collect()
}

async fn put(member: &Member, prefix: &str, count: u32, bytes: u32) -> Revision {
    let mut last = Revision::NONE;
    for number in 0..count {
        let put = Txn::put(format!("{prefix}/{number}"), noise(number, bytes));
        last = member.txn(put).await.unwrap().revision;
    }
    last
}

/// A member with a state of some 12 MB, most of which its log has forgotten.
async fn large(root: &Path, addresses: &[SocketAddr]) -> (Member, Revision) {
    let member = start(hasty(options(root, 1, &addresses[..1]))).await;
    member.wait_ready(PATIENCE).await.unwrap();
    let revision = put(&member, "large", 200, 60_000).await;
    // Large files at rest, which no compaction rewrites soon.
    member.defragment().await.unwrap();
    (member, revision)
}

async fn same(members: [&Member; 2], revision: Revision) {
    eventually("it has caught up", async || members[1].status().revision >= revision).await;
    let [one, other] = members;
    assert_eq!(one.hash_kv(revision).await.unwrap(), other.hash_kv(revision).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_was_away_gets_only_the_files_that_it_lacks() {
    let root = tempfile::tempdir().unwrap();
    let addresses = free_addresses(2);
    let (leader, revision) = large(root.path(), &addresses).await;
    let learner = start(joining(root.path(), &addresses)).await;
    leader.add_learner(MemberId(2), addresses[1].to_string()).await.unwrap();
    same([&leader, &learner], revision).await;
    let first = leader.metrics().await.unwrap().snapshots;
    assert!(first.sent >= 1 && first.sent_bytes > 10_000_000, "{first:?}");

    learner.shutdown().await.unwrap();
    let revision = put(&leader, "small", 100, 100).await;
    let learner = start(joining(root.path(), &addresses)).await;
    same([&leader, &learner], revision).await;
    let sent = leader.metrics().await.unwrap().snapshots.sent_bytes - first.sent_bytes;
    let received = learner.metrics().await.unwrap().snapshots;
    println!("{} bytes the first time, {sent} the second: {received:?}", first.sent_bytes);
    assert!(received.received >= 1 && received.reused_bytes > 10_000_000, "{received:?}");
    assert!(sent < first.sent_bytes / 2, "{sent} bytes were sent again");

    // What it shares with its old state is its own: it survives a restart and further compaction.
    learner.defragment().await.unwrap();
    learner.kill().await;
    let learner = start(joining(root.path(), &addresses)).await;
    let revision = put(&leader, "last", 1, 100).await;
    same([&leader, &learner], revision).await;
}

/// Carries connections to a member, and cuts the first one that has carried so many bytes.
struct Proxy {
    addr: SocketAddr,
    cut: Arc<AtomicBool>,
    _accepting: Task<()>,
}

impl Proxy {
    async fn before(member: SocketAddr, most: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let cut = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&cut);
        let accepting = spawn(async move {
            let mut open = Vec::new();
            while let Ok((caller, _)) = listener.accept().await {
                let cut = Arc::clone(&shared);
                open.push(spawn(async move {
                    // A member that is not there yet refuses, and so does this.
                    if let Ok(called) = TcpStream::connect(member).await {
                        carry(caller, called, most, &cut).await;
                    }
                }));
            }
        });
        Self { addr, cut, _accepting: accepting }
    }
}

async fn carry(caller: TcpStream, called: TcpStream, most: usize, cut: &AtomicBool) {
    let (mut from_caller, mut to_caller) = caller.into_split();
    let (mut from_called, mut to_called) = called.into_split();
    let back = async move { tokio::io::copy(&mut from_called, &mut to_caller).await };
    let there = async move {
        let (mut carried, mut bytes) = (0, vec![0; 16 << 10]);
        while let Ok(count @ 1..) = from_caller.read(&mut bytes).await {
            carried += count;
            if carried > most && !cut.swap(true, Ordering::SeqCst) {
                return;
            }
            if to_called.write_all(&bytes[..count]).await.is_err() {
                return;
            }
        }
    };
    // Whichever end is gone, the other one goes too.
    tokio::select! {
        _ = back => {}
        () = there => {}
    }
}

/// Bytes that the first connection carries before it breaks.
const CARRIED: usize = 8_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_whose_connection_breaks_goes_on_where_it_was() {
    let root = tempfile::tempdir().unwrap();
    let addresses = free_addresses(2);
    let (leader, revision) = large(root.path(), &addresses).await;
    let proxy = Proxy::before(addresses[1], CARRIED).await;
    let learner = start(joining(root.path(), &addresses)).await;
    leader.add_learner(MemberId(2), proxy.addr.to_string()).await.unwrap();
    same([&leader, &learner], revision).await;
    assert!(proxy.cut.load(Ordering::SeqCst), "the connection was cut");
    let received = learner.metrics().await.unwrap().snapshots;
    println!("{received:?}");
    assert!(received.reused_bytes > 1_000_000, "{received:?}");
    let whole = leader.metrics().await.unwrap().state_bytes;
    // What was kept did not travel twice; what was on its way when the connection broke may have.
    let most = CARRIED as u64 + whole - received.reused_bytes + 200_000;
    assert!(received.received_bytes < most, "{received:?} of {whole}");
}
