//! Backups taken while the store serves, and new clusters made from them.

use crate::cluster::{PATIENCE, eventually, free_addresses, options, peers, start};
use quorate_auth::AuthChange;
use quorate_member::{
    ClusterMember, Error, Member, MemberOptions, MembershipError, Restore, Role, restore,
};
use quorate_seams::Seams;
use quorate_store::{RangeRequest, Store, Txn};
use quorate_types::{ClusterId, LeaseId, MemberId};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

const NEW: ClusterId = ClusterId(99);

/// A store with a past, a lease and a backup.
async fn backed_up(root: &Path) -> (Member, PathBuf) {
    let member = start(options(root, 1, &free_addresses(1))).await;
    member.wait_ready(PATIENCE).await.unwrap();
    for number in 0..200 {
        member.txn(Txn::put(format!("/{:03}", number % 100), format!("{number}"))).await.unwrap();
    }
    member.lease_grant(LeaseId(5), Duration::from_secs(3600)).await.unwrap();
    member.core().change_auth(AuthChange::add_user("root", "hash")).await.unwrap();
    let file = root.join("backup");
    let bytes = member.backup(file.clone()).await.unwrap();
    assert_eq!(bytes, std::fs::metadata(&file).unwrap().len());
    (member, file)
}

fn voters(addresses: &[SocketAddr]) -> Vec<ClusterMember> {
    let voter = |(id, addr)| ClusterMember::new(id, addr, Role::Voter);
    peers(addresses).into_iter().map(voter).collect()
}

fn as_member(id: u64, members: &[ClusterMember]) -> Restore {
    let log = quorate_log::Options { segment_bytes: 1 << 20, ..Default::default() };
    Restore { cluster: NEW, id: MemberId(id), members: members.to_vec(), log }
}

fn restored(root: &Path, id: u64, addresses: &[SocketAddr]) -> MemberOptions {
    let mut options = options(root, id, addresses);
    options.cluster = NEW;
    options
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_becomes_a_cluster_of_three_that_others_can_join() {
    let old = tempfile::tempdir().unwrap();
    let (member, file) = backed_up(old.path()).await;
    let revision = member.status().revision;
    let hash = member.hash_kv(revision).await.unwrap();
    member.txn(Txn::put("/later", "not in the backup")).await.unwrap();

    let root = tempfile::tempdir().unwrap();
    let addresses = free_addresses(4);
    let members = voters(&addresses[..3]);
    let mut running = Vec::new();
    for id in 1..=3 {
        let options = restored(root.path(), id, &addresses[..3]);
        let dir = options.data_dir.clone();
        restore(&file, dir, as_member(id, &members), Seams::system()).await.unwrap();
        running.push(start(options).await);
    }
    for member in &running {
        member.wait_ready(PATIENCE).await.unwrap();
        assert_eq!(member.status().revision, revision);
        assert_eq!(member.hash_kv(revision).await.unwrap(), hash);
        assert_eq!(member.members(), members);
    }
    let found = running[0].range(RangeRequest::prefix("/")).await.unwrap();
    assert_eq!(found.kvs.len(), 100);
    assert_eq!(running[1].leases().await.unwrap(), [LeaseId(5)]);
    let past = running[2].range(RangeRequest::key("/007").at(found.kvs[7].create_revision)).await;
    assert_eq!(past.unwrap().kvs[0].value, "7", "history is there as well");
    assert!(running[0].core().auth().await.unwrap().user("root").is_some(), "and so are users");

    let joining = restored(root.path(), 4, &addresses).peers(BTreeMap::new()).join();
    let fourth = start(joining).await;
    running[0].add_learner(MemberId(4), addresses[3].to_string()).await.unwrap();
    eventually("the fourth has caught up", async || match running[0].promote(MemberId(4)).await {
        Ok(_) | Err(MembershipError::NotLearner { .. }) => true,
        Err(MembershipError::NotReady { .. } | MembershipError::InProgress) => false,
        Err(error) => panic!("{error}"),
    })
    .await;
    fourth.wait_ready(PATIENCE).await.unwrap();
    assert_eq!(fourth.hash_kv(revision).await.unwrap(), hash);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_in_a_directory_is_restored_whole_or_not_at_all() {
    let root = tempfile::tempdir().unwrap();
    let (member, _) = backed_up(root.path()).await;
    let revision = member.status().revision;
    let hash = member.hash_kv(revision).await.unwrap();
    let backup = root.path().join("directory");
    let writing = async {
        for number in 0..50 {
            member.txn(Txn::put("/meanwhile", format!("{number}"))).await.unwrap();
        }
    };
    let (bytes, ()) = futures::future::join(member.backup_directory(&backup), writing).await;
    let again = member.backup_directory(&backup).await.unwrap_err().to_string();
    assert!(again.contains("choose another name"), "{again}");
    let files: Vec<_> =
        std::fs::read_dir(backup.join("state")).unwrap().map(|it| it.unwrap().path()).collect();
    let size = |path: &PathBuf| std::fs::metadata(path).unwrap().len();
    assert_eq!(bytes.unwrap(), files.iter().map(size).sum::<u64>());
    assert!(!root.path().join("directory.partial").exists());

    let addresses = free_addresses(1);
    let members = voters(&addresses);
    let attempt = async |name: &str| {
        let dir = root.path().join(name);
        restore(&backup, &dir, as_member(1, &members), Seams::system()).await
    };
    let mut damaged: Vec<PathBuf> = files.clone();
    damaged.push(backup.join("BACKUP"));
    for (number, path) in damaged.iter().enumerate() {
        let whole = std::fs::read(path).unwrap();
        let mut flipped = whole.clone();
        match flipped.get_mut(whole.len() / 2) {
            Some(byte) => *byte ^= 4,
            None => flipped.push(4),
        }
        let longer = [&whole[..], b"x"].concat();
        for bytes in [&flipped[..], &longer, &whole[..whole.len().saturating_sub(1)]] {
            if bytes == whole {
                continue;
            }
            std::fs::write(path, bytes).unwrap();
            let error = attempt(&format!("damaged-{number}")).await.unwrap_err();
            assert!(matches!(error, Error::Backup { .. }), "{}: {error}", path.display());
            let _ = std::fs::remove_dir_all(root.path().join(format!("damaged-{number}")));
        }
        std::fs::write(path, whole).unwrap();
    }
    attempt("new/member-1").await.unwrap();
    let restored = start(restored(&root.path().join("new"), 1, &addresses)).await;
    restored.wait_ready(PATIENCE).await.unwrap();
    assert!(restored.status().revision >= revision);
    assert_eq!(restored.hash_kv(revision).await.unwrap().hash, hash.hash);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_overwritten_and_nothing_damaged_is_restored() {
    let root = tempfile::tempdir().unwrap();
    let (member, file) = backed_up(root.path()).await;
    let whole = std::fs::read(&file).unwrap();
    let again = member.backup(file.clone()).await.unwrap_err().to_string();
    assert!(again.contains("choose another name"), "{again}");
    assert_eq!(std::fs::read(&file).unwrap(), whole);

    let members = voters(&free_addresses(1));
    let attempt = async |bytes: &[u8]| {
        let (damaged, dir) = (root.path().join("damaged"), root.path().join("restored"));
        std::fs::write(&damaged, bytes).unwrap();
        let result = restore(&damaged, &dir, as_member(1, &members), Seams::system()).await;
        if dir.exists() {
            std::fs::remove_dir_all(&dir).unwrap();
        }
        result
    };
    attempt(&whole).await.unwrap();
    for cut in [0, 5, whole.len() / 2, whole.len() - 1] {
        let error = attempt(&whole[..cut]).await.unwrap_err();
        assert!(matches!(error, Error::Backup { .. }), "cut at {cut}: {error}");
    }
    let mut flipped = whole.clone();
    let middle = whole.len() / 2;
    flipped[middle] ^= 0x10;
    let error = attempt(&flipped).await.unwrap_err();
    assert!(matches!(error, Error::Backup { .. }), "{error}");

    let occupied = root.path().join("occupied");
    std::fs::create_dir(&occupied).unwrap();
    let error = restore(&file, occupied, as_member(1, &members), Seams::system()).await;
    assert!(error.unwrap_err().to_string().contains("does not exist yet"));
    let missing = restore(
        root.path().join("none"),
        root.path().join("new"),
        as_member(1, &members),
        Seams::system(),
    );
    assert!(missing.await.is_err());
    assert!(!root.path().join("new").exists(), "a wrong name makes nothing");
}
