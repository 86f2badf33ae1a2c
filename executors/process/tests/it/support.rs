//! A node directory with an executor, and a look at the machine's processes.

use quorate_executor::{Executor, ExitRecord, Observed, Resources, Started, TaskId, TaskSpec};
use quorate_process::{ProcessExecutor, ProcessOptions, ShimCommand};
use quorate_seams::{OsRandom, Random, Seams, SystemClock};
use quorate_types::Uid;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A node for one test; its shims end with it even if the test fails.
pub(crate) struct Node {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) executor: Arc<ProcessExecutor>,
}

impl Node {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let executor = open(dir.path());
        Self { dir, executor }
    }

    /// Forgets the executor as a dying agent does, and makes a new one.
    pub(crate) fn restart_agent(&mut self) {
        self.executor = open(self.dir.path());
    }

    /// A shell task of a pod.
    pub(crate) fn shell(&self, pod: &Uid, name: &str, script: &str) -> TaskSpec {
        self.task(pod, name, &["/bin/sh", "-c", script])
    }

    /// A shell task whose processes can be found by a token on their command lines.
    pub(crate) fn marked(&self, pod: &Uid, name: &str, script: &str, token: &str) -> TaskSpec {
        self.task(pod, name, &["/bin/sh", "-c", script, token])
    }

    pub(crate) fn task(&self, pod: &Uid, name: &str, command: &[&str]) -> TaskSpec {
        let pod_dir = self.dir.path().join("pods").join(pod.as_str());
        TaskSpec {
            id: TaskId { pod: pod.clone(), name: name.into(), attempt: 0 },
            namespace: "default".into(),
            pod_name: "pod".into(),
            node: "node".into(),
            image: String::new(),
            command: command.iter().map(|text| (*text).to_owned()).collect(),
            args: Vec::new(),
            env: vec![("PATH".into(), "/usr/bin:/bin".into())],
            working_dir: None,
            resources: Resources::default(),
            mounts: Vec::new(),
            log_path: pod_dir.join(format!("{name}.log")),
            pod_dir,
        }
    }

    pub(crate) async fn run(&self, spec: &TaskSpec) -> Started {
        self.executor.create(spec).await.unwrap();
        self.executor.start(&spec.id).await.unwrap()
    }

    /// Runs a task to its end.
    pub(crate) async fn run_out(&self, spec: &TaskSpec) -> ExitRecord {
        self.run(spec).await;
        self.exit(&spec.id).await
    }

    /// Waits for a task's exit.
    pub(crate) async fn exit(&self, task: &TaskId) -> ExitRecord {
        for _ in 0..STEPS {
            if let Observed::Exited(record) = self.executor.observe(task).await {
                return record;
            }
            pause().await;
        }
        panic!("{task} did not exit: {:?}", self.executor.observe(task).await);
    }

    pub(crate) fn runtime(&self) -> PathBuf {
        self.dir.path().join("run")
    }

    /// The shim of a pod.
    pub(crate) fn shim(&self, pod: &Uid) -> i32 {
        let shims = shims_below(&self.runtime().join(pod.as_str()));
        assert_eq!(shims.len(), 1, "one shim per pod: {shims:?}");
        shims[0]
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        for shim in shims_below(&self.runtime()) {
            kill(shim);
        }
    }
}

pub(crate) fn open(dir: &Path) -> Arc<ProcessExecutor> {
    let options = ProcessOptions {
        shim: ShimCommand::Program(env!("CARGO_BIN_EXE_quorate-shim").into()),
        images: Some(dir.join("images")),
        ..ProcessOptions::new(dir.join("run"))
    };
    ProcessExecutor::new(options, Seams::system()).unwrap()
}

pub(crate) fn pod() -> Uid {
    Uid::from_random(OsRandom.next_u128())
}

/// A word that is on no other process's command line.
pub(crate) fn token() -> String {
    format!("token-{:032x}", OsRandom.next_u128())
}

const STEPS: usize = 3000;

async fn pause() {
    SystemClock::shared().sleep(Duration::from_millis(10)).await;
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..STEPS {
        if is_so() {
            return;
        }
        pause().await;
    }
    panic!("never so: {what}");
}

/// The living processes with a word on their command line.
pub(crate) fn processes(word: &str) -> Vec<i32> {
    let pids = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| {
        fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| String::from_utf8_lossy(&line).contains(word))
    })
    .collect()
}

pub(crate) fn parent_of(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

/// The shims whose runtime directory is the given one or below it. Their reapers look the same, but
/// are their children.
pub(crate) fn shims_below(dir: &Path) -> Vec<i32> {
    let alike: Vec<i32> = processes(dir.to_str().unwrap())
        .into_iter()
        .filter(|pid| {
            fs::read(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| line.starts_with(b"quorate-shim\0"))
        })
        .collect();
    let is_child = |pid: &i32| parent_of(*pid).is_some_and(|parent| alike.contains(&parent));
    alike.iter().copied().filter(|pid| !is_child(pid)).collect()
}

pub(crate) fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    // It may be gone already.
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}

pub(crate) fn log(spec: &TaskSpec) -> String {
    fs::read_to_string(&spec.log_path).unwrap_or_default()
}

/// The log without time stamps: `stdout F text`.
pub(crate) fn lines(spec: &TaskSpec) -> Vec<String> {
    log(spec).lines().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
}

/// Waits until a task has written a line.
pub(crate) async fn said(spec: &TaskSpec, text: &str) {
    until(text, || lines(spec).iter().any(|line| line.ends_with(text))).await;
}
