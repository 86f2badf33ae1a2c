//! What can go wrong with the log, each with the file concerned and what to do.

use crate::types::Identity;
use quorate_types::LogIndex;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why the log refused or failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A read, or anything while opening, failed.
    #[error("{action} {} failed: {cause}{}", path.display(), hint(cause))]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The operating system's answer.
        cause: Arc<io::Error>,
    },
    /// A write or sync failed once; nothing is acknowledged any more until the log is opened anew.
    #[error(
        "log takes no more writes because {action} {} failed: {cause}{}; then restart this member",
        path.display(),
        hint(cause)
    )]
    Poisoned {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The operating system's answer.
        cause: Arc<io::Error>,
    },
    /// The log was closed.
    #[error("log is closed: open it again to use it")]
    Closed,
    /// Bytes that were once durable are wrong or gone. Nothing was overwritten.
    #[error(
        "log is damaged: {} at byte {offset}: {reason}; acknowledged entries may be lost, so keep the \
         files for diagnosis and replace this member with a new one that has an empty directory",
        path.display()
    )]
    Damaged {
        /// The file that is damaged or missing.
        path: PathBuf,
        /// The byte where the log stops making sense.
        offset: u64,
        /// What is wrong there.
        reason: &'static str,
    },
    /// The log belongs to another cluster or member. Nothing was overwritten.
    #[error(
        "{} belongs to cluster {:016x} member {}, not to cluster {:016x} member {}: \
         start with the right data directory",
        path.display(), found.cluster.0, found.member, expected.cluster.0, expected.member
    )]
    Foreign {
        /// The segment that says so.
        path: PathBuf,
        /// Whose log it is.
        found: Identity,
        /// Whose log was asked for.
        expected: Identity,
    },
    /// The log was written in a format that this program does not read. Nothing was overwritten.
    #[error(
        "{} has log format {found}, this program reads format {supported}: \
         start the release that wrote it",
        path.display()
    )]
    Version {
        /// The segment that says so.
        path: PathBuf,
        /// The version in its header.
        found: u32,
        /// The version that is understood.
        supported: u32,
    },
    /// An append does not continue the log. Nothing was changed.
    #[error("append at index {found} refused: the log continues at index {expected}")]
    Gap {
        /// The only index that would have been right.
        expected: LogIndex,
        /// The index that came.
        found: LogIndex,
    },
    /// A read asked for an entry that the log does not hold.
    #[error("entry {index} is not in the log: it was purged, truncated or never appended")]
    Missing {
        /// The first index that is not there.
        index: LogIndex,
    },
    /// One call brought more than fits one group. Nothing was changed.
    #[error("{bytes} bytes in one call exceed the log's limit of {limit}: split the call")]
    TooLarge {
        /// Bytes of the call once encoded.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Too many bytes wait for the disk. Nothing was changed.
    #[error(
        "{queued} bytes wait for the log's disk, the limit is {limit}: slow down and try again"
    )]
    Full {
        /// Bytes that wait.
        queued: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The options contradict each other or the format.
    #[error("log option segment_bytes is {segment_bytes}: choose 4096 to 1073741824")]
    Options {
        /// The value that was given.
        segment_bytes: u64,
    },
}

/// A failed call to the disk, before it is known what it means for the log.
#[derive(Debug)]
pub(crate) struct Fault {
    action: &'static str,
    path: PathBuf,
    cause: io::Error,
}

impl Fault {
    pub(crate) fn of(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |cause| Self { action, path, cause }
    }

    pub(crate) fn poisoned(self) -> Error {
        Error::Poisoned { action: self.action, path: self.path, cause: Arc::new(self.cause) }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Io { action: fault.action, path: fault.path, cause: Arc::new(fault.cause) }
    }
}

fn hint(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            " (the disk is full: nothing was overwritten; free some space)"
        }
        io::ErrorKind::PermissionDenied => " (check owner and mode of the data directory)",
        _ => " (check the disk)",
    }
}
