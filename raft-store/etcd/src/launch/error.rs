//! Why a server does not start.

use quorate_member::net::{ListenError, TlsError};
use quorate_types::MemberId;
use thiserror::Error;

/// Why a server does not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Tokens cannot be given out as asked.
    #[error(transparent)]
    Auth(#[from] crate::AuthOptionsError),
    /// A URL cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The member cannot start.
    #[error(transparent)]
    Member(#[from] quorate_member::Error),
    /// Flags about the cluster contradict each other or what the cluster says.
    #[error("{0}")]
    Cluster(String),
    /// The history differs from what other members have.
    #[error("etcdmain: {:016x} found data inconsistency with peers", member.0)]
    Inconsistent {
        /// This member.
        member: MemberId,
    },
}
