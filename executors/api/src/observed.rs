//! What an executor knows of its tasks.

use crate::{ExitRecord, TaskId};
use serde::{Deserialize, Serialize};

/// A task that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// Start as wall time in milliseconds since the Unix epoch.
    pub started_ms: i64,
    /// Process id on the host, where there is one.
    pub pid: Option<u32>,
    /// What people look for in the backend, `process://<pid>` for example.
    pub external_id: String,
}

/// The state of one task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observed {
    /// Known to the executor, not started.
    Created,
    /// Running.
    Running(Started),
    /// Ended, with proof.
    Exited(ExitRecord),
    /// Never created, or removed.
    Absent,
    /// Nobody can tell now; the text says why. Not an exit, and no reason for a restart.
    Unreachable(String),
}

/// What a running task has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// CPU time since its start, of all its processes, in microseconds.
    pub cpu_us: u64,
    /// Memory that it holds now, in bytes.
    pub memory_bytes: u64,
    /// Processes that it has now.
    pub pids: u64,
}

/// A hint that a task may have changed: observe it again. Hints may be repeated and, after a
/// reconnection, lost; agents also observe on their own from time to time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The task.
    pub task: TaskId,
}

/// A task that an executor holds, found by its tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The task.
    pub task: TaskId,
    /// Its state.
    pub observed: Observed,
}
