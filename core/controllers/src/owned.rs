//! The pods of a workload: those it owns, orphans it adopts, and those it lets go.

use crate::claim::{self, Claim};
use quorate_kinds::Pod;
use quorate_reconcile::{CacheChange, Snapshot};
use quorate_resources::{Change, Object, Typed};
use quorate_types::{ObjectKey, Selector};

/// The pods of the owner, and the writes that adopt or release some first.
pub(crate) fn pods(
    snapshot: &Snapshot,
    owner: &Object,
    selector: &Selector,
) -> (Vec<Typed<Pod>>, Vec<Change>) {
    let (mut pods, mut changes) = (Vec::new(), Vec::new());
    let Some(uid) = &owner.metadata.uid else { return (pods, changes) };
    let namespace = owner.metadata.namespace.as_deref().unwrap_or_default();
    let orphans = snapshot
        .select::<Pod>(namespace, selector)
        .into_iter()
        .filter(|pod| pod.object.metadata.controller().is_none());
    for pod in snapshot.owned_by::<Pod>(uid).into_iter().chain(orphans) {
        match claim::claim(owner, selector, &pod.object) {
            Claim::Keep => pods.push(pod),
            Claim::Adopt => changes.push(claim::adoption(owner, &pod.object)),
            Claim::Release => changes.push(claim::release(uid, &pod.object)),
            Claim::Ignore => {}
        }
    }
    (pods, changes)
}

/// The workloads that a pod concerns which nobody controls: those of its namespace whose selector,
/// as the function gives it, matches it.
pub(crate) fn orphaned(
    change: &CacheChange,
    workloads: impl FnOnce(&str) -> Vec<(ObjectKey, Option<Selector>)>,
) -> Vec<ObjectKey> {
    let Some(pod) = change.new.as_deref() else { return Vec::new() };
    let Some(namespace) = pod.metadata.namespace.as_deref() else { return Vec::new() };
    if pod.metadata.controller().is_some() {
        return Vec::new();
    }
    let matches = |selector: &Selector| selector.matches_map(&pod.metadata.labels);
    let all = workloads(namespace).into_iter();
    all.filter(|(_, selector)| selector.as_ref().is_some_and(matches)).map(|(key, _)| key).collect()
}

/// The workload of a kind that controls a pod.
pub(crate) fn controller_key(pod: &Object, kind: &str) -> Option<ObjectKey> {
    let reference = pod.metadata.controller().filter(|owner| owner.kind == kind)?;
    Some(ObjectKey::namespaced(pod.metadata.namespace.clone()?, reference.name.clone()))
}
