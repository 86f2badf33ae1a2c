//! The trait.

use crate::{
    Error, Event, ExecSession, ExecSpec, Found, Observed, Started, Stop, TaskId, TaskSpec, Usage,
};
use async_trait::async_trait;
use futures::stream::BoxStream;
use quorate_types::Uid;
use std::sync::Arc;

/// What an executor can do beyond the required operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Tasks go on while the agent is down and are found again by [`Executor::adopt`].
    pub survives_agent: bool,
    /// [`crate::Resources::cpu_milli`] is enforced.
    pub limits_cpu: bool,
    /// [`crate::Resources::memory_bytes`] is enforced.
    pub limits_memory: bool,
    /// [`crate::Resources::pids`] is enforced.
    pub limits_pids: bool,
    /// [`crate::Mount`]s are visible to the task at paths of their own, read-only where asked for. A
    /// mount that an executor cannot give is refused, never left out.
    pub mounts: bool,
    /// No process outlives its task, however it left its parent, session and group.
    pub contains_descendants: bool,
    /// A signal that ends a task is told from an exit with code 128 + n, whoever sent it. Without
    /// this an executor reports what its backend says, and a signal where it knows of one.
    pub exit_signals: bool,
    /// [`Executor::exec`] works.
    pub exec: bool,
    /// [`Executor::usage`] works.
    pub usage: bool,
}

/// Whether an executor's backend can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It answers.
    Healthy,
    /// It does not; the text says why and what to do.
    Unhealthy(String),
}

/// Runs tasks of one kind.
#[async_trait]
pub trait Executor: Send + Sync + std::fmt::Debug + 'static {
    /// The name that `runtimeClassName` picks it by: `process`, `docker`, `wasm`.
    fn kind(&self) -> &'static str;

    /// What it can do; constant.
    fn capabilities(&self) -> Capabilities;

    /// Whether its backend can be used now.
    async fn health(&self) -> Health;

    /// Brings the image to this node. Cancellable by dropping the future.
    ///
    /// # Errors
    /// [`Error::Artifact`] if there is no such image.
    async fn prepare(&self, image: &str) -> Result<(), Error>;

    /// Makes the task known under its identity without running it.
    ///
    /// # Errors
    /// The specification is at fault, or the backend cannot be used.
    async fn create(&self, spec: &TaskSpec) -> Result<(), Error>;

    /// Runs a created task. Starting a running task answers the same as the first time; starting
    /// one that has exited is an error.
    ///
    /// # Errors
    /// [`Error::Start`] if it cannot run; the task then counts as exited with
    /// [`crate::ExitCause::StartFailed`].
    async fn start(&self, task: &TaskId) -> Result<Started, Error>;

    /// The state of a task. Never fails: what cannot be known is [`Observed::Unreachable`].
    async fn observe(&self, task: &TaskId) -> Observed;

    /// Stops a task. Returns once the stop is under way, not once it is over; a task that has ended
    /// or is absent needs no stopping. A later [`Stop::Kill`] or shorter grace overrides.
    ///
    /// # Errors
    /// The backend cannot be used.
    async fn stop(&self, task: &TaskId, how: Stop) -> Result<(), Error>;

    /// Forgets an ended task and frees all it held. Absent is success; a running task is an error.
    ///
    /// # Errors
    /// The task runs, or the backend cannot be used.
    async fn remove(&self, task: &TaskId) -> Result<(), Error>;

    /// Frees what the executor holds for a whole pod (a shim, a sandbox) once its tasks are removed.
    /// Idempotent.
    ///
    /// # Errors
    /// The backend cannot be used.
    async fn remove_pod(&self, pod: &Uid) -> Result<(), Error>;

    /// Every task that the executor holds on this node, whoever created it: how a restarted agent
    /// finds its tasks and its orphans.
    ///
    /// # Errors
    /// The backend cannot be used.
    async fn adopt(&self) -> Result<Vec<Found>, Error>;

    /// Hints about changed tasks, from now on; ends only with the executor.
    fn events(&self) -> BoxStream<'static, Event>;

    /// Runs a further command in a running task. Optional: [`Capabilities::exec`].
    ///
    /// # Errors
    /// [`Error::Unsupported`] unless the executor can; otherwise the task does not run, the command
    /// cannot be started, or the backend cannot be used.
    async fn exec(&self, task: &TaskId, _exec: &ExecSpec) -> Result<ExecSession, Error> {
        Err(unsupported(self.kind(), "running a command in", task))
    }

    /// What a running task has used. Optional: [`Capabilities::usage`].
    ///
    /// # Errors
    /// [`Error::Unsupported`] unless the executor can; otherwise the task does not run, or the
    /// backend cannot be used.
    async fn usage(&self, task: &TaskId) -> Result<Usage, Error> {
        Err(unsupported(self.kind(), "measuring", task))
    }
}

fn unsupported(executor: &'static str, what: &str, task: &TaskId) -> Error {
    Error::Unsupported { executor, what: format!("{what} task {task}") }
}

/// An executor that components share.
pub type SharedExecutor = Arc<dyn Executor>;
