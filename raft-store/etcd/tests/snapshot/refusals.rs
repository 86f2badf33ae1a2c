//! Foreign files: what is wrong with them is told, and nothing is made of them.

use crate::drive::drive;
use crate::ours::{Ours, imported};
use crate::streaming::save;
use quorate_bolt::Writer;
use quorate_etcd::snapshot::{Error, SnapshotFile};
use std::path::{Path, PathBuf};

fn refusal(error: quorate_member::Error) -> String {
    match error {
        quorate_member::Error::Load { source, .. } => source.to_string(),
        other => panic!("{other}"),
    }
}

/// A file with one bucket and one pair.
fn crafted(root: &Path, bucket: &str, key: &[u8], value: &[u8]) -> PathBuf {
    let mut measuring = Writer::measuring(4096);
    measuring.bucket(bucket.as_bytes()).unwrap();
    measuring.pair(key, value).unwrap();
    let layout = measuring.finish().unwrap();
    let path = root.join("crafted");
    let mut writer = Writer::new(std::fs::File::create(&path).unwrap(), layout).unwrap();
    writer.bucket(bucket.as_bytes()).unwrap();
    writer.pair(key, value).unwrap();
    writer.finish().unwrap();
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_snapshots_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let ours = Ours::start(&root.path().join("ours")).await;
    drive(&mut ours.client().await, 7, 60).await;
    let whole = save(&ours).await;
    ours.stop().await;
    let path = root.path().join("snapshot");
    let open = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        SnapshotFile::open(&path).unwrap_err()
    };
    let mut flipped = whole.clone();
    flipped[5000] ^= 1;
    assert!(matches!(open(&flipped), Error::Checksum { .. }));
    assert!(matches!(open(&whole[..whole.len() - 32]), Error::NoChecksum { .. }));
    assert!(matches!(open(&whole[..whole.len() - 512]), Error::Checksum { .. }));
    assert!(matches!(open(b""), Error::NoChecksum { .. }));
    let missing = SnapshotFile::open(root.path().join("missing")).unwrap_err();
    assert!(matches!(missing, Error::Io { .. }));
    std::fs::write(&path, vec![7; 8192]).unwrap();
    let error = SnapshotFile::open_unchecked(&path).unwrap_err();
    assert!(error.to_string().contains("`magic`"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_etcd_would_not_write_is_named() {
    let cases: [(&str, &[u8], &[u8], &str); 7] = [
        ("key", b"short", b"", "no revision key"),
        ("key", b"\0\0\0\0\0\0\0\0_\0\0\0\0\0\0\0\0", b"", "out of range"),
        ("key", b"\0\0\0\0\0\0\0\x02_\0\0\0\0\0\0\0\0", b"\xff", "no key-value message"),
        ("lease", &[0; 8], b"\xff", "no lease"),
        ("lease", &[0, 0, 0, 0, 0, 0, 0, 1], &[8, 2, 16, 9], "no lease of that id"),
        ("meta", b"consistent_index", b"7", "no number"),
        ("meta", b"finishedCompactRev", b"7", "no revision"),
    ];
    for (bucket, key, value, expected) in cases {
        let root = tempfile::tempdir().unwrap();
        let path = crafted(root.path(), bucket, key, value);
        let file = SnapshotFile::open_unchecked(path).unwrap();
        let error = refusal(imported(file, &root.path().join("ours")).await.unwrap_err());
        assert!(error.contains(expected), "{bucket} {key:?}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_exists_is_left_alone() {
    let root = tempfile::tempdir().unwrap();
    let path = crafted(root.path(), "meta", b"other", b"");
    let dir = root.path().join("ours");
    std::fs::create_dir(&dir).unwrap();
    let error = imported(SnapshotFile::open_unchecked(path).unwrap(), &dir).await.unwrap_err();
    assert!(matches!(error, quorate_member::Error::Damaged { .. }), "{error}");
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0);
}
