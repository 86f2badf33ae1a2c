//! Compiled programs on disk, and modules by their digest.

use crate::support::{Bench, options, start};
use quorate_executor::{Error, Executor};
use quorate_seams::Seams;
use quorate_wasm::{BlobDir, WasmExecutor};
use ring::digest::{SHA256, digest};
use std::path::PathBuf;
use std::sync::Arc;

fn hex(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The one compiled program of a bench.
fn entry(bench: &Bench) -> PathBuf {
    let entries = bench.path("wasm/programs").read_dir().unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| !path.ends_with("key"));
    assert_eq!(paths.len(), 1, "{paths:?}");
    paths.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_entry_is_never_run() {
    let bench = Bench::new();
    let image = bench.wat("ok.wasm", &start(""));
    bench.executor.prepare(&image).await.unwrap();
    let path = entry(&bench);
    let genuine = std::fs::read(&path).unwrap();
    // Whatever stands there, the module is compiled anew and the entry is what it was.
    for at in [0, 31, 32, 40, genuine.len() / 2, genuine.len() - 1] {
        let mut changed = genuine.clone();
        changed[at] ^= 0x80;
        std::fs::write(&path, &changed).unwrap();
        assert!(bench.run_out(&bench.task(&image)).await.succeeded());
        assert_eq!(std::fs::read(&path).unwrap(), genuine, "byte {at}");
    }
    std::fs::write(&path, &genuine[32..]).unwrap();
    assert!(bench.run_out(&bench.task(&image)).await.succeeded());
    assert_eq!(std::fs::read(&path).unwrap(), genuine);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_nodes_entry_is_never_run() {
    let (one, two) = (Bench::new(), Bench::new());
    let text = start("");
    let image = one.wat("ok.wasm", &text);
    one.executor.prepare(&image).await.unwrap();
    let image = two.wat("ok.wasm", &text);
    two.executor.prepare(&image).await.unwrap();
    let (theirs, mine) = (entry(&one), entry(&two));
    assert_eq!(theirs.file_name(), mine.file_name());
    let genuine = std::fs::read(&mine).unwrap();
    std::fs::copy(&theirs, &mine).unwrap();
    assert!(two.run_out(&two.task(&image)).await.succeeded());
    assert_eq!(std::fs::read(&mine).unwrap(), genuine);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_executor_finds_what_was_compiled() {
    let bench = Bench::new();
    let image = bench.wat("ok.wasm", &start(""));
    bench.executor.prepare(&image).await.unwrap();
    let written = std::fs::metadata(entry(&bench)).unwrap();
    bench.executor.close().await;
    let Bench { dir, executor } = bench;
    drop(executor);
    let executor = WasmExecutor::open(options(dir.path()), Seams::system()).unwrap();
    let bench = Bench { dir, executor };
    assert!(bench.run_out(&bench.task(&image)).await.succeeded());
    use std::os::unix::fs::MetadataExt;
    let found = std::fs::metadata(entry(&bench)).unwrap();
    assert_eq!(found.ino(), written.ino(), "the entry was not written again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_is_what_its_digest_says() {
    let blobs = tempfile::tempdir().unwrap();
    let module = wat::parse_str(start("")).unwrap();
    let (digest, other) = (hex(&module), hex(b"other"));
    std::fs::write(blobs.path().join(&digest), &module).unwrap();
    std::fs::write(blobs.path().join(&other), &module).unwrap();
    let source = BlobDir::new(blobs.path());
    let bench = Bench::with(|options| options.blobs = Some(Arc::new(source)));
    let spec = bench.task(&format!("blob://sha256:{digest}"));
    assert!(bench.run_out(&spec).await.succeeded());
    for (digest, reason) in [(other, "whoever holds the blob"), (hex(b"none"), "does not exist")] {
        let image = format!("blob://sha256:{digest}");
        let refused = bench.executor.prepare(&image).await.unwrap_err();
        assert!(matches!(refused, Error::Artifact { .. }), "{refused}");
        assert!(refused.to_string().contains(reason), "{refused}");
    }
    let none = Bench::new().executor.prepare(&spec.image).await.unwrap_err();
    assert!(none.to_string().contains("set WasmOptions::blobs"), "{none}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_that_is_too_large_is_refused_unread() {
    let bench = Bench::with(|options| options.max_module_bytes = 1000);
    let image = bench.module("large.wasm", &[0; 1001]);
    let refused = bench.executor.prepare(&image).await.unwrap_err();
    assert!(matches!(refused, Error::Artifact { .. }), "{refused}");
    assert!(refused.to_string().contains("more than the 1000 bytes"), "{refused}");
}
