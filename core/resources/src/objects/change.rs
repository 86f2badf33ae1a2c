//! What can be asked of objects, and the answers.

use crate::{GroupKind, Object, ObjectKey, Revision, Uid};
use std::sync::Arc;

/// One change of one object within a commit.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// Creates an object.
    Create(Object),
    /// Replaces everything but the status.
    Update {
        /// The object as it shall be. Its resource version, if set, must be the current one.
        object: Object,
        /// The object as the caller read it: spares a read and must be the current one.
        old: Option<Arc<Object>>,
    },
    /// Replaces the status and nothing else.
    UpdateStatus {
        /// The object whose status shall be taken. Its resource version, if set, must be the
        /// current one.
        object: Object,
        /// The object as the caller read it: spares a read and must be the current one.
        old: Option<Arc<Object>>,
    },
    /// Requests deletion.
    Delete {
        /// Kind of the object.
        kind: GroupKind,
        /// Name of the object.
        key: ObjectKey,
        /// How to delete.
        options: DeleteOptions,
        /// The object as the caller read it: spares a read and must be the current one.
        old: Option<Arc<Object>>,
    },
}

/// What happens to the objects that an object owns when it is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Propagation {
    /// They are collected afterwards.
    #[default]
    Background,
    /// They are collected first: the object stays with the finalizer `foregroundDeletion` till then.
    Foreground,
    /// They stay: the object stays with the finalizer `orphan` until they no longer refer to it.
    Orphan,
}

/// How to delete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteOptions {
    /// Seconds to end in good order; `None` for the object's own, zero for at once. Ignored for
    /// kinds that nobody has to stop.
    pub grace_seconds: Option<i64>,
    /// What happens to the objects it owns.
    pub propagation: Propagation,
    /// Delete only the object of this identity.
    pub uid: Option<Uid>,
    /// Delete only if the object has not changed since.
    pub resource_version: Option<Revision>,
}

/// The answer to a deletion.
#[derive(Clone, Debug, PartialEq)]
pub enum Deleted {
    /// The object is gone; its last state.
    Removed(Object),
    /// The object is marked and stays until its finalizers are done and its grace period confirmed.
    Terminating(Object),
}

impl Deleted {
    /// The object: as it was, or as it is now.
    #[must_use]
    pub fn object(&self) -> &Object {
        match self {
            Self::Removed(object) | Self::Terminating(object) => object,
        }
    }

    /// Whether the object is gone.
    #[must_use]
    pub fn is_removed(&self) -> bool {
        matches!(self, Self::Removed(_))
    }
}

/// The answer to a commit.
#[derive(Clone, Debug, PartialEq)]
pub struct Committed {
    /// Store revision at which all changes hold.
    pub revision: Revision,
    /// The object after each change, in the order of the changes; `None` if it is gone.
    pub objects: Vec<Option<Object>>,
}

/// What `apply` did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The object did not exist.
    Created,
    /// The object differed.
    Configured,
    /// The object was as the manifest says; nothing was written.
    Unchanged,
}

/// The answer to `apply`.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    /// The object as it is now.
    pub object: Object,
    /// What was done.
    pub action: Action,
}

/// The objects of a kind at one revision.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectList {
    /// Store revision of the read: a watch from the next one misses nothing.
    pub revision: Revision,
    /// The objects, by namespace and name.
    pub items: Vec<Object>,
}
