//! quorate-etcdutl: what it tells, what it makes, what it refuses.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(missing_docs, reason = "a test program")]

use quorate_bolt::{Layout, Writer};
use quorate_etcd::InitialCluster;
use quorate_member::{Member, MemberOptions};
use quorate_seams::Seams;
use quorate_store::{RangeRequest, Store};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

/// An etcd's file with one put of `k` at revision 2.
fn file(root: &Path) -> PathBuf {
    fn fill<W: std::io::Write>(mut writer: Writer<W>) -> Layout {
        let key = b"\0\0\0\0\0\0\0\x02_\0\0\0\0\0\0\0\0";
        writer.bucket(b"key").unwrap();
        writer.pair(key, b"\x0a\x01k\x10\x02\x18\x02\x20\x01\x2a\x01v").unwrap();
        writer.bucket(b"meta").unwrap();
        writer.pair(b"consistent_index", &[0, 0, 0, 0, 0, 0, 0, 4]).unwrap();
        writer.finish().unwrap()
    }
    let layout = fill(Writer::measuring(4096));
    let path = root.join("db");
    fill(Writer::new(std::fs::File::create(&path).unwrap(), layout).unwrap());
    path
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quorate-etcdutl")).args(arguments).output().unwrap()
}

fn told(output: &Output) -> (bool, String) {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn a_restored_directory_serves_what_was_in_the_file() {
    let root = tempfile::tempdir().unwrap();
    let (file, dir) = (file(root.path()), root.path().join("data"));
    let (file, dir) = (file.to_str().unwrap(), dir.to_str().unwrap());
    let (done, status) = told(&run(&["snapshot", "status", file]));
    assert!(done && status.ends_with(", 2, 2, 24576\n"), "{status}");

    let restore = ["snapshot", "restore", file, "--data-dir", dir];
    let (done, text) = told(&run(&restore));
    assert!(!done && text.contains("no checksum"), "{text}");
    assert!(!Path::new(dir).exists(), "nothing was made");
    let (done, text) = told(&run(&[&restore[..], &["--skip-hash-check"]].concat()));
    assert!(done && text.contains("revision 2, 1 changes"), "{text}");
    let (done, text) = told(&run(&[&restore[..], &["--skip-hash-check"]].concat()));
    assert!(!done && text.contains("does not exist yet"), "{text}");

    let initial = InitialCluster::parse("default=http://localhost:2380", "etcd-cluster").unwrap();
    let (cluster, id) = (initial.cluster, initial.members[0].id);
    let listen = "127.0.0.1:0".parse().unwrap();
    let member =
        Member::start(MemberOptions::new(cluster, id, dir, listen), Seams::system()).await.unwrap();
    member.wait_ready(Duration::from_secs(30)).await.unwrap();
    let found = member.range(RangeRequest::key("k")).await.unwrap();
    assert_eq!(found.kvs[0].value, "v");
    member.shutdown().await.unwrap();
}

#[test]
fn what_is_not_understood_is_refused() {
    let cases: [(&[&str], &str); 5] = [
        (&[], "known are"),
        (&["snapshot", "save"], "known are"),
        (&["import", "/nowhere", "--data-dir", "/nowhere/too"], "/nowhere/member/snap/db"),
        (&["snapshot", "restore", "x", "--unknown"], "--unknown is not known"),
        (&["snapshot", "restore", "x", "--data-dir"], "--data-dir has no value"),
    ];
    for (arguments, expected) in cases {
        let (done, text) = told(&run(arguments));
        assert!(!done && text.contains(expected), "{arguments:?}: {text}");
    }
}
