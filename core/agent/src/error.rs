//! What can go wrong when an agent is started or asked.

use quorate_types::ObjectKey;
use std::path::PathBuf;
use thiserror::Error;

/// Failure of the agent as a whole. Trouble with single pods is told by their status instead.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// An option cannot be used.
    #[error("agent option {option}: {reason}")]
    Option {
        /// Which.
        option: &'static str,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A file or directory of the agent cannot be used.
    #[error("{what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The node does not run such a pod.
    #[error("pod {0} does not run on this node")]
    NoPod(ObjectKey),
    /// The pod has no such container, or the container no such run.
    #[error("pod {pod}: container {container:?}: {reason}")]
    NoRun {
        /// The pod.
        pod: ObjectKey,
        /// The container.
        container: String,
        /// What there is instead.
        reason: String,
    },
    /// An executor could not do its part.
    #[error(transparent)]
    Executor(#[from] quorate_executor::Error),
    /// The control plane refused or could not be reached.
    #[error(transparent)]
    Objects(#[from] quorate_resources::Error),
}
