//! From a changed object to the keys that have to be looked at.

use crate::{CacheChange, Snapshot};
use quorate_resources::{Object, OwnerReference};
use quorate_types::{GroupKind, ObjectKey};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

type Mapping = Arc<dyn Fn(&Snapshot, &CacheChange) -> Vec<ObjectKey> + Send + Sync>;

/// A kind whose changes concern a reconciler, and the keys they lead to.
#[derive(Clone)]
pub struct Watch {
    /// `None` for every kind.
    kind: Option<GroupKind>,
    route: Route,
}

#[derive(Clone)]
enum Route {
    Own,
    Owned(GroupKind),
    Map(Mapping),
}

impl Watch {
    /// Changes of the kind lead to the changed object itself.
    #[must_use]
    pub fn own(kind: GroupKind) -> Self {
        Self { kind: Some(kind), route: Route::Own }
    }

    /// Changes of the kind lead to the object of kind `owner` that controls it or did so before.
    #[must_use]
    pub fn owned(kind: GroupKind, owner: GroupKind) -> Self {
        Self { kind: Some(kind), route: Route::Owned(owner) }
    }

    /// Changes of the kind lead to the keys that the function names. It runs on the runtime's own
    /// task and must be quick; the snapshot it gets is the one in which the change appeared.
    pub fn map(
        kind: GroupKind,
        f: impl Fn(&Snapshot, &CacheChange) -> Vec<ObjectKey> + Send + Sync + 'static,
    ) -> Self {
        Self { kind: Some(kind), route: Route::Map(Arc::new(f)) }
    }

    /// As [`Watch::map`], for changes of every kind.
    pub fn any(
        f: impl Fn(&Snapshot, &CacheChange) -> Vec<ObjectKey> + Send + Sync + 'static,
    ) -> Self {
        Self { kind: None, route: Route::Map(Arc::new(f)) }
    }

    /// Whether changes of the kind are looked at.
    #[must_use]
    pub fn concerns(&self, kind: &GroupKind) -> bool {
        self.kind.as_ref().is_none_or(|own| own == kind)
    }

    /// The keys that a change leads to; none if it is of another kind.
    #[must_use]
    pub fn keys(&self, snapshot: &Snapshot, change: &CacheChange) -> Vec<ObjectKey> {
        if !self.concerns(&change.kind) {
            return Vec::new();
        }
        match &self.route {
            Route::Own => vec![change.key.clone()],
            Route::Owned(owner) => owner_keys(snapshot, change, owner),
            Route::Map(f) => f(snapshot, change),
        }
    }
}

/// Both versions count: an object that was released concerns its former owner, too.
fn owner_keys(snapshot: &Snapshot, change: &CacheChange, owner: &GroupKind) -> Vec<ObjectKey> {
    let versions = [change.old.as_deref(), change.new.as_deref()];
    let keys: BTreeSet<ObjectKey> = versions
        .into_iter()
        .flatten()
        .filter_map(|object| {
            let reference = object.metadata.controller().filter(|r| is_kind(r, owner))?;
            Some(owner_key(snapshot, object, owner, reference))
        })
        .collect();
    keys.into_iter().collect()
}

/// Whether a reference points at an object of the kind, in any version.
pub(crate) fn is_kind(reference: &OwnerReference, kind: &GroupKind) -> bool {
    let group = reference.api_version.rsplit_once('/').map_or("", |(group, _)| group);
    reference.kind == kind.kind && group == kind.group
}

/// An owner lives in the namespace of what it owns, or in none.
fn owner_key(
    snapshot: &Snapshot,
    object: &Object,
    owner: &GroupKind,
    reference: &OwnerReference,
) -> ObjectKey {
    let cluster = ObjectKey::cluster(reference.name.clone());
    match &object.metadata.namespace {
        Some(namespace) if snapshot.object(owner, &cluster).is_none() => {
            ObjectKey::namespaced(namespace.clone(), reference.name.clone())
        }
        _ => cluster,
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let route = match &self.route {
            Route::Own => "own".to_owned(),
            Route::Owned(owner) => format!("owned by {owner}"),
            Route::Map(_) => "mapped".to_owned(),
        };
        match &self.kind {
            Some(kind) => write!(f, "Watch({kind}, {route})"),
            None => write!(f, "Watch(every kind, {route})"),
        }
    }
}
