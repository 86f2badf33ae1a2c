//! From the replica sets that are there and the sizes they should have to the writes.

use super::desired::{REVISION, revision_of};
use super::rollout::{Size, Sizes};
use crate::edit;
use quorate_kinds::ReplicaSet;
use quorate_resources::{Change, Object, Typed};
use serde_json::json;
use std::sync::Arc;

/// A deployment's replica sets: the one of its template, if it exists, and the others, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Sets {
    pub(super) new: Option<Typed<ReplicaSet>>,
    pub(super) old: Vec<Typed<ReplicaSet>>,
}

impl Sets {
    /// Sorts the sets of a deployment by what they are for it.
    pub(super) fn sort(mut all: Vec<Typed<ReplicaSet>>, hash: &str) -> Self {
        all.sort_by(|a, b| age(&a.object).cmp(&age(&b.object)));
        let label = super::desired::TEMPLATE_HASH;
        let is_new = |set: &Typed<ReplicaSet>| {
            set.object.metadata.labels.get(label).is_some_and(|own| own == hash)
        };
        // The oldest one if there should be two, as in Kubernetes: nothing is started anew.
        let new = all.iter().position(is_new).map(|at| all.remove(at));
        Self { new, old: all }
    }

    /// The revision number that the new set has or gets: above every other.
    pub(super) fn revision(&self) -> i64 {
        let newest_old = self.old.iter().map(|set| revision_of(&set.object)).max().unwrap_or(0);
        let own = self.new.as_ref().map_or(0, |set| revision_of(&set.object));
        if own > newest_old { own } else { newest_old + 1 }
    }
}

fn age(set: &Object) -> (i64, Option<&String>, &String) {
    let metadata = &set.metadata;
    (revision_of(set), metadata.creation_timestamp.as_ref(), &metadata.name)
}

/// A set as the rollout sees it.
pub(super) fn size(set: &Typed<ReplicaSet>) -> Size {
    let status = set.status.as_ref();
    Size {
        wanted: set.spec.replicas.unwrap_or(1),
        existing: status.map_or(0, |status| status.replicas),
        available: status.and_then(|status| status.available_replicas).unwrap_or(0),
    }
}

/// Writes for every set whose size or revision changes.
pub(super) fn resize(sets: &Sets, sizes: &Sizes, revision: i64) -> Vec<Change> {
    let new = sets.new.iter().filter_map(|set| {
        let mut object = sized(set, sizes.new);
        object.metadata.annotations.insert(REVISION.to_owned(), revision.to_string());
        edit::update(&set.object, object)
    });
    let old = sets.old.iter().zip(&sizes.old);
    let old = old.filter_map(|(set, size)| edit::update(&set.object, sized(set, *size)));
    new.chain(old).collect()
}

fn sized(set: &Typed<ReplicaSet>, size: i32) -> Object {
    let mut object = (*set.object).clone();
    edit::set_field(&mut object, &["spec", "replicas"], json!(size));
    object
}

/// Deletions of empty old sets beyond the history limit, the oldest first.
pub(super) fn clean_up(sets: &Sets, limit: usize) -> Vec<Change> {
    let is_empty = |set: &&Typed<ReplicaSet>| {
        let size = size(set);
        size.wanted == 0 && size.existing == 0 && !set.object.metadata.is_deleting()
    };
    let empty: Vec<_> = sets.old.iter().filter(is_empty).collect();
    let surplus = empty.len().saturating_sub(limit);
    empty.into_iter().take(surplus).map(|set| edit::deletion(&set.object)).collect()
}

/// The write that shows the revision on the deployment itself, if it does not yet.
pub(super) fn show_revision(deployment: &Arc<Object>, revision: i64) -> Option<Change> {
    let mut object = (**deployment).clone();
    object.metadata.annotations.insert(REVISION.to_owned(), revision.to_string());
    edit::update(deployment, object)
}
