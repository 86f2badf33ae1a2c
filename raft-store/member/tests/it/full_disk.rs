//! A disk that is really full: a small tmpfs. Writes fail with the reason, nothing acknowledged is
//! lost, and the member goes on once there is space.

use crate::cluster::{PATIENCE, free_addresses, options, start};
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
    let value = vec![b'x'; 64 << 10];
    let mut acknowledged = 0;
    let error = loop {
        assert!(acknowledged < 1000, "64 MB fit a disk of 24 MiB");
        match member.txn(Txn::put(format!("/{acknowledged:04}"), value.clone())).await {
            Ok(_) => acknowledged += 1,
            Err(error) => break error.to_string(),
        }
    };
    assert!(acknowledged > 0, "{error}");
    assert!(error.contains("disk is full"), "{error}");
    member.kill().await;

    disk.grow(256);
    let member = start(options).await;
    member.wait_ready(PATIENCE).await.unwrap();
    let found = member.range(RangeRequest::prefix("/")).await.unwrap();
    // The write that failed may have happened all the same; nothing else may differ.
    assert!(found.kvs.len() == acknowledged || found.kvs.len() == acknowledged + 1);
    assert!(found.kvs.iter().all(|kv| kv.value == value));
    member.txn(Txn::put("after", "works")).await.unwrap();
    member.shutdown().await.unwrap();
}
