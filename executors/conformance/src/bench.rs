//! What a case works with: an executor, tasks of its own, and ways to wait.

use crate::failure::Failure;
use crate::log::{self, Line};
use crate::{Subject, Verdict};
use quorate_executor::{
    Error, ExitRecord, Mount, Observed, Resources, SharedExecutor, Started, Stop, TaskId, TaskSpec,
};
use quorate_seams::{OsRandom, Random};
use quorate_types::Uid;
use std::collections::BTreeSet;
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// The working place of one case.
#[derive(Debug)]
pub struct Bench<'s> {
    subject: &'s Subject,
    executor: Mutex<SharedExecutor>,
    pod: Uid,
    token: String,
    dir: PathBuf,
    tasks: Mutex<BTreeSet<TaskId>>,
}

impl<'s> Bench<'s> {
    pub(crate) async fn open(subject: &'s Subject) -> Result<Self, Failure> {
        let executor = (subject.open)().await.map_err(Failure::call("opening the executor"))?;
        let token = format!("token={:032x}", OsRandom.next_u128());
        let dir = subject.dir.join(token.trim_start_matches("token="));
        std::fs::create_dir_all(&dir)
            .map_err(Failure::kit(format!("make the directory {}", dir.display())))?;
        let pod = Uid::from_random(OsRandom.next_u128());
        let executor = Mutex::new(executor);
        Ok(Self { subject, executor, pod, token, dir, tasks: Mutex::default() })
    }

    pub(crate) fn subject(&self) -> &'s Subject {
        self.subject
    }

    /// The executor.
    #[must_use]
    pub fn executor(&self) -> SharedExecutor {
        locked(&self.executor).clone()
    }

    /// Drops the executor and opens a new one over the same state, as a new agent does.
    pub(crate) async fn restart(&self) -> Verdict {
        let open = || async { (self.subject.open)().await.map_err(Failure::call("opening again")) };
        let executor = open().await?;
        *locked(&self.executor) = executor;
        Ok(())
    }

    /// A task of this case's pod whose probe does these steps.
    #[must_use]
    pub fn task(&self, name: &str, steps: &[&str]) -> TaskSpec {
        self.task_of(&self.pod, name, steps)
    }

    /// A task of another pod.
    pub(crate) fn task_of(&self, pod: &Uid, name: &str, steps: &[&str]) -> TaskSpec {
        let id = TaskId { pod: pod.clone(), name: name.to_owned(), attempt: 0 };
        let steps = steps.iter().map(|step| (*step).to_owned());
        TaskSpec {
            log_path: self.dir.join(format!("{pod}-{name}.log")),
            id,
            namespace: "conformance".into(),
            pod_name: "probe".into(),
            node: "node".into(),
            image: self.subject.image.clone(),
            command: Vec::new(),
            args: std::iter::once(self.token.clone()).chain(steps).collect(),
            env: Vec::new(),
            working_dir: None,
            resources: Resources::default(),
            mounts: self.own_mount().into_iter().collect(),
            pod_dir: self.dir.clone(),
        }
    }

    /// The next attempt of a task, with other steps.
    pub(crate) fn next(&self, spec: &TaskSpec, steps: &[&str]) -> TaskSpec {
        let mut next = self.task_of(&spec.id.pod, &spec.id.name, steps);
        next.id.attempt = spec.id.attempt + 1;
        next.log_path = spec.log_path.with_extension(format!("{}.log", next.id.attempt));
        next
    }

    /// A file that the kit and its tasks see under one path, where files are shared.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn own_mount(&self) -> Option<Mount> {
        let host_path = self.dir.clone();
        let task_path = host_path.clone();
        self.subject.shares_files.then_some(Mount { host_path, task_path, read_only: false })
    }

    /// Another pod than this case's own.
    pub(crate) fn another_pod(&self) -> Uid {
        Uid::from_random(OsRandom.next_u128())
    }

    /// Creates a task that is removed at the end of the case.
    pub(crate) async fn create(&self, spec: &TaskSpec) -> Verdict {
        self.keep(&spec.id);
        let created = self.executor().create(spec).await;
        created.map_err(Failure::call(format!("creating {}", spec.id)))
    }

    /// Has a task removed at the end of the case.
    pub(crate) fn keep(&self, task: &TaskId) {
        locked(&self.tasks).insert(task.clone());
    }

    pub(crate) async fn start(&self, task: &TaskId) -> Result<Started, Failure> {
        let started = self.executor().start(task).await;
        started.map_err(Failure::call(format!("starting {task}")))
    }

    /// Creates and starts a task.
    ///
    /// # Errors
    /// One of the two failed.
    pub async fn run(&self, spec: &TaskSpec) -> Result<Started, Failure> {
        self.create(spec).await?;
        self.start(&spec.id).await
    }

    /// Runs a task until it has said `up`, which its steps must make it say.
    pub(crate) async fn run_up(&self, spec: &TaskSpec) -> Result<Started, Failure> {
        let started = self.run(spec).await?;
        self.said(spec, "up").await?;
        Ok(started)
    }

    /// Runs a task to its end.
    pub(crate) async fn run_out(&self, spec: &TaskSpec) -> Result<ExitRecord, Failure> {
        self.run(spec).await?;
        self.exit(&spec.id).await
    }

    pub(crate) async fn observe(&self, task: &TaskId) -> Observed {
        self.executor().observe(task).await
    }

    pub(crate) async fn stop(&self, task: &TaskId, how: Stop) -> Verdict {
        let stopped = self.executor().stop(task, how).await;
        stopped.map_err(Failure::call(format!("stopping {task} by {how:?}")))
    }

    pub(crate) async fn remove(&self, task: &TaskId) -> Verdict {
        let removed = self.executor().remove(task).await;
        removed.map_err(Failure::call(format!("removing {task}")))
    }

    /// Waits for the end of a task.
    ///
    /// # Errors
    /// It does not end.
    pub async fn exit(&self, task: &TaskId) -> Result<ExitRecord, Failure> {
        let what = format!("task {task} ends");
        self.until(&what, async || match self.observe(task).await {
            Observed::Exited(record) => Ok(record),
            other => Err(format!("{other:?}")),
        })
        .await
    }

    /// Waits until a task has written a line.
    pub(crate) async fn said(&self, spec: &TaskSpec, text: &str) -> Verdict {
        let what = format!("task {} says {text:?}", spec.id);
        self.until(&what, async || {
            let lines = log::read(&spec.log_path).map_err(|error| error.to_string())?;
            if lines.iter().any(|line| line.text == text) { Ok(()) } else { Err(tail(&lines)) }
        })
        .await
    }

    /// The lines that a task has written.
    ///
    /// # Errors
    /// The log is not in the CRI format, or cannot be read.
    pub fn lines(&self, spec: &TaskSpec) -> Result<Vec<Line>, Failure> {
        let path = &spec.log_path;
        log::read(path).map_err(Failure::kit(format!("read the log {}", path.display())))
    }

    /// The texts of all lines.
    pub(crate) fn texts(&self, spec: &TaskSpec) -> Result<Vec<String>, Failure> {
        Ok(self.lines(spec)?.into_iter().map(|line| line.text).collect())
    }

    /// Waits until something is so.
    pub(crate) async fn until<T>(
        &self,
        what: &str,
        mut look: impl AsyncFnMut() -> Result<T, String>,
    ) -> Result<T, Failure> {
        let clock = &self.subject.clock;
        let (end, patience) = (clock.now() + self.subject.patience, self.subject.patience);
        loop {
            match look().await {
                Ok(found) => return Ok(found),
                Err(last) if clock.now() > end => {
                    return Err(Failure::Never { what: what.to_owned(), patience, last });
                }
                Err(_) => clock.sleep(LOOK).await,
            }
        }
    }

    /// Waits for an answer.
    pub(crate) async fn answer<T>(
        &self,
        what: &str,
        future: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        let patience = self.subject.patience;
        let answer = quorate_seams::timeout(&*self.subject.clock, patience, future).await;
        let last = "no answer".to_owned();
        answer.ok_or_else(|| Failure::Never { what: what.to_owned(), patience, last })
    }

    /// The living processes of this machine that belong to this case.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let entries = std::fs::read_dir("/proc").into_iter().flatten();
        let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        pids.filter(|pid: &u32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).any(|arg| arg == self.token.as_bytes())
        })
        .collect()
    }

    /// Demands that no process of this case is left.
    pub(crate) fn deserted(&self, when: &str) -> Verdict {
        let processes = self.processes();
        if processes.is_empty() {
            return Ok(());
        }
        Err(Failure::differs(format!("processes of the task {when}"), [0_u32; 0], processes))
    }

    /// Ends and removes every task of the case.
    pub(crate) async fn clean_up(&self) -> Verdict {
        let tasks: Vec<TaskId> = locked(&self.tasks).iter().cloned().collect();
        for task in &tasks {
            self.stop(task, Stop::Kill).await?;
        }
        for task in &tasks {
            self.until(&format!("task {task} can be removed"), async || {
                self.executor().remove(task).await.map_err(|error: Error| error.to_string())
            })
            .await?;
        }
        let pods: BTreeSet<&Uid> = tasks.iter().map(|task| &task.pod).collect();
        for pod in pods {
            let freed = self.executor().remove_pod(pod).await;
            freed.map_err(Failure::call(format!("freeing pod {pod}")))?;
        }
        std::fs::remove_dir_all(&self.dir)
            .map_err(Failure::kit(format!("remove the directory {}", self.dir.display())))
    }
}

fn tail(lines: &[Line]) -> String {
    let tail: Vec<&str> = lines.iter().rev().take(5).rev().map(|line| line.text.as_str()).collect();
    format!("{} lines, ending in {tail:?}", lines.len())
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
