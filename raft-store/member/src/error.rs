//! Why a member cannot start or stop as it should.

use quorate_types::{ClusterId, MemberId};
use std::net::SocketAddr;
use std::path::PathBuf;
use thiserror::Error;

/// Failure to start or stop a member; requests fail with [`quorate_store::Error`].
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// Options that contradict each other.
    #[error("member options are invalid: {reason}")]
    Options {
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {addr}: {source}; stop the process that uses the port or choose another address"
    )]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// A URL cannot be listened on.
    #[error(transparent)]
    ListenUrl(#[from] quorate_transport::ListenError),
    /// Another process, or another member of this one, uses the directory.
    #[error("data directory {} is in use by another process: stop it or choose another directory", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The directory belongs to someone else. Nothing in it was changed.
    #[error(
        "data directory {} belongs to member {found_member} of cluster {found_cluster}, not to member {member} of cluster {cluster}: choose another directory, or give the member its own cluster and id",
        path.display()
    )]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        found_cluster: ClusterId,
        /// Whose it is.
        found_member: MemberId,
        /// Who wants it.
        cluster: ClusterId,
        /// Who wants it.
        member: MemberId,
    },
    /// The directory was written by another version. Nothing in it was changed.
    #[error("data directory {} has format {found}, this version reads {expected}: use the version that wrote it", path.display())]
    Format {
        /// The directory.
        path: PathBuf,
        /// What it has.
        found: String,
        /// What this version reads.
        expected: String,
    },
    /// The directory holds data but does not say whose. Nothing in it was changed.
    #[error("data directory {} is damaged: {reason}; choose another directory, or remove it and let the member catch up from the others", path.display())]
    Damaged {
        /// The directory.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file of the directory cannot be used.
    #[error("data directory {} cannot be used: {source}", path.display())]
    Io {
        /// Which file or directory.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The raft log cannot be opened.
    #[error("raft log in {}: {source}", path.display())]
    Log {
        /// Its directory.
        path: PathBuf,
        /// Why.
        source: quorate_log::Error,
    },
    /// The state cannot be opened or written.
    #[error("state in {}: {source}", path.display())]
    State {
        /// Its directory.
        path: PathBuf,
        /// Why.
        source: quorate_mvcc::Error,
    },
    /// A backup cannot be written, or restored.
    #[error("backup {}: {source}", path.display())]
    Backup {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A state cannot be taken in from elsewhere.
    #[error("nothing was taken in: {source}; {} can be removed", path.display())]
    Load {
        /// The directory that was made in vain.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Consensus cannot start.
    #[error(transparent)]
    Consensus(#[from] quorate_raft::Error),
}

impl Error {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
