//! What to do about the dependents of one owner.

use quorate_resources::{Change, DeleteOptions, Object, Propagation};
use quorate_types::Uid;
use std::sync::Arc;

/// The finalizer of an owner that goes only after its dependents.
pub(super) const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer of an owner that leaves its dependents behind.
pub(super) const ORPHAN: &str = "orphan";

/// How an owner stands, as far as its dependents are concerned.
#[derive(Clone, Debug)]
pub(super) enum Owner {
    /// It is there, and nothing is asked of its dependents.
    Alive,
    /// It is gone.
    Gone,
    /// It waits until its dependents are gone.
    Foreground(Arc<Object>),
    /// It waits until its dependents have forgotten it.
    Orphaning(Arc<Object>),
}

/// How an object that is still there stands.
pub(super) fn standing(owner: Arc<Object>) -> Owner {
    let waits_for = |finalizer: &str| owner.metadata.finalizers.iter().any(|own| own == finalizer);
    if !owner.metadata.is_deleting() {
        Owner::Alive
    } else if waits_for(ORPHAN) {
        Owner::Orphaning(owner)
    } else if waits_for(FOREGROUND) {
        Owner::Foreground(owner)
    } else {
        Owner::Alive
    }
}

/// The writes for an owner's dependents. `has_other` says whether a dependent has another owner
/// that is still there: then it only loses the reference.
pub(super) fn plan(
    owner: &Owner,
    uid: &Uid,
    dependents: &[Arc<Object>],
    has_other: impl Fn(&Object) -> bool,
) -> Vec<Change> {
    let forget = |dependent: &Arc<Object>| crate::claim::release(uid, dependent);
    let drop = |propagation: Propagation| {
        dependents.iter().filter_map(move |dependent| {
            if has_other(dependent) {
                return Some(forget(dependent));
            }
            (!dependent.metadata.is_deleting()).then(|| deletion(dependent, propagation))
        })
    };
    match owner {
        Owner::Alive => Vec::new(),
        Owner::Gone => drop(Propagation::Background).collect(),
        Owner::Orphaning(_) => dependents.iter().map(forget).collect(),
        Owner::Foreground(_) => drop(Propagation::Foreground).collect(),
    }
}

/// The write that lets a waiting owner go, once its dependents allow it.
pub(super) fn letting_go(owner: &Owner, uid: &Uid, dependents: &[Arc<Object>]) -> Option<Change> {
    match owner {
        Owner::Alive | Owner::Gone => None,
        Owner::Orphaning(owner) => dependents.is_empty().then(|| without(owner, ORPHAN)),
        Owner::Foreground(owner) => {
            let blocked = dependents.iter().any(|dependent| blocks(dependent, uid));
            (!blocked).then(|| without(owner, FOREGROUND))
        }
    }
}

fn blocks(dependent: &Object, owner: &Uid) -> bool {
    let references = &dependent.metadata.owner_references;
    references.iter().any(|reference| reference.uid == *owner && reference.block_owner_deletion)
}

fn without(owner: &Arc<Object>, finalizer: &str) -> Change {
    let mut object = (**owner).clone();
    object.metadata.finalizers.retain(|own| own != finalizer);
    Change::Update { object, old: Some(Arc::clone(owner)) }
}

fn deletion(object: &Arc<Object>, propagation: Propagation) -> Change {
    Change::Delete {
        kind: object.group_kind(),
        key: object.key(),
        options: DeleteOptions {
            propagation,
            uid: object.metadata.uid.clone(),
            ..DeleteOptions::default()
        },
        old: Some(Arc::clone(object)),
    }
}
