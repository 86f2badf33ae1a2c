//! What can go wrong, and whether the request may have happened all the same.

use crate::AuthError;
use quorate_types::{LeaseId, MemberId, Revision, Term};
use thiserror::Error;

/// Whether a failed request may have taken effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// It has not happened and will not.
    DefinitelyNot,
    /// It may have happened or may still happen: read before trying again.
    Unknown,
}

/// Failure of a store request.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The revision asked for has been compacted away.
    #[error(
        "revision {requested} has been compacted, the oldest kept is {compacted}: read again at a newer one"
    )]
    Compacted {
        /// Revision asked for.
        requested: Revision,
        /// Oldest revision that can still be read.
        compacted: Revision,
    },
    /// The revision asked for does not exist yet.
    #[error("revision {requested} is in the future, the current one is {current}")]
    FutureRevision {
        /// Revision asked for.
        requested: Revision,
        /// The store's revision.
        current: Revision,
    },
    /// A key must not be empty.
    #[error("key is not provided")]
    EmptyKey,
    /// A put keeps value or lease of a key that does not exist.
    #[error("key not found: {key:?} must exist for its value or lease to be kept")]
    KeyNotFound {
        /// The key, lossily as text.
        key: String,
    },
    /// A put gives a value and asks to keep the old one.
    #[error("value is provided for {key:?} though the old one is to be kept: leave it empty")]
    ValueProvided {
        /// The key, lossily as text.
        key: String,
    },
    /// A put names a lease and asks to keep the old one.
    #[error("lease is provided for {key:?} though the old one is to be kept: leave it out")]
    LeaseProvided {
        /// The key, lossily as text.
        key: String,
    },
    /// One transaction writes a key twice.
    #[error("duplicate key {key:?} given in txn request")]
    DuplicateKey {
        /// The key, lossily as text.
        key: String,
    },
    /// More operations than one transaction may have.
    #[error("too many operations in txn request: {given}, the limit is {limit}")]
    TooManyOps {
        /// Operations given.
        given: usize,
        /// Operations allowed.
        limit: usize,
    },
    /// The request is larger than the store takes.
    #[error("request is too large: {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// Bytes of the request.
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The request makes no sense whatever the state is.
    #[error("request is invalid: {reason}")]
    Invalid {
        /// What is wrong with it.
        reason: String,
    },
    /// The store is over its quota: only what does not make it grow is served.
    #[error("database space exceeded: delete keys, compact and defragment, then disarm the alarm")]
    NoSpace,
    /// The identified request was applied before, but its answer is no longer kept.
    #[error("the request was applied before, at revision {revision}: read what it has left")]
    AlreadyApplied {
        /// The store's revision after it.
        revision: Revision,
    },
    /// The application's own command was refused by the application.
    #[error("{machine} refused the command: {reason}")]
    Refused {
        /// Name of the application's machine.
        machine: String,
        /// Its words.
        reason: String,
    },
    /// The caller may not do this, or a change of users and roles is not possible.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// No such lease.
    #[error("requested lease {0} not found")]
    LeaseNotFound(LeaseId),
    /// A lease of this id exists.
    #[error("lease {0} already exists")]
    LeaseExists(LeaseId),
    /// The time to live is not in the allowed range.
    #[error("lease time to live of {seconds} s is out of range, it must be 1 to {limit} s")]
    LeaseTtl {
        /// Seconds asked for.
        seconds: i64,
        /// Largest allowed.
        limit: i64,
    },
    /// The writer's term is over: another leader has been elected since.
    #[error("fenced: written under term {written}, the term is now {current}")]
    Fenced {
        /// Term the writer believed in.
        written: Term,
        /// Term of the log entry that carried the write.
        current: Term,
    },
    /// This member is not the leader, and the request was not passed on.
    #[error("not leader, the leader is {leader:?}")]
    NotLeader {
        /// The leader as far as this member knows.
        leader: Option<MemberId>,
    },
    /// No leader, no quorum, or a member that is stopping.
    #[error("store unavailable: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
        /// Whether the request may have been applied.
        certainty: Certainty,
    },
    /// No answer in time; the request may have been applied.
    #[error("request timed out")]
    Timeout,
    /// The store refuses to go on: its disk failed or its data is damaged.
    #[error("store failed and must be restarted: {reason}")]
    Fatal {
        /// Why.
        reason: String,
    },
}

impl Error {
    /// Whether the request may have happened.
    #[must_use]
    pub fn certainty(&self) -> Certainty {
        match self {
            Self::Timeout | Self::Fatal { .. } | Self::AlreadyApplied { .. } => Certainty::Unknown,
            Self::Unavailable { certainty, .. } => *certainty,
            _ => Certainty::DefinitelyNot,
        }
    }

    /// An unavailable store that certainly did not apply the request.
    pub fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable { reason: reason.into(), certainty: Certainty::DefinitelyNot }
    }

    /// Whether the same request may succeed later without being changed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::NotLeader { .. } | Self::Unavailable { .. } | Self::Timeout)
    }
}
