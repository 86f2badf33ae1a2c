//! One object's step from one state to the next.

use super::Snapshot;
use super::entry::Entry;
use quorate_resources::Object;
use quorate_types::{GroupKind, ObjectKey, Revision};
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A change of one object as the cache saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct CacheChange {
    /// Kind of the object.
    pub kind: GroupKind,
    /// Name of the object.
    pub key: ObjectKey,
    /// The object before; `None` for a creation.
    pub old: Option<Arc<Object>>,
    /// The object after; `None` for a deletion.
    pub new: Option<Arc<Object>>,
    /// Revision at which it happened.
    pub revision: Revision,
}

impl CacheChange {
    /// The newest known state: the object after the change, or the one that was deleted.
    #[must_use]
    pub fn latest(&self) -> Option<&Arc<Object>> {
        self.new.as_ref().or(self.old.as_ref())
    }

    /// A change that tells of an object as if it had just been created.
    pub(crate) fn existing(kind: &GroupKind, object: Arc<Object>) -> Self {
        let revision = object.metadata.resource_version.unwrap_or_default();
        let key = object.metadata.key();
        Self { kind: kind.clone(), key, old: None, new: Some(object), revision }
    }
}

/// The changes from one snapshot to a newer one, sorted by revision.
pub(super) fn between(old: &Snapshot, new: &Snapshot) -> Vec<CacheChange> {
    let kinds: BTreeSet<&GroupKind> = old.kinds().chain(new.kinds()).collect();
    let mut changes: Vec<CacheChange> =
        kinds.into_iter().flat_map(|kind| of_kind(kind, old, new)).collect();
    changes.sort_by_key(|change| change.revision);
    changes
}

fn of_kind(kind: &GroupKind, old: &Snapshot, new: &Snapshot) -> Vec<CacheChange> {
    let mut before: BTreeMap<&ObjectKey, &Arc<Entry>> =
        old.tables.of_kind(kind).map(|entry| (entry.key(), entry)).collect();
    let mut changes = Vec::new();
    for entry in new.tables.of_kind(kind) {
        let old = before.remove(entry.key()).map(|entry| Arc::clone(entry.object()));
        let version = |object: &Arc<Object>| object.metadata.resource_version;
        if old.as_ref().is_some_and(|old| version(old) == version(entry.object())) {
            continue;
        }
        let change = CacheChange::existing(kind, Arc::clone(entry.object()));
        changes.push(CacheChange { old, ..change });
    }
    changes.extend(before.into_values().map(|entry| CacheChange {
        kind: kind.clone(),
        key: entry.key().clone(),
        old: Some(Arc::clone(entry.object())),
        new: None,
        revision: new.revision,
    }));
    changes
}
