//! The persistent maps behind a snapshot: by kind and key, by owner, by indexed field.

use super::entry::Entry;
use quorate_resources::Object;
use quorate_types::{GroupKind, ObjectKey, Uid};
use rpds::{RedBlackTreeMapSync, RedBlackTreeSetSync};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A field index: files an object under at most one value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Definition {
    pub(crate) name: &'static str,
    pub(crate) value: fn(&Object) -> Option<String>,
}

type Table = RedBlackTreeMapSync<ObjectKey, Arc<Entry>>;
type Group = RedBlackTreeSetSync<Arc<Entry>>;
type Index = RedBlackTreeMapSync<String, Group>;

#[derive(Clone, Debug)]
pub(super) struct Tables {
    kinds: RedBlackTreeMapSync<GroupKind, Table>,
    uids: RedBlackTreeMapSync<Uid, Arc<Entry>>,
    owners: RedBlackTreeMapSync<Uid, Group>,
    indexes: RedBlackTreeMapSync<&'static str, Index>,
    definitions: Arc<[Definition]>,
}

impl Tables {
    pub(super) fn new(definitions: Arc<[Definition]>) -> Self {
        Self {
            kinds: RedBlackTreeMapSync::new_sync(),
            uids: RedBlackTreeMapSync::new_sync(),
            owners: RedBlackTreeMapSync::new_sync(),
            indexes: RedBlackTreeMapSync::new_sync(),
            definitions,
        }
    }

    pub(super) fn entry(&self, kind: &GroupKind, key: &ObjectKey) -> Option<&Arc<Entry>> {
        self.kinds.get(kind)?.get(key)
    }

    pub(super) fn by_uid(&self, uid: &Uid) -> Option<&Arc<Entry>> {
        self.uids.get(uid)
    }

    pub(super) fn kinds(&self) -> impl Iterator<Item = &GroupKind> {
        self.kinds.keys()
    }

    pub(super) fn len(&self) -> usize {
        self.kinds.values().map(RedBlackTreeMapSync::size).sum()
    }

    pub(super) fn of_kind(&self, kind: &GroupKind) -> impl Iterator<Item = &Arc<Entry>> + use<'_> {
        self.kinds.get(kind).into_iter().flat_map(RedBlackTreeMapSync::values)
    }

    pub(super) fn in_namespace(
        &self,
        kind: &GroupKind,
        namespace: &str,
    ) -> impl Iterator<Item = &Arc<Entry>> + use<'_> {
        let start = ObjectKey::namespaced(namespace, "");
        let namespace = start.namespace.clone();
        self.kinds
            .get(kind)
            .into_iter()
            .flat_map(move |table| table.range(start.clone()..))
            .take_while(move |(key, _)| key.namespace == namespace)
            .map(|(_, entry)| entry)
    }

    pub(super) fn owned(&self, owner: &Uid) -> impl Iterator<Item = &Arc<Entry>> + use<'_> {
        self.owners.get(owner).into_iter().flat_map(RedBlackTreeSetSync::iter)
    }

    pub(super) fn by(
        &self,
        index: &'static str,
        value: &str,
    ) -> impl Iterator<Item = &Arc<Entry>> + use<'_> {
        if !self.definitions.iter().any(|definition| definition.name == index) {
            tracing::error!(index, "the cache has no such index: register it with CacheBuilder");
        }
        let group = self.indexes.get(index).and_then(|values| values.get(value));
        group.into_iter().flat_map(RedBlackTreeSetSync::iter)
    }

    /// Stores an entry; gives the one it replaces.
    pub(super) fn put(&mut self, entry: Arc<Entry>) -> Option<Arc<Entry>> {
        let old = self.remove(entry.kind(), entry.key());
        if let Some(uid) = &entry.object().metadata.uid {
            self.uids.insert_mut(uid.clone(), Arc::clone(&entry));
        }
        for owner in owners(entry.object()) {
            file(&mut self.owners, owner, &entry);
        }
        for (name, value) in self.values(entry.object()) {
            if let Some(index) = self.indexes.get_mut(name) {
                file(index, value, &entry);
            } else {
                let mut index = Index::new_sync();
                file(&mut index, value, &entry);
                self.indexes.insert_mut(name, index);
            }
        }
        if let Some(table) = self.kinds.get_mut(entry.kind()) {
            table.insert_mut(entry.key().clone(), entry);
        } else {
            let mut table = Table::new_sync();
            let kind = entry.kind().clone();
            table.insert_mut(entry.key().clone(), entry);
            self.kinds.insert_mut(kind, table);
        }
        old
    }

    /// Removes an entry.
    pub(super) fn remove(&mut self, kind: &GroupKind, key: &ObjectKey) -> Option<Arc<Entry>> {
        let table = self.kinds.get_mut(kind)?;
        let old = Arc::clone(table.get(key)?);
        table.remove_mut(key);
        if table.is_empty() {
            self.kinds.remove_mut(kind);
        }
        if let Some(uid) = &old.object().metadata.uid {
            self.uids.remove_mut(uid);
        }
        for owner in owners(old.object()) {
            unfile(&mut self.owners, &owner, &old);
        }
        for (name, value) in self.values(old.object()) {
            if let Some(index) = self.indexes.get_mut(name) {
                unfile(index, &value, &old);
            }
        }
        Some(old)
    }

    fn values(&self, object: &Object) -> Vec<(&'static str, String)> {
        let value = |definition: &Definition| Some((definition.name, (definition.value)(object)?));
        self.definitions.iter().filter_map(value).collect()
    }
}

fn owners(object: &Object) -> BTreeSet<Uid> {
    object.metadata.owner_references.iter().map(|reference| reference.uid.clone()).collect()
}

fn file<K: Ord + Clone>(groups: &mut RedBlackTreeMapSync<K, Group>, name: K, entry: &Arc<Entry>) {
    if let Some(group) = groups.get_mut(&name) {
        group.insert_mut(Arc::clone(entry));
    } else {
        let mut group = Group::new_sync();
        group.insert_mut(Arc::clone(entry));
        groups.insert_mut(name, group);
    }
}

fn unfile<K: Ord + Clone>(
    groups: &mut RedBlackTreeMapSync<K, Group>,
    name: &K,
    entry: &Arc<Entry>,
) {
    let Some(group) = groups.get_mut(name) else { return };
    group.remove_mut(entry);
    if group.is_empty() {
        groups.remove_mut(name);
    }
}
