//! In: ours from a real etcd's snapshot or data directory cannot be told from it.

use crate::client::assert_equal;
use crate::drive::drive;
use crate::ours::{Ours, imported};
use crate::peer::peers;
use quorate_etcd::snapshot::{Error, SnapshotFile};
use quorate_types::Revision;

/// The reason inside a member's refusal.
fn reason(error: quorate_member::Error) -> Error {
    match error {
        quorate_member::Error::Load { source, .. } => *source.downcast::<Error>().unwrap(),
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ours_from_a_real_snapshot_equals_the_real_one() {
    for peer in peers("ours_from_a_real_snapshot_equals_the_real_one") {
        for seed in [3, 4] {
            let root = tempfile::tempdir().unwrap();
            let etcd = peer.start(&root.path().join("theirs"), &[]).await;
            let mut real = etcd.client().await;
            drive(&mut real, seed, 150).await;
            let file = root.path().join("snapshot");
            peer.save(etcd.addr, &file);

            let dir = root.path().join("ours");
            let told = imported(SnapshotFile::open(&file).unwrap(), &dir).await.unwrap();
            assert!(told.loaded.revision > Revision(1) && told.loaded.changes > 0);
            let ours = Ours::start(&dir).await;
            let mut client = ours.client().await;
            assert_equal(&mut real, &mut client).await;

            let answers = drive(&mut real, seed + 100, 60).await;
            assert_eq!(answers, drive(&mut client, seed + 100, 60).await);
            assert_equal(&mut real, &mut client).await;
            println!("etcd {}: equal after seed {seed}", peer.version);
            ours.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ours_from_the_data_directory_of_a_stopped_etcd_equals_it() {
    for peer in peers("ours_from_the_data_directory_of_a_stopped_etcd_equals_it") {
        let root = tempfile::tempdir().unwrap();
        let theirs = root.path().join("theirs");
        let etcd = peer.start(&theirs, &[]).await;
        drive(&mut etcd.client().await, 5, 100).await;
        let error = SnapshotFile::open_data_dir(&theirs).unwrap_err();
        assert!(matches!(error, Error::InUse { .. }), "{error}");
        etcd.stop();

        let dir = root.path().join("ours");
        imported(SnapshotFile::open_data_dir(&theirs).unwrap(), &dir).await.unwrap();
        let ours = Ours::start(&dir).await;
        let etcd = peer.start(&theirs, &[]).await;
        assert_equal(&mut etcd.client().await, &mut ours.client().await).await;
        ours.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_directory_whose_database_lags_is_refused() {
    for peer in peers("a_data_directory_whose_database_lags_is_refused") {
        let root = tempfile::tempdir().unwrap();
        let theirs = root.path().join("theirs");
        // Its database is committed in an hour only.
        let lazily = ["--backend-batch-interval", "1h", "--backend-batch-limit", "1000000"];
        let etcd = peer.start(&theirs, &lazily).await;
        drive(&mut etcd.client().await, 6, 50).await;
        etcd.kill();
        let database = SnapshotFile::open_data_dir(&theirs).unwrap();
        let error = imported(database, &root.path().join("ours")).await.unwrap_err();
        let error = reason(error);
        assert!(matches!(error, Error::Lagging { .. }), "{error}");
        println!("etcd {}: {error}", peer.version);
    }
}
