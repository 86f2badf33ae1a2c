//! What a member refuses to start on, and that it leaves everything as it was.

use crate::cluster::{PATIENCE, free_addresses, options, start};
use quorate_member::{Error, Member, MemberOptions};
use quorate_seams::Seams;
use quorate_store::{RangeRequest, Store, Txn};
use quorate_types::{ClusterId, MemberId};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

async fn refused(options: MemberOptions) -> Error {
    Member::start(options, Seams::system()).await.unwrap_err()
}

/// Every file below a directory with its content.
fn content(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.append(&mut content(&path));
        } else {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found
}

/// A directory in which a member has lived.
async fn lived_in(root: &Path) -> MemberOptions {
    let options = options(root, 1, &free_addresses(1));
    let member = start(options.clone()).await;
    member.wait_ready(PATIENCE).await.unwrap();
    member.txn(Txn::put("key", "value")).await.unwrap();
    member.shutdown().await.unwrap();
    options
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_of_another_cluster_or_member_is_refused_untouched() {
    let root = tempfile::tempdir().unwrap();
    let options = lived_in(root.path()).await;
    let before = content(&options.data_dir);
    let mut other_cluster = options.clone();
    other_cluster.cluster = ClusterId(8);
    let mut other_member = options.clone().peers(BTreeMap::new());
    other_member.id = MemberId(2);
    for wrong in [other_cluster, other_member] {
        let error = refused(wrong).await;
        assert!(matches!(error, Error::Foreign { .. }), "{error}");
        assert!(error.to_string().contains(options.data_dir.to_str().unwrap()), "{error}");
    }
    assert!(content(&options.data_dir) == before, "nothing was written");
    let member = start(options).await;
    member.wait_ready(PATIENCE).await.unwrap();
    assert_eq!(member.range(RangeRequest::key("key")).await.unwrap().kvs[0].value, "value");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_log_is_refused_untouched() {
    let root = tempfile::tempdir().unwrap();
    let options = lived_in(root.path()).await;
    let log = options.data_dir.join("log");
    let mut segments: Vec<_> =
        std::fs::read_dir(&log).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.sort();
    let segment = &segments[0];
    let mut bytes = std::fs::read(segment).unwrap();
    let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    // In the middle of what was acknowledged, well before the end that a crash may tear.
    bytes[last / 3] ^= 0x40;
    std::fs::write(segment, &bytes).unwrap();
    let before = content(&log);
    let error = refused(options.clone()).await;
    assert!(matches!(error, Error::Log { .. }), "{error}");
    assert!(error.to_string().contains(log.to_str().unwrap()), "{error}");
    assert!(content(&log) == before, "the log was left as it is");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_and_a_directory_in_use_are_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    let addresses = free_addresses(2);
    let first = options(root.path(), 1, &addresses[..1]);
    let running = start(first.clone()).await;
    running.wait_ready(PATIENCE).await.unwrap();

    let mut same_port = first.clone();
    same_port.data_dir = root.path().join("elsewhere");
    let error = refused(same_port).await;
    assert!(matches!(error, Error::Listen { .. }), "{error}");
    assert!(error.to_string().contains(&addresses[0].to_string()), "{error}");
    assert!(!root.path().join("elsewhere").exists());

    let mut same_dir = first.clone();
    same_dir.listen = addresses[1];
    let error = refused(same_dir).await;
    assert!(matches!(error, Error::InUse { .. }), "{error}");
    running.txn(Txn::put("still", "works")).await.unwrap();
}

#[tokio::test]
async fn options_that_cannot_work_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let mut options = options(root.path(), 1, &free_addresses(3));
    options.peers.remove(&MemberId(1));
    let error = refused(options).await.to_string();
    assert!(error.contains("member 1 itself"), "{error}");
}
