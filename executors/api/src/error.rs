//! Why an executor could not do what it was asked.

use crate::TaskId;
use thiserror::Error;

/// Failure of an executor's operation.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The task's artefact does not exist or cannot be run: an answer, not an accident.
    #[error("image {image:?}: {reason}")]
    Artifact {
        /// The image reference as given.
        image: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The task could not be started: a missing executable, a refused permission, a bad directory.
    #[error("task {task}: cannot start {command:?}: {reason}")]
    Start {
        /// The task.
        task: TaskId,
        /// The command that was tried.
        command: String,
        /// What the operating system said.
        reason: String,
    },
    /// The specification asks for something that this executor cannot do.
    #[error("executor {executor} does not support {what}")]
    Unsupported {
        /// The executor's kind.
        executor: &'static str,
        /// What was asked for.
        what: String,
    },
    /// The specification is contradictory or out of range.
    #[error("task {task}: {field}: {reason}")]
    Invalid {
        /// The task.
        task: TaskId,
        /// The field.
        field: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// There is no such task.
    #[error("task {0} does not exist")]
    Absent(TaskId),
    /// The executor's backend does not answer; nothing is known about the task.
    #[error("executor {executor} is unreachable: {reason}")]
    Unreachable {
        /// The executor's kind.
        executor: &'static str,
        /// What was tried and what came back.
        reason: String,
    },
    /// The operating system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was done to which object.
        what: String,
        /// What the operating system said.
        source: std::io::Error,
    },
}

impl Error {
    /// Wraps an operating-system error with what was done.
    pub fn io(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io { what: what.into(), source }
    }

    /// Whether trying again unchanged may help. `false` means that the specification is at fault.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Io { .. })
    }
}
