//! The stream of a snapshot itself, ours to ours.

use crate::client::assert_equal;
use crate::drive::drive;
use crate::ours::{Ours, imported};
use quorate_etcd::proto::etcdserverpb as pb;
use quorate_etcd::snapshot::SnapshotFile;
use quorate_store::Store;

/// What a client receives; what remains counts down to nothing.
pub(crate) async fn save(ours: &Ours) -> Vec<u8> {
    let mut client = ours.client().await;
    let mut stream =
        client.maintenance.snapshot(pb::SnapshotRequest {}).await.unwrap().into_inner();
    let mut file = Vec::new();
    let mut whole = None;
    while let Some(piece) = stream.message().await.unwrap() {
        let is_checksum = whole.is_some_and(|whole| file.len() as u64 == whole);
        file.extend_from_slice(&piece.blob);
        let so_far = file.len() as u64 + piece.remaining_bytes;
        if is_checksum {
            assert_eq!((piece.blob.len(), piece.remaining_bytes), (32, 0));
        } else {
            assert_eq!(*whole.get_or_insert(so_far), so_far);
        }
    }
    file
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ours_from_our_own_snapshot_equals_ours() {
    let root = tempfile::tempdir().unwrap();
    for seed in [8, 9] {
        let dir = root.path().join(format!("{seed}"));
        let ours = Ours::start(&dir.join("first")).await;
        let mut client = ours.client().await;
        drive(&mut client, seed, 150).await;
        let file = dir.join("snapshot");
        std::fs::write(&file, save(&ours).await).unwrap();
        let copied = dir.join("second");
        imported(SnapshotFile::open(&file).unwrap(), &copied).await.unwrap();
        let copy = Ours::start(&copied).await;
        let mut other = copy.client().await;
        assert_equal(&mut client, &mut other).await;
        let answers = drive(&mut client, seed + 100, 60).await;
        assert_eq!(answers, drive(&mut other, seed + 100, 60).await);
        assert_equal(&mut client, &mut other).await;
        ours.stop().await;
        copy.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_stands_still_holds_up_nothing_and_sees_one_moment() {
    let root = tempfile::tempdir().unwrap();
    let ours = Ours::start(&root.path().join("ours")).await;
    let mut client = ours.client().await;
    let put = |key: String| pb::PutRequest {
        key: key.into(),
        value: vec![b'v'; 64 * 1024].into(),
        ..pb::PutRequest::default()
    };
    // More than what waits in the windows of a connection.
    for number in 0..500 {
        client.kv.put(put(format!("before/{number}"))).await.unwrap();
    }
    let still = ours.client().await.maintenance.snapshot(pb::SnapshotRequest {}).await.unwrap();
    let mut still = still.into_inner();
    let mut file = still.message().await.unwrap().unwrap().blob.to_vec();
    for number in 0..50 {
        client.kv.put(put(format!("after/{number}"))).await.unwrap();
    }
    while let Some(piece) = still.message().await.unwrap() {
        file.extend_from_slice(&piece.blob);
    }
    let path = root.path().join("snapshot");
    std::fs::write(&path, &file).unwrap();
    let status = SnapshotFile::open(&path).unwrap().status().unwrap();
    assert_eq!(status.revision.0, 501, "what came later is not in it");

    // One that goes away in the middle lets go of everything: the directory can be used again.
    let gone = ours.client().await.maintenance.snapshot(pb::SnapshotRequest {}).await.unwrap();
    let mut gone = gone.into_inner();
    gone.message().await.unwrap().unwrap();
    drop(gone);
    ours.stop().await;
    let again = Ours::start(&root.path().join("ours")).await;
    assert_eq!(again.member.status().revision.0, 551);
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_readers_that_stand_still_hold_up_nothing() {
    let root = tempfile::tempdir().unwrap();
    let ours = Ours::start(&root.path().join("ours")).await;
    let mut client = ours.client().await;
    let value = vec![b'v'; 1024 * 1024];
    let put = pb::PutRequest { key: "k".into(), value: value.into(), ..Default::default() };
    for _ in 0..8 {
        client.kv.put(put.clone()).await.unwrap();
    }
    // More than there are threads that may block.
    let mut standing = Vec::new();
    for _ in 0..600 {
        let asked = client.maintenance.snapshot(pb::SnapshotRequest {});
        standing.push(asked.await.unwrap());
    }
    // On another connection: the windows of this one are full.
    let mut other = ours.client().await;
    let hash = other.maintenance.hash_kv(pb::HashKvRequest { revision: 0 }).await.unwrap();
    assert_eq!(hash.into_inner().header.unwrap().revision, 9);
    drop(standing);
    assert!(!save(&ours).await.is_empty(), "those that are gone make room");
    ours.stop().await;
}
