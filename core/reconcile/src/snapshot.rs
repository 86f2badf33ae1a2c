//! All objects of all registered kinds at one revision.
//!
//! Place: what reconcilers, the scheduler, agents and the proxy read. The cache makes the next one
//! from the last by changing persistent maps; readers keep theirs for as long as they like.
//!
//! Invariants: a snapshot never changes; it holds exactly what the store held at its revision
//! (without objects that cannot be read, which are logged); owner and field indexes always agree
//! with the objects; cloning copies a few pointers.

mod change;
mod entry;
mod tables;

pub use change::CacheChange;
pub(crate) use tables::Definition;

use entry::Entry;
use quorate_resources::{Kind, Object, Typed};
use quorate_types::{GroupKind, ObjectKey, Revision, Selector, Uid};
use std::sync::Arc;
use tables::Tables;

/// All objects of all registered kinds at one revision. Cloning is a pointer copy.
#[derive(Clone, Debug)]
pub struct Snapshot {
    revision: Revision,
    tables: Tables,
}

impl Snapshot {
    pub(crate) fn empty(definitions: Arc<[Definition]>) -> Self {
        Self { revision: Revision::NONE, tables: Tables::new(definitions) }
    }

    /// The revision whose objects these are.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// One object.
    #[must_use]
    pub fn object(&self, kind: &GroupKind, key: &ObjectKey) -> Option<Arc<Object>> {
        self.tables.entry(kind, key).map(|entry| Arc::clone(entry.object()))
    }

    /// The object with this identity, of whatever kind.
    #[must_use]
    pub fn by_uid(&self, uid: &Uid) -> Option<Arc<Object>> {
        self.tables.by_uid(uid).map(|entry| Arc::clone(entry.object()))
    }

    /// All objects of a kind, sorted by key.
    pub fn objects(&self, kind: &GroupKind) -> impl Iterator<Item = Arc<Object>> + use<'_> {
        self.tables.of_kind(kind).map(|entry| Arc::clone(entry.object()))
    }

    /// All objects of a kind in one namespace, sorted by name.
    pub fn objects_in(
        &self,
        kind: &GroupKind,
        namespace: &str,
    ) -> impl Iterator<Item = Arc<Object>> + use<'_> {
        self.tables.in_namespace(kind, namespace).map(|entry| Arc::clone(entry.object()))
    }

    /// Every object that names the owner in its owner references, controller or not; sorted by kind
    /// and key.
    #[must_use]
    pub fn owned_objects(&self, owner: &Uid) -> Vec<Arc<Object>> {
        self.tables.owned(owner).map(|entry| Arc::clone(entry.object())).collect()
    }

    /// Every object that a registered index files under the value; sorted by kind and key.
    #[must_use]
    pub fn objects_by(&self, index: &'static str, value: &str) -> Vec<Arc<Object>> {
        self.tables.by(index, value).map(|entry| Arc::clone(entry.object())).collect()
    }

    /// One object, decoded; `None` also if it does not fit the type, which is logged once.
    #[must_use]
    pub fn get<K: Kind>(&self, key: &ObjectKey) -> Option<Typed<K>> {
        self.tables.entry(&K::group_kind(), key)?.typed()
    }

    /// All objects of a kind, decoded, sorted by key.
    pub fn list<K: Kind>(&self) -> impl Iterator<Item = Typed<K>> + use<'_, K> {
        self.tables.of_kind(&K::group_kind()).filter_map(|entry| entry.typed())
    }

    /// All objects of a kind in one namespace, decoded, sorted by name.
    pub fn list_in<K: Kind>(&self, namespace: &str) -> impl Iterator<Item = Typed<K>> + use<'_, K> {
        self.tables.in_namespace(&K::group_kind(), namespace).filter_map(|entry| entry.typed())
    }

    /// The objects of a kind in one namespace whose labels match, decoded, sorted by name.
    #[must_use]
    pub fn select<K: Kind>(&self, namespace: &str, selector: &Selector) -> Vec<Typed<K>> {
        self.tables
            .in_namespace(&K::group_kind(), namespace)
            .filter(|entry| selector.matches_map(&entry.object().metadata.labels))
            .filter_map(|entry| entry.typed())
            .collect()
    }

    /// The objects of a kind whose controller is the owner, decoded, sorted by key.
    #[must_use]
    pub fn owned_by<K: Kind>(&self, owner: &Uid) -> Vec<Typed<K>> {
        let kind = K::group_kind();
        self.tables
            .owned(owner)
            .filter(|entry| *entry.kind() == kind)
            .filter(|entry| {
                entry
                    .object()
                    .metadata
                    .controller()
                    .is_some_and(|reference| reference.uid == *owner)
            })
            .filter_map(|entry| entry.typed())
            .collect()
    }

    /// The objects of a kind that a registered index files under the value, decoded, sorted by key.
    #[must_use]
    pub fn by<K: Kind>(&self, index: &'static str, value: &str) -> Vec<Typed<K>> {
        let kind = K::group_kind();
        self.tables
            .by(index, value)
            .filter(|entry| *entry.kind() == kind)
            .filter_map(|entry| entry.typed())
            .collect()
    }

    /// The kinds of which there are objects.
    pub fn kinds(&self) -> impl Iterator<Item = &GroupKind> {
        self.tables.kinds()
    }

    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tables.len()
    }

    /// Whether there is no object at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What leads from this snapshot to a newer one, in revision order as far as it can be known:
    /// states between the two are skipped, deletions come at the newer snapshot's revision.
    #[must_use]
    pub fn changes_to(&self, newer: &Self) -> Vec<CacheChange> {
        change::between(self, newer)
    }

    /// Stores or replaces an object; gives the change.
    pub(crate) fn put(&mut self, kind: &GroupKind, key: ObjectKey, object: Object) -> CacheChange {
        let revision = object.metadata.resource_version.unwrap_or(self.revision);
        let entry = Arc::new(Entry::new(kind.clone(), key.clone(), object));
        let new = Some(Arc::clone(entry.object()));
        let old = self.tables.put(entry).map(|old| Arc::clone(old.object()));
        CacheChange { kind: kind.clone(), key, old, new, revision }
    }

    /// Removes an object; gives the change, unless there was none.
    pub(crate) fn remove(
        &mut self,
        kind: &GroupKind,
        key: ObjectKey,
        revision: Revision,
    ) -> Option<CacheChange> {
        let old = self.tables.remove(kind, &key).map(|old| Arc::clone(old.object()));
        old.is_some().then(|| CacheChange { kind: kind.clone(), key, old, new: None, revision })
    }

    /// Moves on to a revision.
    pub(crate) fn advance(&mut self, revision: Revision) {
        self.revision = self.revision.max(revision);
    }
}

#[cfg(test)]
mod tests;
