//! Keeps one pod on every node that fits.
//!
//! It promises: a pod on every node whose labels and taints allow it, bound there from the start; at
//! most one on each, or two while an update surges; an update never leaves more nodes without a
//! serving pod than it may; templates of the past are kept for roll-back. Thin where Kubernetes does
//! more: it does not ask the scheduler, so that a pod is also put where resources are short.

mod desired;
mod plan;
mod status;

use crate::ready_since::{Available, ReadySince};
use crate::revision::{self, History};
use crate::share::{Round, resolve};
use crate::{edit, nodes, owned, pods, select, spaces};
use async_trait::async_trait;
use desired::Wanted;
use plan::{Daemon, Limits, Place, Plan};
use quorate_kinds::{DaemonSet, DaemonSetSpec, IntOrString, Node, Pod};
use quorate_reconcile::{
    Backoff, CacheChange, Context, Error, EventType, Next, Reconciler, Snapshot, Watch,
};
use quorate_resources::{Change, Object, Typed};
use quorate_seams::Monotonic;
use quorate_types::{GroupKind, ObjectKey, Uid};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Pods that one pass makes or gives up at most.
const BATCH: usize = 500;
/// Waits before pods that ended are replaced.
const REPLACE: Backoff = Backoff { base: Duration::from_secs(1), limit: Duration::from_secs(900) };

/// The controller.
#[derive(Debug, Default)]
pub(crate) struct DaemonSets {
    ready: ReadySince,
    retries: Mutex<BTreeMap<ObjectKey, Retry>>,
}

/// How often pods that ended were replaced, and when the next may be.
#[derive(Clone, Copy, Debug, Default)]
struct Retry {
    replaced: u32,
    next: Monotonic,
}

/// A set and everything about it at one moment.
struct Seen {
    set: Typed<DaemonSet>,
    pods: Vec<Typed<Pod>>,
    history: History,
    ready: BTreeSet<usize>,
    available: Available,
    places: Vec<Place>,
}

#[async_trait]
impl Reconciler for DaemonSets {
    fn name(&self) -> &'static str {
        "daemonset"
    }

    fn watches(&self) -> Vec<Watch> {
        let pod = || GroupKind::new("", "Pod");
        vec![
            Watch::own(kind()),
            Watch::owned(pod(), kind()),
            Watch::owned(GroupKind::new("apps", "ControllerRevision"), kind()),
            Watch::map(pod(), orphaned),
            Watch::map(nodes::kind(), on_node),
        ]
    }

    async fn reconcile(&self, cx: &Context, key: &ObjectKey) -> Result<Next, Error> {
        let snapshot = cx.snapshot();
        let Some(set) = snapshot.get::<DaemonSet>(key) else {
            self.ready.forget(key);
            self.retries.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
            return Ok(Next::Done);
        };
        let namespace = key.namespace.as_deref().unwrap_or_default();
        if set.object.metadata.is_deleting() || spaces::is_terminating(snapshot, namespace) {
            return Ok(Next::Done);
        }
        let selector = select::from_spec(&set.spec.selector)?;
        let (pods, claims) = owned::pods(snapshot, &set.object, &selector);
        let history = revision::history(snapshot, &set.object);
        if !claims.is_empty() || !history.changes.is_empty() {
            // The writes come back as changes, and the next pass goes on from there.
            cx.commit(claims.into_iter().chain(history.changes).collect()).await?;
            return Ok(Next::Done);
        }
        let now = cx.clock().now();
        let seen = self.see(snapshot, key, set, pods, history, now);
        self.step(cx, key, &seen, now).await
    }
}

impl DaemonSets {
    fn see(
        &self,
        snapshot: &Snapshot,
        key: &ObjectKey,
        set: Typed<DaemonSet>,
        pods: Vec<Typed<Pod>>,
        history: History,
        now: Monotonic,
    ) -> Seen {
        let is_ready = |pod: &&Typed<Pod>| pods::is_active(pod) && pods::is_ready(snapshot, pod);
        let uids: BTreeSet<Uid> = pods.iter().filter(is_ready).filter_map(uid).collect();
        let available = self.ready.observe(key, &uids, set.spec.min_ready_seconds, now);
        let ready = pods.iter().enumerate().filter(|(_, pod)| is_ready(pod)).map(|(at, _)| at);
        let ready = ready.collect();
        let places = places(snapshot, &set, &pods, &history.hash, &available.pods);
        Seen { set, pods, history, ready, available, places }
    }

    async fn step(
        &self,
        cx: &Context,
        key: &ObjectKey,
        seen: &Seen,
        now: Monotonic,
    ) -> Result<Next, Error> {
        let spec = &seen.set.spec;
        let plan = plan::plan(&seen.places, limits(spec, &seen.places));
        let wait = self.wait(key, &plan, seen, now);
        let replacing = !plan.ended.is_empty() && wait.is_none();
        let changes = changes(spec, seen, &plan, wait.is_some());
        if let Err(error) = cx.commit(changes).await {
            if !error.is_stale() && !error.is_fenced() && !error.is_unavailable() {
                let object = &seen.set.object;
                cx.event(object, EventType::Warning, "FailedCreate", error.to_string()).await;
            }
            return Err(error);
        }
        if replacing {
            let mut retries = self.retries.lock().unwrap_or_else(PoisonError::into_inner);
            let retry = retries.entry(key.clone()).or_default();
            retry.replaced = retry.replaced.saturating_add(1);
            retry.next = now + REPLACE.ceiling(retry.replaced);
        }
        let next = [wait, seen.available.next].into_iter().flatten().min();
        Ok(next.map_or(Next::Done, Next::After))
    }

    /// How long pods that ended must wait to be replaced. Once every pod serves, the next one that
    /// ends is replaced at once again.
    fn wait(&self, key: &ObjectKey, plan: &Plan, seen: &Seen, now: Monotonic) -> Option<Duration> {
        let mut retries = self.retries.lock().unwrap_or_else(PoisonError::into_inner);
        if plan.ended.is_empty() {
            if seen.ready.len() == seen.pods.len() && !seen.pods.is_empty() {
                retries.remove(key);
            }
            return None;
        }
        let left = retries.get(key).map_or(Duration::ZERO, |retry| retry.next - now);
        (!left.is_zero()).then_some(left)
    }
}

fn kind() -> GroupKind {
    GroupKind::new("apps", "DaemonSet")
}

fn uid(pod: &Typed<Pod>) -> Option<Uid> {
    pod.object.metadata.uid.clone()
}

/// Every node with what should be and what is there; nodes that are gone and still have pods, too.
fn places(
    snapshot: &Snapshot,
    set: &DaemonSet,
    pods: &[Typed<Pod>],
    hash: &str,
    available: &BTreeSet<Uid>,
) -> Vec<Place> {
    let mut places: BTreeMap<String, Place> = snapshot
        .list::<Node>()
        .map(|node| {
            let name = node.object.metadata.name.clone();
            let wanted = desired::wanted(set, &node);
            (name.clone(), Place { node: name, wanted, pods: Vec::new() })
        })
        .collect();
    for (place, pod) in pods.iter().enumerate() {
        // A pod that is bound nowhere was adopted, and belongs to no node.
        let node = pods::node(pod).unwrap_or_default().to_owned();
        let metadata = &pod.object.metadata;
        let daemon = Daemon {
            place,
            current: revision::hash_of(&pod.object) == hash,
            ended: pods::is_terminal(pod),
            deleting: metadata.is_deleting(),
            available: uid(pod).is_some_and(|uid| available.contains(&uid)),
            created: metadata.creation_timestamp.clone(),
        };
        let gone = Place { node: node.clone(), wanted: Wanted::No, pods: Vec::new() };
        places.entry(node).or_insert(gone).pods.push(daemon);
    }
    places.into_values().collect()
}

fn limits(spec: &DaemonSetSpec, places: &[Place]) -> Limits {
    let desired = places.iter().filter(|place| place.wanted == Wanted::Yes).count();
    let desired = i32::try_from(desired).unwrap_or(i32::MAX);
    let strategy = spec.update_strategy.as_ref();
    let rolling = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
    let count = |share: Option<&IntOrString>, default: i32| {
        let count = share.map_or(default, |share| resolve(share, desired, Round::Up));
        usize::try_from(count).unwrap_or(0)
    };
    Limits {
        max_unavailable: count(rolling.and_then(|it| it.max_unavailable.as_ref()), 1),
        max_surge: count(rolling.and_then(|it| it.max_surge.as_ref()), 0),
        rolling: strategy.and_then(|it| it.type_.as_deref()) != Some("OnDelete"),
    }
}

fn changes(spec: &DaemonSetSpec, seen: &Seen, plan: &Plan, waiting: bool) -> Vec<Change> {
    let hash = &seen.history.hash;
    let made = plan.create.iter().take(BATCH);
    let mut changes: Vec<Change> =
        made.map(|node| Change::Create(desired::pod(&seen.set, node, hash))).collect();
    let ended = plan.ended.iter().filter(|_| !waiting);
    let going: BTreeSet<usize> = plan.delete.iter().chain(ended).copied().collect();
    let going = going.into_iter().take(BATCH);
    changes.extend(going.map(|place| edit::deletion(&seen.pods[place].object)));
    let in_use: BTreeSet<String> =
        seen.pods.iter().map(|pod| revision::hash_of(&pod.object).to_owned()).collect();
    let limit = revision::limit(spec.revision_history_limit);
    changes.extend(seen.history.clean_up(&in_use, limit));
    let generation = seen.set.object.metadata.generation;
    let status = status::status(&seen.places, &seen.ready, generation);
    changes.extend(edit::status(&seen.set.object, status));
    changes
}

/// A pod that nobody controls concerns every set whose selector it matches.
fn orphaned(snapshot: &Snapshot, change: &CacheChange) -> Vec<ObjectKey> {
    owned::orphaned(change, |namespace| {
        let sets = snapshot.list_in::<DaemonSet>(namespace);
        let selector = |set: &Typed<DaemonSet>| select::from_spec(&set.spec.selector).ok();
        sets.map(|set| (set.object.key(), selector(&set))).collect()
    })
}

/// A node that comes, goes, or changes in what daemons look at concerns every set.
fn on_node(snapshot: &Snapshot, change: &CacheChange) -> Vec<ObjectKey> {
    let looked_at = |node: Option<&Object>| {
        node.map(|node| (node.metadata.labels.clone(), node.pointer("/spec/taints").cloned()))
    };
    let same = looked_at(change.old.as_deref()) == looked_at(change.new.as_deref());
    if same && !nodes::turned(change) {
        return Vec::new();
    }
    snapshot.objects(&kind()).map(|set| set.key()).collect()
}

#[cfg(test)]
mod tests;
