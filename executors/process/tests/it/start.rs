//! What a task finds when it starts, and starts that fail.

use crate::support::{Node, lines, open, pod};
use quorate_executor::{Error, Executor, ExitCause, Mount, Observed};
use quorate_process::{ProcessExecutor, ProcessOptions, testing};
use quorate_seams::Seams;
use std::os::unix::fs::PermissionsExt;

#[tokio::test]
async fn a_program_that_cannot_run_is_a_failed_start_with_the_reason() {
    let node = Node::new();
    let pod = pod();
    let missing = node.task(&pod, "missing", &["/nonexistent/program", "-x"]);
    let directory = node.task(&pod, "directory", &["/tmp"]);
    let mut cwd = node.task(&pod, "cwd", &["/bin/true"]);
    cwd.working_dir = Some("/nonexistent/dir".into());
    let expected = [
        (missing, "No such file or directory"),
        (directory, "Permission denied"),
        (cwd, "working directory /nonexistent/dir: No such file"),
    ];
    for (spec, reason) in expected {
        node.executor.create(&spec).await.unwrap();
        for _ in 0..2 {
            let error = node.executor.start(&spec.id).await.unwrap_err();
            assert!(matches!(error, Error::Start { .. }) && !error.is_transient(), "{error}");
            assert!(error.to_string().contains(reason), "{error}");
        }
        let Observed::Exited(record) = node.executor.observe(&spec.id).await else { panic!() };
        assert_eq!((record.code, record.signal), (None, None), "a failed start has no exit code");
        let ExitCause::StartFailed(text) = record.cause else { panic!() };
        assert!(text.contains(reason), "{text}");
        node.executor.remove(&spec.id).await.unwrap();
    }
}

#[tokio::test]
async fn a_task_has_exactly_its_environment_and_arguments() {
    let node = Node::new();
    let mut spec = node.task(&pod(), "main", &["/usr/bin/env"]);
    spec.env = [("Z", "last first"), ("A", "ü=1"), ("Z", "again"), ("EMPTY", "")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
    assert!(node.run_out(&spec).await.succeeded());
    let expected = ["Z=last first", "A=ü=1", "Z=again", "EMPTY="];
    assert_eq!(lines(&spec), expected.map(|line| format!("stdout F {line}")));

    let mut spec = node.shell(&pod(), "main", "pwd; for x in \"$@\"; do echo \"<$x>\"; done");
    spec.args = ["zero", "a b", "", "*"].map(str::to_owned).to_vec();
    spec.working_dir = Some("/usr".into());
    assert!(node.run_out(&spec).await.succeeded());
    assert_eq!(lines(&spec), ["/usr", "<a b>", "<>", "<*>"].map(|line| format!("stdout F {line}")));
}

#[tokio::test]
async fn a_task_inherits_no_descriptor_and_no_signal_state() {
    let node = Node::new();
    // The glob is the shell's own, so nobody but the task opens a descriptor: three for the streams
    // and one for reading the directory.
    let script = "cd /proc/self/fd; echo *; grep -E '^Sig(Blk|Ign):' /proc/self/status; \
                  cat /proc/self/oom_score_adj; pwd -P >/dev/null; readlink /proc/self/fd/0";
    let spec = node.shell(&pod(), "main", script);
    let started = node.run(&spec).await;
    assert!(node.exit(&spec.id).await.succeeded());
    let lines = lines(&spec);
    let own = std::fs::read_to_string("/proc/self/oom_score_adj").unwrap();
    assert!(["stdout F 0 1 2", "stdout F 0 1 2 3"].contains(&lines[0].as_str()), "{lines:?}");
    assert_eq!(lines[1], "stdout F SigBlk:\t0000000000000000");
    assert_eq!(lines[2], "stdout F SigIgn:\t0000000000000000");
    assert_eq!(lines[3], format!("stdout F {}", own.trim()));
    assert_eq!(lines[4], "stdout F /dev/null");
    assert_eq!(started.external_id, format!("process://{}", started.pid.unwrap()));
}

#[tokio::test]
async fn images_come_from_the_artefact_directory_and_missing_ones_are_an_answer() {
    let node = Node::new();
    let pod = pod();
    let mut spec = node.task(&pod, "main", &[]);
    spec.image = "hello:1".into();
    spec.args = vec!["world".into()];
    let path = node.dir.path().join("images/hello/1");
    for result in [node.executor.prepare("hello:1").await, node.executor.create(&spec).await] {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Artifact { .. }), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "#!/bin/sh\necho hello $1\n").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    node.executor.prepare("hello:1").await.unwrap();
    assert!(node.run_out(&spec).await.succeeded());
    assert_eq!(lines(&spec), ["stdout F hello world"]);

    // With an image, the command takes its place and is looked up in the task's own PATH.
    spec.id.attempt = 1;
    spec.command = vec!["echo".into(), "other".into()];
    assert!(node.run_out(&spec).await.succeeded());
    assert_eq!(lines(&spec)[1..], ["stdout F other world"]);
    spec.id.attempt = 2;
    spec.env = vec![("PATH".into(), "/nowhere".into())];
    node.executor.create(&spec).await.unwrap();
    let error = node.executor.start(&spec.id).await.unwrap_err();
    assert!(error.to_string().contains("PATH=/nowhere"), "{error}");
}

#[tokio::test]
async fn what_a_plain_process_cannot_have_is_refused() {
    let node = Node::new();
    let pod = pod();
    let mut mounted = node.shell(&pod, "main", "true");
    mounted.mounts =
        vec![Mount { host_path: "/tmp".into(), task_path: "/data".into(), read_only: false }];
    let error = node.executor.create(&mounted).await.unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    let mut relative = node.task(&pod, "main", &["sh"]);
    let error = node.executor.create(&relative).await.unwrap_err();
    assert!(matches!(error, Error::Invalid { field: "command", .. }), "{error}");
    relative.id.name = "../up".into();
    relative.command = vec!["/bin/sh".into()];
    let error = node.executor.create(&relative).await.unwrap_err();
    assert!(matches!(error, Error::Invalid { field: "name", .. }), "{error}");
}

#[tokio::test]
async fn a_runtime_directory_may_have_a_path_longer_than_any_socket_address() {
    let mut node = Node::new();
    let deep = node.dir.path().join("x".repeat(100)).join("y".repeat(100));
    std::fs::create_dir_all(&deep).unwrap();
    node.executor = open(&deep);
    let spec = node.shell(&pod(), "main", "exit 4");
    assert_eq!(node.run_out(&spec).await.code, Some(4));
    node.executor.remove(&spec.id).await.unwrap();
    node.executor.remove_pod(&spec.id.pod).await.unwrap();
}

#[test]
fn a_program_that_cannot_become_a_shim_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let options = ProcessOptions::new(dir.path().join("run"));
    let error = ProcessExecutor::new(options, Seams::system()).unwrap_err();
    assert!(error.to_string().contains("call quorate_process::maybe_shim()"), "{error}");
}

#[test]
fn the_shim_program_is_found_from_a_test() {
    let found = testing::shim_program().unwrap().canonicalize().unwrap();
    let built = std::path::Path::new(env!("CARGO_BIN_EXE_quorate-shim")).canonicalize().unwrap();
    assert_eq!(found, built);
}
