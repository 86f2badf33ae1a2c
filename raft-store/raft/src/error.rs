//! Why consensus cannot start or go on.

use quorate_types::MemberId;
use thiserror::Error;

/// Failure of consensus itself; requests fail with [`quorate_store::Error`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// Options that contradict each other.
    #[error("consensus options are invalid: {reason}")]
    Options {
        /// What is wrong.
        reason: String,
    },
    /// A directory cannot be used.
    #[error("directory {path} cannot be used: {reason}")]
    Directory {
        /// Which.
        path: String,
        /// What the operating system says.
        reason: String,
    },
    /// Log or state cannot be read, or do not belong together.
    #[error("consensus cannot start from the stored log and state: {reason}")]
    Start {
        /// What is wrong.
        reason: String,
    },
    /// The log is less than what other members have seen this one acknowledge: its disk was set back
    /// to an older copy.
    #[error(
        "member {member} must not start from a data directory that was set back: {reason}; its vote \
         and its log cannot be trusted: remove the member and add a new one, with an id of its own and \
         an empty directory"
    )]
    SetBack {
        /// The member.
        member: MemberId,
        /// Who has seen what.
        reason: String,
    },
    /// The member met something that it must not go on after: a disk that failed, damage.
    #[error("member {member} takes no part any more: {reason}")]
    Ended {
        /// The member.
        member: MemberId,
        /// What it met, and what to do.
        reason: String,
    },
}
