//! How a task ended, as far as anyone can prove.

use serde::{Deserialize, Serialize};

/// Why a task ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ExitCause {
    /// It ended by itself or by a signal that somebody sent.
    Normal,
    /// The kernel killed it for memory.
    OutOfMemory {
        /// The limit that was reached, in bytes, where it is known.
        limit_bytes: Option<u64>,
    },
    /// What it did is forbidden and ended it (a trap of WebAssembly): the message says what. There is
    /// neither a code nor a signal.
    Trap(String),
    /// It never ran: the message says why.
    StartFailed(String),
    /// What held it is gone and so, provably, is the task; how it ended cannot be known.
    ExecutorLost,
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// Exit code, if it exited.
    pub code: Option<i32>,
    /// Signal number, if a signal ended it.
    pub signal: Option<i32>,
    /// Why.
    pub cause: ExitCause,
    /// Start as wall time in milliseconds since the Unix epoch; zero if it never ran.
    pub started_ms: i64,
    /// End as wall time in milliseconds since the Unix epoch.
    pub finished_ms: i64,
}

impl ExitRecord {
    /// Whether it exited by itself with code zero.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.code == Some(0)
    }
}
