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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_state_is_refused_or_read_right_and_never_served_wrong() {
    let root = tempfile::tempdir().unwrap();
    let options = options(root.path(), 1, &free_addresses(1)).snapshots(50, 20);
    let member = start(options.clone()).await;
    member.wait_ready(PATIENCE).await.unwrap();
    for number in 0..300 {
        member.txn(Txn::put(format!("{number:04}"), vec![b'v'; 1000])).await.unwrap();
    }
    let revision = member.status().revision;
    let hash = member.hash_kv(revision).await.unwrap();
    member.shutdown().await.unwrap();
    let whole = content(&options.data_dir);
    let put_back = || {
        std::fs::remove_dir_all(&options.data_dir).unwrap();
        for (path, bytes) in &whole {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    };
    let kinds = ["CURRENT", "MANIFEST", ".sst", "ACTIVE", "FORMAT"];
    let of_a_kind = |path: &&PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        kinds.iter().any(|kind| name.contains(kind))
    };
    let (mut refused, mut served) = (0, 0);
    for path in whole.keys().filter(of_a_kind) {
        for part in [3, 2] {
            put_back();
            let mut bytes = whole[path].clone();
            let at = bytes.len() * (part - 1) / part;
            bytes[at] ^= 0x20;
            std::fs::write(path, bytes).unwrap();
            let Ok(member) = Member::start(options.clone(), Seams::system()).await else {
                refused += 1;
                continue;
            };
            // It may find the damage when it reads; what it answers must be right.
            let ready = member.wait_ready(PATIENCE).await.is_ok();
            if ready && let Ok(found) = member.hash_kv(revision).await {
                assert_eq!(found.hash, hash.hash, "{} at {at}", path.display());
                served += 1;
            }
            member.kill().await;
        }
    }
    println!("{refused} refused, {served} unharmed");
    assert!(refused >= 4, "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_that_is_gone_while_the_log_goes_on_without_it_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let options = options(root.path(), 1, &free_addresses(1)).snapshots(50, 20);
    let member = start(options.clone()).await;
    member.wait_ready(PATIENCE).await.unwrap();
    for number in 0..300 {
        member.txn(Txn::put(format!("{number:04}"), "v")).await.unwrap();
    }
    member.shutdown().await.unwrap();
    std::fs::remove_dir_all(options.data_dir.join("state")).unwrap();
    let error = refused(options.clone()).await;
    assert!(error.to_string().contains("state"), "{error}");
    let before = content(&options.data_dir.join("log"));
    let again = refused(options.clone()).await;
    assert_eq!(again.to_string(), error.to_string(), "and again");
    let entries = |log: &BTreeMap<PathBuf, Vec<u8>>| log.len();
    assert_eq!(entries(&content(&options.data_dir.join("log"))), entries(&before));
}
