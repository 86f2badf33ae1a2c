//! What the executor needs of a container engine, in words of its own.
//!
//! Place: the one door to the engine. `client` is bollard behind it; the tests put a scripted engine
//! there. Nothing but `client` knows a type of bollard's.
//!
//! Invariant: an error says whether the engine has answered. Without an answer ([`Fault::Lost`]) the
//! request may have been carried out, and whoever asked looks before it asks again.

mod client;
mod convert;

pub(crate) use client::Client;
pub(crate) use convert::stamp_millis;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use quorate_executor::{ExecInput, Usage};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use thiserror::Error;

/// Why the engine did not do it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Fault {
    /// It answered that there is no such thing (404).
    #[error("the engine knows none: {0}")]
    Missing(String),
    /// It answered that the thing is in another state or the name is taken (409).
    #[error("the engine finds a conflict: {0}")]
    Conflict(String),
    /// It answered that the request cannot be carried out (other 4xx).
    #[error("the engine refuses: {0}")]
    Refused(String),
    /// It answered that it failed (5xx).
    #[error("the engine failed: {0}")]
    Failed(String),
    /// It did not answer, or not in a way that makes sense: nobody knows what it did.
    #[error("the engine did not answer: {0}")]
    Lost(String),
}

/// A container to be created.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Blueprint {
    pub(crate) image: String,
    /// Empty to keep the image's.
    pub(crate) entrypoint: Vec<String>,
    pub(crate) args: Vec<String>,
    /// `NAME=value`.
    pub(crate) env: Vec<String>,
    pub(crate) working_dir: Option<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) binds: Vec<Bind>,
    pub(crate) memory_bytes: Option<i64>,
    pub(crate) nano_cpus: Option<i64>,
    pub(crate) pids: Option<i64>,
    pub(crate) network: String,
    pub(crate) init: bool,
    pub(crate) log_driver: String,
}

/// A host path in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bind {
    pub(crate) source: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) read_only: bool,
}

/// A container as the engine describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) phase: Phase,
    pub(crate) pid: Option<u32>,
    pub(crate) exit_code: i32,
    /// Why its last start failed; empty if it did not.
    pub(crate) error: String,
    pub(crate) oom_killed: bool,
    /// The memory limit that it has, if it has one.
    pub(crate) memory_bytes: Option<u64>,
    /// Wall times in milliseconds since the Unix epoch; zero where there is none.
    pub(crate) created_ms: i64,
    pub(crate) started_ms: i64,
    pub(crate) finished_ms: i64,
}

/// What a container does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    #[default]
    Created,
    Running,
    Exited,
    /// Being removed, or removed halfway.
    Dying,
}

/// A piece of a container's output as the engine kept it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) stderr: bool,
    /// The engine's time stamp: RFC 3339, UTC, nine digits; comparing texts compares times.
    pub(crate) stamp: String,
    /// The bytes, with the line's end if it has one.
    pub(crate) bytes: Bytes,
}

/// Something happened to a container with these labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Happening {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) wall_secs: i64,
}

/// A command that runs in a container.
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) input: ExecInput,
    /// Pieces of output; whether they are of standard error.
    pub(crate) output: BoxStream<'static, Result<(bool, Bytes), Fault>>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What an engine enforces on its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Enforced {
    pub(crate) cpu: bool,
    pub(crate) memory: bool,
    pub(crate) pids: bool,
}

/// A container engine. Containers are named by their own names.
#[async_trait]
pub(crate) trait Engine: Send + Sync + fmt::Debug + 'static {
    /// Whether it answers, and what it enforces.
    async fn probe(&self) -> Result<Enforced, Fault>;
    /// Whether it has an image.
    async fn has_image(&self, image: &str) -> Result<bool, Fault>;
    /// Fetches an image from its registry.
    async fn pull(&self, image: &str) -> Result<(), Fault>;
    /// Takes in the images of an archive that `docker save` wrote.
    async fn load(&self, archive: Bytes) -> Result<(), Fault>;
    /// Makes an image of a root file system's tar, started by `entrypoint`.
    async fn import(&self, rootfs: Bytes, image: &str, entrypoint: &[String]) -> Result<(), Fault>;
    /// Removes an image.
    async fn remove_image(&self, image: &str) -> Result<(), Fault>;
    /// Creates a container.
    async fn create(&self, name: &str, blueprint: &Blueprint) -> Result<(), Fault>;
    /// Starts a container; one that runs is left alone, one that has exited starts again.
    async fn start(&self, name: &str) -> Result<(), Fault>;
    /// Describes a container; `None` if there is none of the name.
    async fn inspect(&self, name: &str) -> Result<Option<Container>, Fault>;
    /// Sends a signal to a container's main process.
    async fn kill(&self, name: &str, signal: i32) -> Result<(), Fault>;
    /// Removes a container that does not run.
    async fn remove(&self, name: &str) -> Result<(), Fault>;
    /// The names of all containers that have these labels.
    async fn list(&self, labels: &[(String, String)]) -> Result<Vec<String>, Fault>;
    /// The output since a wall time in seconds; with `follow`, until the container ends.
    fn logs(
        &self,
        name: &str,
        since_secs: i64,
        follow: bool,
    ) -> BoxStream<'static, Result<Message, Fault>>;
    /// What happens to containers that have these labels, since a wall time in seconds.
    fn events(
        &self,
        labels: &[(String, String)],
        since_secs: i64,
    ) -> BoxStream<'static, Result<Happening, Fault>>;
    /// Runs a command in a container.
    async fn exec(
        &self,
        name: &str,
        command: &[String],
        tty: bool,
        stdin: bool,
    ) -> Result<Session, Fault>;
    /// The exit code of a command that has ended; `None` while it runs.
    async fn exec_code(&self, id: &str) -> Result<Option<i32>, Fault>;
    /// What a container has used.
    async fn usage(&self, name: &str) -> Result<Usage, Fault>;
}
