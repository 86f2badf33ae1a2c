//! What stops the state: a failing disk, damage, or a directory that is not ours.
//!
//! Refusals of a command are no such error; they are [`crate::Outcome`]s.

use quorate_types::{ClusterId, LogIndex};
use std::path::PathBuf;
use thiserror::Error;

/// A failure after which the member must not go on with this state.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The database refused an operation.
    #[error("state database failed to {operation}: {reason}")]
    Database {
        /// What was tried.
        operation: &'static str,
        /// The database's own words.
        reason: String,
    },
    /// A file operation around the database failed.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which path.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The directory does not hold a state that this version can read. It was left as it is.
    #[error("{} {found}, this version reads {expected}: use another directory or the version that wrote it", path.display())]
    Format {
        /// The directory.
        path: PathBuf,
        /// What it holds.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// The state belongs to another cluster.
    #[error("state belongs to cluster {found}, not to {expected}: use another data directory")]
    Cluster {
        /// The cluster it belongs to.
        found: ClusterId,
        /// The cluster asked for.
        expected: ClusterId,
    },
    /// Stored bytes do not make sense.
    #[error(
        "state is damaged, {what} at {key:02x?}: remove the data directory and let the member catch up from the others"
    )]
    Damaged {
        /// What was read.
        what: &'static str,
        /// Its key in the database.
        key: Vec<u8>,
    },
    /// A committed command is for a machine of the application that this member does not have.
    #[error(
        "log entry {index} is a command for the machine {name:?}, which this member does not have: register it and start again"
    )]
    UnknownMachine {
        /// The entry.
        index: LogIndex,
        /// The machine's name.
        name: String,
    },
    /// A committed command cannot be read: written by a newer version, or damaged.
    #[error(
        "command of log entry {index} cannot be read: {source}; upgrade this member to the version of its leader"
    )]
    Command {
        /// The entry.
        index: LogIndex,
        /// Why.
        source: crate::CodecError,
    },
}

impl Error {
    pub(crate) fn io(
        operation: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { operation, path, source }
    }
}

/// A read that fails for reasons of the database makes the store fail.
impl From<Error> for quorate_store::Error {
    fn from(error: Error) -> Self {
        Self::Fatal { reason: error.to_string() }
    }
}
