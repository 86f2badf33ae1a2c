//! Out: a real etcd restored from our snapshot cannot be told from ours.

use crate::client::assert_equal;
use crate::drive::drive;
use crate::ours::Ours;
use crate::peer::peers;
use quorate_etcd::snapshot::SnapshotFile;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_etcd_restored_from_our_snapshot_equals_ours() {
    for peer in peers("a_real_etcd_restored_from_our_snapshot_equals_ours") {
        for seed in [1, 2] {
            let root = tempfile::tempdir().unwrap();
            let ours = Ours::start(&root.path().join("ours")).await;
            let mut client = ours.client().await;
            drive(&mut client, seed, 150).await;

            let file = root.path().join("snapshot");
            peer.save(ours.addr, &file);
            let told = SnapshotFile::open(&file).unwrap().status().unwrap();
            let [hash, revision, keys, bytes] = peer.status(&file);
            assert_eq!(hash, u64::from(told.hash), "we read it as it does");
            assert_eq!(i64::try_from(revision).unwrap(), told.revision.0);
            assert_eq!((keys, bytes), (told.total_keys, told.total_bytes));

            let dir = root.path().join("theirs");
            peer.restore(&file, &dir);
            let etcd = peer.start(&dir, &[]).await;
            let mut real = etcd.client().await;
            assert_equal(&mut client, &mut real).await;

            // What is done to both from now on has the same effects.
            let answers = drive(&mut client, seed + 100, 60).await;
            assert_eq!(answers, drive(&mut real, seed + 100, 60).await);
            assert_equal(&mut client, &mut real).await;
            println!("etcd {}: equal after seed {seed}", peer.version);
            ours.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_without_a_key_becomes_an_etcd_without_a_key() {
    for peer in peers("a_store_without_a_key_becomes_an_etcd_without_a_key") {
        let root = tempfile::tempdir().unwrap();
        let ours = Ours::start(&root.path().join("ours")).await;
        let file = root.path().join("snapshot");
        peer.save(ours.addr, &file);
        peer.status(&file);
        let dir = root.path().join("theirs");
        peer.restore(&file, &dir);
        let etcd = peer.start(&dir, &[]).await;
        assert_equal(&mut ours.client().await, &mut etcd.client().await).await;
        ours.stop().await;
    }
}
