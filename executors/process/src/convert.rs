//! From what shims and records say to what the contract says.

use crate::executor::KIND;
use crate::records::Stored;
use crate::wire::{Refusal, Reply, State};
use quorate_executor::{Error, Observed, TaskId};

impl From<State> for Observed {
    fn from(state: State) -> Self {
        match state {
            State::Created => Self::Created,
            State::Running(started) => Self::Running(started),
            State::Exited(record) => Self::Exited(record),
            State::Absent => Self::Absent,
        }
    }
}

impl Refusal {
    /// The contract's error for a refused operation on a task.
    pub(crate) fn into_error(self, asked: &TaskId) -> Error {
        match self {
            Self::Absent => Error::Absent(asked.clone()),
            Self::Runs(task) => runs(task),
            Self::Exited(task) => has_exited(task),
            Self::Start { command, reason } => {
                Error::Start { task: asked.clone(), command, reason }
            }
            Self::Version { speaks } => unreachable(format!(
                "the shim speaks protocol version {speaks} only; drain this pod to replace its shim"
            )),
            Self::Malformed(reason) => {
                unreachable(format!("the shim rejected a request: {reason}"))
            }
            Self::Io { what, reason } => Error::io(what, std::io::Error::other(reason)),
        }
    }
}

/// The error of an answer that does not fit the question.
pub(crate) fn unexpected(reply: Reply, asked: &TaskId) -> Error {
    match reply {
        Reply::Refused(refusal) => refusal.into_error(asked),
        other => unreachable(format!("the shim gave an answer that does not fit: {other:?}")),
    }
}

/// What records alone say, after the task's supervision is proven to be over.
pub(crate) fn settled(stored: Option<Stored>, task: &TaskId) -> Observed {
    match stored {
        None => Observed::Absent,
        Some(Stored::Created(_)) => Observed::Created,
        Some(Stored::Exited(record)) => Observed::Exited(record),
        Some(Stored::Started(run)) => Observed::Unreachable(format!(
            "task {task}: its shim is gone, but its process {:?} is not known to be",
            run.process.map(|(pid, _)| pid)
        )),
        Some(Stored::Lost) => {
            Observed::Unreachable(format!("task {task}: its record could not be settled"))
        }
    }
}

pub(crate) fn unreachable(reason: String) -> Error {
    Error::Unreachable { executor: KIND, reason }
}

pub(crate) fn runs(task: TaskId) -> Error {
    let reason = "still runs; stop it and wait for its exit first".to_owned();
    Error::Invalid { task, field: "state", reason }
}

pub(crate) fn has_exited(task: TaskId) -> Error {
    let reason = "has exited; create the next attempt instead".to_owned();
    Error::Invalid { task, field: "state", reason }
}
