//! A disk that is really full: a small tmpfs. Writes fail with the reason, nothing acknowledged is
//! lost, and the member goes on once there is space.

use crate::cluster::{PATIENCE, free_addresses, options, start};
use quorate_member::{Member, MemberOptions};
use quorate_seams::{Random, SeededRandom, SystemClock, timeout};
use quorate_store::{RangeRequest, Store, Txn};
use std::path::Path;
use std::process::Command;

/// A tmpfs of so many bytes, gone with the value.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    /// `None` where this process may not mount.
    fn mount(at: &'a Path, mib: u32) -> Option<Self> {
        let disk = Self(at);
        disk.run(&["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"]).then_some(disk)
    }

    fn grow(&self, mib: u32) {
        assert!(self.run(&["-o", &format!("remount,size={mib}m")]), "the disk grows");
    }

    fn run(&self, args: &[&str]) -> bool {
        let output = Command::new("mount").args(args).arg(self.0).output();
        output.is_ok_and(|output| output.status.success())
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        // Lazily: RocksDB's background threads may still hold a file.
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_stops_writes_with_the_reason_and_loses_nothing() {
    let root = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(root.path(), 24) else {
        println!("SKIP: mounting a tmpfs needs root");
        return;
    };
    let options = options(root.path(), 1, &free_addresses(1));
    let member = start(options.clone()).await;
    member.wait_ready(PATIENCE).await.unwrap();
    let (acknowledged, error) = fill(&member).await;
    assert!(acknowledged > 0, "{error}");
    assert!(error.contains("disk is full"), "{error}");
    member.kill().await;

    disk.grow(256);
    goes_on(options, acknowledged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_below_the_state_alone_stops_the_member_with_the_reason() {
    let root = tempfile::tempdir().unwrap();
    let options = options(root.path(), 1, &free_addresses(1));
    let member = start(options.clone()).await;
    member.wait_ready(PATIENCE).await.unwrap();
    member.kill().await;
    let (state, before) = (options.data_dir.join("state"), root.path().join("before"));
    std::fs::rename(&state, &before).unwrap();
    std::fs::create_dir(&state).unwrap();
    let Some(disk) = SmallDisk::mount(&state, 16) else {
        println!("SKIP: mounting a tmpfs needs root");
        return;
    };
    let copied = Command::new("cp").arg("-a").arg(before.join(".")).arg(&state).status();
    assert!(copied.unwrap().success());
    let member = start(options.clone()).await;
    member.wait_ready(PATIENCE).await.unwrap();
    // A write whose outcome is unknown is followed by one that tells the reason.
    let (acknowledged, _) = fill(&member).await;
    let ended = timeout(&*SystemClock::shared(), PATIENCE, member.ended()).await;
    let error = ended.expect("it ends").unwrap_err().to_string();
    assert!(acknowledged > 0 && error.contains("disk is full"), "{acknowledged}: {error}");
    member.kill().await;

    disk.grow(256);
    goes_on(options, acknowledged).await;
}

/// A value that no compression makes smaller.
fn value(number: usize) -> Vec<u8> {
    let random = SeededRandom::new(number as u64);
    (0..8 << 10).flat_map(|_| random.next_u64().to_le_bytes()).collect()
}

/// Writes until it fails: how many writes were acknowledged, and why the next one was not.
async fn fill(member: &Member) -> (usize, String) {
    for number in 0..2000 {
        let put = Txn::put(format!("/{number:04}"), value(number));
        if let Err(error) = member.txn(put).await {
            return (number, error.to_string());
        }
    }
    panic!("128 MB fit a small disk");
}

/// Started again, it has what it acknowledged, and works.
async fn goes_on(options: MemberOptions, acknowledged: usize) {
    let member = start(options).await;
    member.wait_ready(PATIENCE).await.unwrap();
    let found = member.range(RangeRequest::prefix("/")).await.unwrap();
    // The write that failed may have happened all the same; nothing else may differ.
    assert!(found.kvs.len() == acknowledged || found.kvs.len() == acknowledged + 1);
    assert!(found.kvs.iter().enumerate().all(|(number, kv)| kv.value == value(number)));
    member.txn(Txn::put("after", "works")).await.unwrap();
    member.shutdown().await.unwrap();
}
