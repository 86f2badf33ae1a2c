//! A whole executor in less than 200 lines, held to the kit: tasks are children of this program, each
//! in a process group of its own. It claims no more than that gives. Prints the kit's table.
//!
//! Next: `executors/process`, whose tasks outlive the agent and whose daemons do not outlive a task.

use async_trait::async_trait;
use futures::stream::BoxStream;
use quorate_conformance::{Probe, Subject, cases, run};
use quorate_executor::{
    Capabilities, Error, Event, Executor, Found, Health, Ledger, LogFile, Observed, SharedExecutor,
    Started, Stop, TaskId, TaskSpec, rfc3339,
};
use quorate_seams::{SharedClock, SystemClock, spawn_detached};
use quorate_types::Uid;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};
use std::io::{self, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;

/// The executor; clones share their tasks.
#[derive(Clone, Debug)]
pub(crate) struct Children {
    ledger: Arc<Ledger>,
    clock: SharedClock,
}

impl Children {
    pub(crate) fn new() -> Self {
        Self { ledger: Arc::default(), clock: SystemClock::shared() }
    }

    /// The group of a running task.
    fn group(&self, task: &TaskId) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.ledger.running(task)?.pid?).ok()?)
    }

    fn launch(&self, spec: &TaskSpec) -> io::Result<Started> {
        let log = LogFile::open(&spec.log_path)?;
        let child = command(spec).spawn()?;
        let (pid, started_ms) = (child.id(), self.clock.wall().as_millis());
        let (this, task) = (self.clone(), spec.id.clone());
        thread::spawn(move || this.attend(&task, child, &log));
        Ok(Started { started_ms, pid: Some(pid), external_id: format!("child://{pid}") })
    }

    /// Waits for a task's end: of its main process, then of what is left of its group and output.
    fn attend(&self, task: &TaskId, mut child: Child, log: &LogFile) {
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let stamp = || rfc3339(self.clock.wall().0);
        let status = thread::scope(|scope| {
            scope.spawn(|| out.map(|pipe| log.pump(pipe, "stdout", stamp)));
            scope.spawn(|| err.map(|pipe| log.pump(pipe, "stderr", stamp)));
            // Looked at and left, so that the group's number is still its own.
            let pid = Pid::from_child(&child);
            let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
            let _ = kill_process_group(pid, Signal::KILL);
            child.wait().ok()
        });
        let code = status.and_then(|status| status.code());
        let signal = status.and_then(|status| status.signal());
        self.ledger.exited(task, code, signal, self.clock.wall().as_millis());
    }
}

/// The file that an image stands for.
fn program(image: &str) -> Result<&str, Error> {
    let path = image.strip_prefix("file://").filter(|path| Path::new(path).is_file());
    let reason = || "is not a file; write file:///path/to/program".to_owned();
    path.ok_or_else(|| Error::Artifact { image: image.to_owned(), reason: reason() })
}

fn command(spec: &TaskSpec) -> Command {
    let entry = spec.image.trim_start_matches("file://").to_owned();
    let argv = if spec.command.is_empty() { &vec![entry] } else { &spec.command };
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]).args(&spec.args).env_clear().envs(spec.env.iter().cloned());
    command.current_dir(spec.working_dir.as_deref().unwrap_or(Path::new("/"))).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[async_trait]
impl Executor for Children {
    fn kind(&self) -> &'static str {
        "children"
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.exit_signals = true;
        capabilities
    }

    async fn health(&self) -> Health {
        Health::Healthy
    }

    async fn prepare(&self, image: &str) -> Result<(), Error> {
        program(image).map(drop)
    }

    async fn create(&self, spec: &TaskSpec) -> Result<(), Error> {
        spec.check()?;
        program(&spec.image)?;
        if spec.mounts.iter().any(|mount| mount.read_only || mount.host_path != mount.task_path) {
            let what = "mounts that are read-only or elsewhere; mount at the same path".to_owned();
            return Err(Error::Unsupported { executor: self.kind(), what });
        }
        self.ledger.create(spec);
        Ok(())
    }

    async fn start(&self, task: &TaskId) -> Result<Started, Error> {
        let launch = |spec: &TaskSpec| self.launch(spec).map_err(|error| error.to_string());
        self.ledger.start(task, self.clock.wall().as_millis(), launch)
    }

    async fn observe(&self, task: &TaskId) -> Observed {
        self.ledger.observe(task)
    }

    /// Signals that fail find nobody: the task has just ended.
    async fn stop(&self, task: &TaskId, how: Stop) -> Result<(), Error> {
        let Some(group) = self.group(task) else { return Ok(()) };
        let Stop::Graceful { grace } = how else {
            let _ = kill_process_group(group, Signal::KILL);
            return Ok(());
        };
        let _ = kill_process(group, Signal::TERM);
        let (this, task) = (self.clone(), task.clone());
        drop(spawn_detached(async move {
            this.clock.sleep(grace).await;
            let _ = this.group(&task).map(|group| kill_process_group(group, Signal::KILL));
        }));
        Ok(())
    }

    async fn remove(&self, task: &TaskId) -> Result<(), Error> {
        self.ledger.remove(task)
    }

    async fn remove_pod(&self, _pod: &Uid) -> Result<(), Error> {
        Ok(())
    }

    async fn adopt(&self) -> Result<Vec<Found>, Error> {
        Ok(self.ledger.list())
    }

    fn events(&self) -> BoxStream<'static, Event> {
        self.ledger.events()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let probe = Probe::build(dir.path())?;
    let children = Children::new();
    let open = Subject::opener(move || {
        let executor: SharedExecutor = Arc::new(children.clone());
        async move { Ok(executor) }
    });
    let image = format!("file://{}", probe.path().display());
    let report = run(&Subject::new(open, image, probe.path(), dir.path()), &cases()).await;
    io::stdout().write_all(report.to_string().as_bytes())?;
    let sound = report.failures().next().is_none();
    if sound { Ok(()) } else { Err("the executor does not hold to the contract".into()) }
}
