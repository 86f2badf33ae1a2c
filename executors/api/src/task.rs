//! What a task is: identity, what to run and within which bounds.

use quorate_types::Uid;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The identity of one run of one container of one pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskId {
    /// The pod.
    pub pod: Uid,
    /// The container's name within the pod.
    pub name: String,
    /// 0 for the first run, one more after each restart.
    pub attempt: u32,
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}#{}", self.pod, self.name, self.attempt)
    }
}

/// Bounds of a task; `None` means unbounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// CPU limit in thousandths of a core.
    pub cpu_milli: Option<u64>,
    /// Memory limit in bytes.
    pub memory_bytes: Option<u64>,
    /// Most processes and threads.
    pub pids: Option<u64>,
}

/// A directory or file of the host that the task sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Where it lies on the host.
    pub host_path: PathBuf,
    /// Where the task sees it.
    pub task_path: PathBuf,
    /// Whether the task may only read it.
    pub read_only: bool,
}

/// Everything an executor needs to run a task. Environment, arguments and paths are final: the
/// agent has resolved every reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSpec {
    /// Identity.
    pub id: TaskId,
    /// Namespace of the pod, for names and labels that people read.
    pub namespace: String,
    /// Name of the pod, for names and labels that people read.
    pub pod_name: String,
    /// Node that runs it.
    pub node: String,
    /// Image reference; the executor says which forms it takes.
    pub image: String,
    /// Replaces the image's entry point; empty to keep it.
    pub command: Vec<String>,
    /// Arguments.
    pub args: Vec<String>,
    /// Environment, in order; nothing else is inherited.
    pub env: Vec<(String, String)>,
    /// Working directory; `None` for the image's own.
    pub working_dir: Option<PathBuf>,
    /// Bounds.
    pub resources: Resources,
    /// Host paths that the task sees.
    pub mounts: Vec<Mount>,
    /// File that receives the output, one line each: time stamp, `stdout` or `stderr`, `F` or `P`
    /// for a full or partial line, and the text (the CRI log format). Appended to, never truncated.
    pub log_path: PathBuf,
    /// Directory of this pod on this node, owned by the agent, which removes it with the pod.
    pub pod_dir: PathBuf,
}

/// How to stop a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stop {
    /// SIGTERM to the task, after the grace period SIGKILL to it and all its descendants.
    Graceful {
        /// Time between the two.
        grace: Duration,
    },
    /// SIGKILL to the task and all its descendants now.
    Kill,
}
