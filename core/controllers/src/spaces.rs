//! What controllers ask about namespaces.

use quorate_reconcile::Snapshot;
use quorate_types::{GroupKind, ObjectKey};

/// The kind `Namespace`.
pub(crate) fn kind() -> GroupKind {
    GroupKind::new("", "Namespace")
}

/// Whether a namespace is being emptied: nothing can be created in it any more.
pub(crate) fn is_terminating(snapshot: &Snapshot, name: &str) -> bool {
    snapshot
        .object(&kind(), &ObjectKey::cluster(name))
        .is_some_and(|namespace| namespace.metadata.is_deleting())
}
