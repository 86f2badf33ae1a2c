//! Why a cluster cannot be started or changed.

use quorate_types::MemberId;
use std::path::PathBuf;
use std::time::Duration;
use thiserror::Error;

/// Failure of a cluster as a whole. Failures of single objects are [`crate::resources::Error`].
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The builder was given something that cannot be.
    #[error("cluster builder: {field}: {reason}")]
    Builder {
        /// What was set.
        field: &'static str,
        /// What is wrong and what is allowed.
        reason: String,
    },
    /// The data directory holds something else than this cluster.
    #[error("data directory {}: {reason}", path.display())]
    Layout {
        /// The file or directory.
        path: PathBuf,
        /// What it holds and what to do.
        reason: String,
    },
    /// A file or directory cannot be used.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A member of the store cannot run.
    #[error("member {member}: {reason}")]
    Member {
        /// The member.
        member: MemberId,
        /// Why, and what to do.
        reason: String,
    },
    /// A node cannot run.
    #[error("node {node}: {reason}")]
    Node {
        /// The node.
        node: String,
        /// Why, and what to do.
        reason: String,
    },
    /// Something did not happen in time.
    #[error("waited {limit:?} for {what}")]
    NotInTime {
        /// What was waited for.
        what: String,
        /// How long.
        limit: Duration,
    },
    /// The loopback addresses cannot be had.
    #[error(transparent)]
    Network(#[from] quorate_network::Error),
    /// The cache cannot be filled.
    #[error(transparent)]
    Reconcile(#[from] quorate_reconcile::Error),
    /// An object cannot be read or written.
    #[error(transparent)]
    Objects(#[from] quorate_resources::Error),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] quorate_store::Error),
}
