//! What can go wrong with objects, and whether the write may have happened all the same.

use crate::{FieldError, GroupKind, Object, ObjectKey, field};
use quorate_store::Certainty;
use thiserror::Error;

/// Failure of a request on objects.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// No such object.
    #[error("{kind} {key} not found")]
    NotFound {
        /// Kind asked for.
        kind: GroupKind,
        /// Object asked for.
        key: ObjectKey,
    },
    /// An object of this name exists.
    #[error("{kind} {key} already exists")]
    AlreadyExists {
        /// Kind to create.
        kind: GroupKind,
        /// Object to create.
        key: ObjectKey,
    },
    /// The object has changed since it was read, or is not the one meant.
    #[error("{kind} {key} has changed: {reason}; read it again and repeat the change")]
    Conflict {
        /// Kind to write.
        kind: GroupKind,
        /// Object to write.
        key: ObjectKey,
        /// What does not match.
        reason: String,
    },
    /// Fields break rules.
    #[error("{kind} {key} is invalid: {}", field::join(causes))]
    Invalid {
        /// Kind to write.
        kind: GroupKind,
        /// Object to write.
        key: ObjectKey,
        /// Every fault that was found.
        causes: Vec<FieldError>,
    },
    /// The registry has no such kind.
    #[error("unknown kind {kind:?} in apiVersion {api_version:?}{hint}")]
    UnknownKind {
        /// Group and version asked for.
        api_version: String,
        /// Kind asked for.
        kind: String,
        /// What might have been meant, ready to append to a sentence; empty if nothing comes close.
        hint: String,
    },
    /// Two kinds of the same name or plural.
    #[error("kind {kind} is registered already ({reason})")]
    KindExists {
        /// Kind to register.
        kind: GroupKind,
        /// What collides.
        reason: String,
    },
    /// The namespace does not exist.
    #[error("namespace {namespace:?} of {kind} {key} not found: create it first")]
    NamespaceMissing {
        /// Kind to create.
        kind: GroupKind,
        /// Object to create.
        key: ObjectKey,
        /// Namespace that is missing.
        namespace: String,
    },
    /// The namespace is being deleted.
    #[error("namespace {namespace:?} is being deleted, {kind} {key} cannot be created in it")]
    NamespaceTerminating {
        /// Kind to create.
        kind: GroupKind,
        /// Object to create.
        key: ObjectKey,
        /// Namespace that is being deleted.
        namespace: String,
    },
    /// The object is too large to store.
    #[error("{kind} {key} is too large: {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// Kind to write.
        kind: GroupKind,
        /// Object to write.
        key: ObjectKey,
        /// Bytes of its JSON.
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// A value that is no object at all, or stored bytes that cannot be read.
    #[error("{what} cannot be read: {message}")]
    Malformed {
        /// What was read.
        what: String,
        /// Why it is refused.
        message: String,
    },
    /// One commit changes the same object twice.
    #[error("{kind} {key} occurs twice in one commit: combine the changes")]
    Twice {
        /// Kind to write.
        kind: GroupKind,
        /// Object to write.
        key: ObjectKey,
    },
    /// An admission plugin refuses the object.
    #[error("{kind} {key} is refused: {reason}")]
    Denied {
        /// Kind to write.
        kind: GroupKind,
        /// Object to write.
        key: ObjectKey,
        /// Who refuses, and why.
        reason: String,
    },
    /// Others kept changing what the write depends on.
    #[error("{kind} {key} was not written: {reason} changed {attempts} times in a row; try again")]
    Contended {
        /// Kind to write.
        kind: GroupKind,
        /// Object to write.
        key: ObjectKey,
        /// What kept changing.
        reason: &'static str,
        /// Attempts made.
        attempts: u32,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] quorate_store::Error),
}

impl Error {
    /// Whether the write may have happened.
    #[must_use]
    pub fn certainty(&self) -> Certainty {
        match self {
            Self::Store(error) => error.certainty(),
            _ => Certainty::DefinitelyNot,
        }
    }

    /// Whether the object has changed since it was read.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { .. } | Self::Contended { .. })
    }

    /// Whether the object does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// Whether an object of the name exists.
    #[must_use]
    pub fn is_already_exists(&self) -> bool {
        matches!(self, Self::AlreadyExists { .. })
    }

    /// The faults of an invalid object; empty for every other error.
    #[must_use]
    pub fn causes(&self) -> &[FieldError] {
        match self {
            Self::Invalid { causes, .. } => causes,
            _ => &[],
        }
    }

    pub(crate) fn invalid(object: &Object, causes: Vec<FieldError>) -> Self {
        let mut key = object.key();
        if key.name.is_empty() {
            key.name = object.metadata.generate_name.clone().unwrap_or_default();
        }
        Self::Invalid { kind: object.group_kind(), key, causes }
    }

    pub(crate) fn conflict(object: &Object, reason: impl Into<String>) -> Self {
        Self::Conflict { kind: object.group_kind(), key: object.key(), reason: reason.into() }
    }
}
