//! Why a reconcile pass or the cache failed.

use quorate_store::Certainty;
use thiserror::Error;

/// Failure of a reconcile pass, of the cache, or of a write made in a pass.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// An object could not be read or written.
    #[error(transparent)]
    Object(Box<quorate_resources::Error>),
    /// The store refused or did not answer.
    #[error(transparent)]
    Store(#[from] quorate_store::Error),
    /// The reconciler itself failed.
    #[error(transparent)]
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// A failure of the reconciler's own making; the key is retried with back-off.
    pub fn failed(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Failed(reason.into())
    }

    /// Whether a write may have happened although it failed.
    #[must_use]
    pub fn certainty(&self) -> Certainty {
        match self {
            Self::Object(error) => error.certainty(),
            Self::Store(error) => error.certainty(),
            Self::Failed(_) => Certainty::DefinitelyNot,
        }
    }

    /// Whether another leader has been elected since the write was planned.
    #[must_use]
    pub fn is_fenced(&self) -> bool {
        matches!(self.store(), Some(quorate_store::Error::Fenced { .. }))
    }

    /// Whether the world has moved on since the snapshot: the next pass sees it and decides anew.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        use quorate_resources::Error as Object;
        let Self::Object(error) = self else { return false };
        error.is_conflict()
            || matches!(
                **error,
                Object::NotFound { .. }
                    | Object::AlreadyExists { .. }
                    | Object::NamespaceTerminating { .. }
                    | Object::NamespaceMissing { .. }
            )
    }

    /// Whether the store is out of reach for now: no leader, no quorum, no answer.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        self.store().is_some_and(quorate_store::Error::is_transient)
    }

    fn store(&self) -> Option<&quorate_store::Error> {
        match self {
            Self::Store(error) => Some(error),
            Self::Object(error) => match &**error {
                quorate_resources::Error::Store(error) => Some(error),
                _ => None,
            },
            Self::Failed(_) => None,
        }
    }
}

impl From<quorate_resources::Error> for Error {
    fn from(error: quorate_resources::Error) -> Self {
        Self::Object(Box::new(error))
    }
}
