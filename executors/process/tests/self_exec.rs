//! A program that is its own shim: without the test harness, since `main` must be ours.

use quorate_executor::{Executor, Observed, Resources, TaskId, TaskSpec};
use quorate_process::{ProcessExecutor, ProcessOptions};
use quorate_seams::Seams;
use quorate_types::Uid;
use std::path::Path;
use std::time::Duration;

fn main() {
    quorate_process::maybe_shim();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime can be made").block_on(the_running_program_becomes_the_shim());
}

async fn the_running_program_becomes_the_shim() {
    let dir = tempfile::tempdir().expect("a directory can be made");
    let seams = Seams::system();
    let options = ProcessOptions::new(dir.path().join("run"));
    let executor = ProcessExecutor::new(options, seams.clone()).expect("it has called maybe_shim");
    let spec = task(dir.path());
    executor.create(&spec).await.expect("the shim is this program");
    executor.start(&spec.id).await.expect("/bin/sh runs");
    let mut observed = executor.observe(&spec.id).await;
    for _ in 0..3000 {
        if matches!(observed, Observed::Exited(_)) {
            break;
        }
        seams.clock.sleep(Duration::from_millis(10)).await;
        observed = executor.observe(&spec.id).await;
    }
    assert!(
        matches!(&observed, Observed::Exited(record) if record.code == Some(3)),
        "{observed:?}"
    );
    executor.remove(&spec.id).await.expect("it has ended");
    executor.remove_pod(&spec.id.pod).await.expect("its task is removed");
    assert!(!dir.path().join("run").join(spec.id.pod.as_str()).exists());
}

fn task(dir: &Path) -> TaskSpec {
    TaskSpec {
        id: TaskId { pod: Uid::from_random(1), name: "main".into(), attempt: 0 },
        namespace: "default".into(),
        pod_name: "pod".into(),
        node: "node".into(),
        image: "file:///bin/sh".into(),
        command: Vec::new(),
        args: vec!["-c".into(), "exit 3".into()],
        env: Vec::new(),
        working_dir: None,
        resources: Resources::default(),
        mounts: Vec::new(),
        log_path: dir.join("log"),
        pod_dir: dir.to_owned(),
    }
}
