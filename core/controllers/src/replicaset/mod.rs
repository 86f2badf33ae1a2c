//! Keeps as many pods of a template as a replica set asks for.
//!
//! It promises: pods are created and given up in one transaction per pass, at most [`BATCH`] each;
//! never more pods than asked for, because each pass sees its own last write; orphans that match
//! are adopted, pods that no longer match are let go. Pods that have ended (`Failed`, `Succeeded`)
//! do not count and are deleted when they are replaced, so that nothing piles up; Kubernetes leaves
//! them to a collector. A set whose pods end again and again replaces them ever more slowly.

mod desired;
mod plan;
mod status;
mod timing;

use crate::claim::{self, Claim};
use crate::{edit, nodes, pods, select, spaces, template};
use async_trait::async_trait;
use plan::Scale;
use quorate_kinds::{Pod, ReplicaSet};
use quorate_reconcile::{
    CacheChange, Context, Error, EventType, Next, Reconciler, Snapshot, Watch,
};
use quorate_resources::{Change, Object, Typed};
use quorate_seams::Monotonic;
use quorate_types::{GroupKind, ObjectKey, Selector, Uid};
use status::Counts;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use timing::Timing;

/// Pods that one pass creates or gives up at most.
const BATCH: usize = 500;

/// The controller.
#[derive(Debug, Default)]
pub(crate) struct ReplicaSets {
    timing: Mutex<BTreeMap<ObjectKey, Timing>>,
}

/// The pods of a set at the snapshot, sorted into what they mean.
#[derive(Default)]
struct Observed {
    active: Vec<Typed<Pod>>,
    ended: Vec<Typed<Pod>>,
    terminating: usize,
    claims: Vec<Change>,
}

#[async_trait]
impl Reconciler for ReplicaSets {
    fn name(&self) -> &'static str {
        "replicaset"
    }

    fn watches(&self) -> Vec<Watch> {
        let kind = GroupKind::new("apps", "ReplicaSet");
        let pod = || GroupKind::new("", "Pod");
        vec![
            Watch::own(kind.clone()),
            Watch::owned(pod(), kind),
            Watch::map(pod(), orphaned),
            Watch::map(nodes::kind(), on_turned_node),
        ]
    }

    async fn reconcile(&self, cx: &Context, key: &ObjectKey) -> Result<Next, Error> {
        let Some(set) = cx.snapshot().get::<ReplicaSet>(key) else {
            self.forget(key);
            return Ok(Next::Done);
        };
        let selector = select::from_spec(&set.spec.selector)?;
        let observed = observe(cx.snapshot(), &set, &selector);
        let now = cx.clock().now();
        let (replacing, next) = self.step(cx, key, &set, &observed, now).await?;
        if replacing {
            self.with(key, |timing| timing.replaced(now));
        }
        Ok(next.map_or(Next::Done, Next::After))
    }
}

impl ReplicaSets {
    /// Makes the writes of one pass; whether pods that ended were replaced, and when to look again.
    /// If so many pods are not allowed (a quota is nearly used up), half of them may be.
    async fn step(
        &self,
        cx: &Context,
        key: &ObjectKey,
        set: &Typed<ReplicaSet>,
        observed: &Observed,
        now: Monotonic,
    ) -> Result<(bool, Option<Duration>), Error> {
        let mut most = BATCH;
        loop {
            let (changes, next) = self.plan(cx.snapshot(), key, set, observed, (now, most));
            let made = changes.iter().filter(|change| matches!(change, Change::Create(_))).count();
            let replacing =
                made > 0 && changes.iter().any(|change| is_deletion_of(change, &observed.ended));
            let Err(error) = cx.commit(changes).await else { return Ok((replacing, next)) };
            if made > 1 && is_denied(&error) {
                most = made / 2;
                continue;
            }
            if !error.is_stale() && !error.is_fenced() && !error.is_unavailable() {
                cx.event(&set.object, EventType::Warning, "FailedCreate", error.to_string()).await;
            }
            return Err(error);
        }
    }

    fn with<T>(&self, key: &ObjectKey, f: impl FnOnce(&mut Timing) -> T) -> T {
        let mut timing = self.timing.lock().unwrap_or_else(PoisonError::into_inner);
        f(timing.entry(key.clone()).or_default())
    }

    fn forget(&self, key: &ObjectKey) {
        self.timing.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// All writes of one pass, with so many new pods at most, and when to look again although nothing
    /// changes.
    ///
    /// The status that is written counts the pods as they are after these very writes: whoever
    /// reads it never sees a pod that this set has already given up.
    fn plan(
        &self,
        snapshot: &Snapshot,
        key: &ObjectKey,
        set: &Typed<ReplicaSet>,
        observed: &Observed,
        (now, most): (Monotonic, usize),
    ) -> (Vec<Change>, Option<Duration>) {
        let namespace = set.object.metadata.namespace.as_deref().unwrap_or_default();
        let frozen =
            set.object.metadata.is_deleting() || spaces::is_terminating(snapshot, namespace);
        let step = if frozen {
            Step::default()
        } else {
            let may_replace = self.with(key, |timing| timing.may_replace(now));
            step(snapshot, set, observed, may_replace, most)
        };
        let (status, later) = self.status(snapshot, key, set, observed, &step, now);
        let mut changes = observed.claims.clone();
        changes.extend(step.creations);
        changes.extend(step.removed.iter().map(|at| edit::deletion(&observed.active[*at].object)));
        let ended = observed.ended.iter().take(step.ended);
        changes.extend(ended.map(|pod| edit::deletion(&pod.object)));
        changes.extend(status);
        (changes, [step.wait, later].into_iter().flatten().min())
    }

    fn status(
        &self,
        snapshot: &Snapshot,
        key: &ObjectKey,
        set: &Typed<ReplicaSet>,
        observed: &Observed,
        step: &Step,
        now: Monotonic,
    ) -> (Option<Change>, Option<Duration>) {
        let minimum = set.spec.min_ready_seconds.unwrap_or(0);
        let minimum = Duration::from_secs(u64::try_from(minimum).unwrap_or(0));
        let kept = || {
            let pods = observed.active.iter().enumerate();
            pods.filter(|(at, _)| !step.removed.contains(at)).map(|(_, pod)| pod)
        };
        let uid = |pod: &Typed<Pod>| pod.object.metadata.uid.clone();
        let ready: BTreeSet<Uid> =
            kept().filter(|pod| pods::is_ready(snapshot, pod)).filter_map(uid).collect();
        let availability = self.with(key, |timing| {
            if observed.ended.is_empty() && ready.len() >= wanted(set) {
                timing.all_well();
            }
            timing.availability(&ready, minimum, now)
        });
        let created = step.creations.len();
        let counts = Counts {
            replicas: kept().count() + created,
            fully_labeled: kept().filter(|pod| is_fully_labeled(set, pod)).count() + created,
            ready: ready.len(),
            available: availability.available,
            terminating: observed.terminating + step.removed.len(),
        };
        let status = status::status(counts, set.object.metadata.generation);
        (edit::status(&set.object, status), availability.next)
    }
}

/// What one pass does about the number of pods.
#[derive(Default)]
struct Step {
    creations: Vec<Change>,
    /// Places in `Observed::active`.
    removed: BTreeSet<usize>,
    /// How many of the pods that ended are deleted.
    ended: usize,
    /// How long pods that ended must wait to be replaced.
    wait: Option<Duration>,
}

fn step(
    snapshot: &Snapshot,
    set: &Typed<ReplicaSet>,
    observed: &Observed,
    may_replace: Result<(), Duration>,
    most: usize,
) -> Step {
    let wanted = wanted(set);
    let candidates: Vec<_> =
        observed.active.iter().map(|pod| desired::candidate(snapshot, pod)).collect();
    // Those that ended and are missed; the others are simply deleted.
    let missed = observed.ended.len().min(wanted.saturating_sub(candidates.len()));
    let wait = may_replace.err().filter(|_| missed > 0);
    let held = if wait.is_some() { missed } else { 0 };
    let mut step = Step { wait, ..Step::default() };
    step.ended = if wait.is_some() { 0 } else { observed.ended.len().min(BATCH) };
    match plan::scale(&candidates, wanted, BATCH) {
        Scale::Keep => {}
        Scale::Add(count) => {
            let create = |_| Change::Create(template::pod(&set.object));
            step.creations = (held..count).take(most).map(create).collect();
        }
        Scale::Remove(places) => step.removed = places.into_iter().collect(),
    }
    step
}

/// Whether admission refuses a write.
fn is_denied(error: &Error) -> bool {
    use quorate_resources::Error::Denied;
    matches!(error, Error::Object(inner) if matches!(**inner, Denied { .. }))
}

fn is_deletion_of(change: &Change, pods: &[Typed<Pod>]) -> bool {
    let Change::Delete { key, .. } = change else { return false };
    pods.iter().any(|pod| pod.object.key() == *key)
}

fn wanted(set: &Typed<ReplicaSet>) -> usize {
    let replicas = set.spec.replicas.unwrap_or(1);
    usize::try_from(replicas).unwrap_or(0)
}

/// The pods of the set: owned ones and matching orphans; those it lets go only appear as a write.
fn observe(snapshot: &Snapshot, set: &Typed<ReplicaSet>, selector: &Selector) -> Observed {
    let mut observed = Observed::default();
    let Some(uid) = &set.object.metadata.uid else { return observed };
    let namespace = set.object.metadata.namespace.as_deref().unwrap_or_default();
    let orphans = snapshot
        .select::<Pod>(namespace, selector)
        .into_iter()
        .filter(|pod| pod.object.metadata.controller().is_none());
    for pod in snapshot.owned_by::<Pod>(uid).into_iter().chain(orphans) {
        match claim::claim(&set.object, selector, &pod.object) {
            Claim::Keep => {}
            Claim::Adopt => observed.claims.push(claim::adoption(&set.object, &pod.object)),
            Claim::Release => {
                observed.claims.push(claim::release(uid, &pod.object));
                continue;
            }
            Claim::Ignore => continue,
        }
        if pods::is_active(&pod) {
            observed.active.push(pod);
        } else if pod.object.metadata.is_deleting() {
            observed.terminating += 1;
        } else {
            observed.ended.push(pod);
        }
    }
    observed
}

/// Whether a pod carries every label of the template, which a selector need not ask for.
fn is_fully_labeled(set: &Typed<ReplicaSet>, pod: &Typed<Pod>) -> bool {
    let labels = set.object.pointer("/spec/template/metadata/labels").and_then(|l| l.as_object());
    labels.into_iter().flatten().all(|(key, value)| {
        pod.object.metadata.labels.get(key).map(String::as_str) == value.as_str()
    })
}

/// A pod that nobody controls concerns every set whose selector it matches.
fn orphaned(snapshot: &Snapshot, change: &CacheChange) -> Vec<ObjectKey> {
    let Some(pod) = change.new.as_deref() else { return Vec::new() };
    let Some(namespace) = pod.metadata.namespace.as_deref() else { return Vec::new() };
    if pod.metadata.controller().is_some() {
        return Vec::new();
    }
    snapshot
        .list_in::<ReplicaSet>(namespace)
        .filter(|set| {
            select::from_spec(&set.spec.selector)
                .is_ok_and(|selector| selector.matches_map(&pod.metadata.labels))
        })
        .map(|set| set.object.key())
        .collect()
}

/// A node that is lost or comes back changes which pods serve.
fn on_turned_node(snapshot: &Snapshot, change: &CacheChange) -> Vec<ObjectKey> {
    if !nodes::turned(change) {
        return Vec::new();
    }
    nodes::pods_on(snapshot, &change.key.name).filter_map(|pod| set_of(&pod)).collect()
}

fn set_of(pod: &Object) -> Option<ObjectKey> {
    let reference = pod.metadata.controller().filter(|owner| owner.kind == "ReplicaSet")?;
    Some(ObjectKey::namespaced(pod.metadata.namespace.clone()?, reference.name.clone()))
}

#[cfg(test)]
mod tests;
