//! Keeps pods that have a name and storage of their own.
//!
//! It promises: the pods of a set are called after their ordinals, and never are there two of one
//! name; in order, each waits until all before it serve; an exchange of the template goes from the
//! last to the first, down to the partition; a pod gets its claims before it is made and finds them
//! again when it is made anew. A pod that nobody can confirm to be gone is not replaced.

mod claims;
mod desired;
mod plan;
mod status;

use crate::ready_since::{Available, ReadySince};
use crate::revision::{self, History};
use crate::share::{Round, resolve};
use crate::{edit, nodes, owned, pods, select, spaces};
use async_trait::async_trait;
use plan::{Plan, Replica, Wanted};
use quorate_kinds::{Pod, StatefulSet, StatefulSetSpec};
use quorate_reconcile::{
    CacheChange, Context, Error, EventType, Next, Reconciler, Snapshot, Watch,
};
use quorate_resources::{Change, Object, Typed};
use quorate_types::{GroupKind, ObjectKey, Uid};
use serde_json::Value;
use status::Facts;
use std::collections::{BTreeMap, BTreeSet};

/// Pods that one pass makes or gives up at most.
const BATCH: usize = 500;

/// The controller.
#[derive(Debug, Default)]
pub(crate) struct StatefulSets {
    ready: ReadySince,
}

/// A set and everything about it at one moment.
struct Seen<'s> {
    snapshot: &'s Snapshot,
    set: Typed<StatefulSet>,
    pods: BTreeMap<i32, Typed<Pod>>,
    history: History,
    /// Hash of the revision that the set comes from.
    current: String,
    wanted: Vec<Replica>,
    condemned: Vec<Replica>,
}

#[async_trait]
impl Reconciler for StatefulSets {
    fn name(&self) -> &'static str {
        "statefulset"
    }

    fn watches(&self) -> Vec<Watch> {
        let pod = || GroupKind::new("", "Pod");
        vec![
            Watch::own(kind()),
            Watch::owned(pod(), kind()),
            Watch::owned(GroupKind::new("apps", "ControllerRevision"), kind()),
            Watch::map(pod(), orphaned),
            Watch::map(claims::kind(), of_claim),
            Watch::map(nodes::kind(), on_turned_node),
        ]
    }

    async fn reconcile(&self, cx: &Context, key: &ObjectKey) -> Result<Next, Error> {
        let snapshot = cx.snapshot();
        let Some(set) = snapshot.get::<StatefulSet>(key) else {
            self.ready.forget(key);
            return Ok(Next::Done);
        };
        let namespace = key.namespace.as_deref().unwrap_or_default();
        if set.object.metadata.is_deleting() || spaces::is_terminating(snapshot, namespace) {
            return Ok(Next::Done);
        }
        let spec = set.spec.clone();
        let selector = select::from_spec(&spec.selector)?;
        let (pods, claims) = owned::pods(snapshot, &set.object, &selector);
        let history = revision::history(snapshot, &set.object);
        if !claims.is_empty() || !history.changes.is_empty() {
            // The writes come back as changes, and the next pass goes on from there.
            cx.commit(claims.into_iter().chain(history.changes).collect()).await?;
            return Ok(Next::Done);
        }
        let available = self.available(cx, key, &spec, &pods);
        let next = available.next;
        let seen = see(snapshot, set, &spec, pods, history, &available.pods);
        let changes = changes(&seen, &spec);
        if let Err(error) = cx.commit(changes).await {
            if !error.is_stale() && !error.is_fenced() && !error.is_unavailable() {
                let object = &seen.set.object;
                cx.event(object, EventType::Warning, "FailedCreate", error.to_string()).await;
            }
            return Err(error);
        }
        Ok(next.map_or(Next::Done, Next::After))
    }
}

impl StatefulSets {
    fn available(
        &self,
        cx: &Context,
        key: &ObjectKey,
        spec: &StatefulSetSpec,
        pods: &[Typed<Pod>],
    ) -> Available {
        let ready = pods.iter().filter(|pod| is_ready(cx.snapshot(), pod));
        let ready: BTreeSet<Uid> =
            ready.filter_map(|pod| pod.object.metadata.uid.clone()).collect();
        self.ready.observe(key, &ready, spec.min_ready_seconds, cx.clock().now())
    }
}

fn kind() -> GroupKind {
    GroupKind::new("apps", "StatefulSet")
}

fn is_ready(snapshot: &Snapshot, pod: &Typed<Pod>) -> bool {
    pods::phase(pod) == "Running" && pods::is_ready(snapshot, pod)
}

fn see<'s>(
    snapshot: &'s Snapshot,
    set: Typed<StatefulSet>,
    spec: &StatefulSetSpec,
    all: Vec<Typed<Pod>>,
    history: History,
    available: &BTreeSet<Uid>,
) -> Seen<'s> {
    let name = set.object.metadata.name.clone();
    let ordinal = |pod: &Typed<Pod>| desired::ordinal(&name, &pod.object.metadata.name);
    let pods: BTreeMap<i32, Typed<Pod>> =
        all.into_iter().filter_map(|pod| Some((ordinal(&pod)?, pod))).collect();
    let start = spec.ordinals.as_ref().and_then(|ordinals| ordinals.start).unwrap_or(0);
    let range = start..start.saturating_add(spec.replicas.unwrap_or(1).max(0));
    let replica = |ordinal: i32| replica(snapshot, ordinal, pods.get(&ordinal), available);
    let wanted = range.clone().map(replica).collect();
    let condemned = pods.keys().filter(|at| !range.contains(*at)).map(|at| replica(*at)).collect();
    let current = set.object.pointer("/status/currentRevision").and_then(Value::as_str);
    let current = current.and_then(|name| history.hash_of_name(name)).unwrap_or(&history.hash);
    let current = current.to_owned();
    Seen { snapshot, set, pods, history, current, wanted, condemned }
}

fn replica(
    snapshot: &Snapshot,
    ordinal: i32,
    pod: Option<&Typed<Pod>>,
    available: &BTreeSet<Uid>,
) -> Replica {
    let Some(pod) = pod else { return Replica { ordinal, ..Replica::default() } };
    let metadata = &pod.object.metadata;
    Replica {
        ordinal,
        exists: true,
        deleting: metadata.is_deleting(),
        ended: pods::is_terminal(pod),
        ready: is_ready(snapshot, pod),
        available: metadata.uid.as_ref().is_some_and(|uid| available.contains(uid)),
        hash: revision::hash_of(&pod.object).to_owned(),
    }
}

/// Where an exchange stops, and whether there is any.
fn partition(spec: &StatefulSetSpec) -> Option<i32> {
    let strategy = spec.update_strategy.as_ref();
    if strategy.and_then(|strategy| strategy.type_.as_deref()) == Some("OnDelete") {
        return None;
    }
    let rolling = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
    Some(rolling.and_then(|rolling| rolling.partition).unwrap_or(0))
}

fn wanted(seen: &Seen<'_>, spec: &StatefulSetSpec) -> Wanted {
    let rolling = spec.update_strategy.as_ref().and_then(|it| it.rolling_update.as_ref());
    let replicas = spec.replicas.unwrap_or(1);
    let most = rolling.and_then(|rolling| rolling.max_unavailable.as_ref());
    let most = most.map_or(1, |share| resolve(share, replicas, Round::Up).max(1));
    Wanted {
        ordered: spec.pod_management_policy.as_deref() != Some("Parallel"),
        update: seen.history.hash.clone(),
        partition: partition(spec),
        max_unavailable: usize::try_from(most).unwrap_or(1),
    }
}

fn changes(seen: &Seen<'_>, spec: &StatefulSetSpec) -> Vec<Change> {
    let wanted = wanted(seen, spec);
    let plan = plan::plan(&seen.wanted, &seen.condemned, &wanted);
    let mut changes = Vec::new();
    for ordinal in plan.create.iter().take(BATCH) {
        // The claims of the last pod of this name may still be going.
        if claims::is_going(seen.snapshot, &seen.set.object, *ordinal) {
            continue;
        }
        changes.extend(claims::missing(seen.snapshot, &seen.set, *ordinal));
        changes.push(Change::Create(new_pod(seen, &wanted, *ordinal)));
    }
    changes.extend(kept_claims(seen));
    let going = plan.delete.iter().take(BATCH).filter_map(|ordinal| seen.pods.get(ordinal));
    changes.extend(going.map(|pod| edit::deletion(&pod.object)));
    let in_use: BTreeSet<String> = seen
        .pods
        .values()
        .map(|pod| revision::hash_of(&pod.object).to_owned())
        .chain([seen.current.clone()])
        .collect();
    changes.extend(seen.history.clean_up(&in_use, revision::limit(spec.revision_history_limit)));
    changes.extend(edit::status(&seen.set.object, report(seen, spec, &plan)));
    changes
}

/// The owners of the claims of all pods that are there.
fn kept_claims(seen: &Seen<'_>) -> Vec<Change> {
    let leaving: BTreeSet<i32> = seen.condemned.iter().map(|one| one.ordinal).collect();
    let claims = seen.pods.iter().flat_map(|(ordinal, pod)| {
        claims::owned(seen.snapshot, &seen.set, pod, leaving.contains(ordinal))
    });
    claims.collect()
}

/// Ordinals below the partition are made of the template that the set comes from.
fn new_pod(seen: &Seen<'_>, wanted: &Wanted, ordinal: i32) -> Object {
    let old = wanted.partition.is_some_and(|partition| ordinal < partition);
    let hash = if old { &seen.current } else { &wanted.update };
    let template = seen.history.template(&seen.set.object, hash);
    desired::pod(&seen.set, ordinal, &template, hash)
}

fn report(seen: &Seen<'_>, spec: &StatefulSetSpec, plan: &Plan) -> Value {
    let mut replicas: Vec<Replica> = seen.wanted.iter().chain(&seen.condemned).cloned().collect();
    // The status tells of the pods as they are after this very pass.
    for replica in &mut replicas {
        replica.deleting |= plan.delete.contains(&replica.ordinal);
    }
    let name = |hash: &str| seen.history.name_of(hash).unwrap_or(&seen.history.current).to_owned();
    let (current, update) = (name(&seen.current), name(&seen.history.hash));
    status::status(Facts {
        replicas: &replicas,
        wanted: usize::try_from(spec.replicas.unwrap_or(1)).unwrap_or(0),
        rolling: partition(spec).is_some(),
        current: (&seen.current, &current),
        update: (&seen.history.hash, &update),
        generation: seen.set.object.metadata.generation,
    })
}

/// A pod that nobody controls concerns every set whose selector it matches.
fn orphaned(snapshot: &Snapshot, change: &CacheChange) -> Vec<ObjectKey> {
    owned::orphaned(change, |namespace| {
        let sets = snapshot.list_in::<StatefulSet>(namespace);
        let selector = |set: &Typed<StatefulSet>| select::from_spec(&set.spec.selector).ok();
        sets.map(|set| (set.object.key(), selector(&set))).collect()
    })
}

/// A claim that is gone may be what a pod waits for.
fn of_claim(snapshot: &Snapshot, change: &CacheChange) -> Vec<ObjectKey> {
    if change.new.is_some() {
        return Vec::new();
    }
    let namespace = change.key.namespace.as_deref().unwrap_or_default();
    let made = |set: &std::sync::Arc<Object>| {
        desired::claim_templates(set).any(|template| {
            let prefix = desired::claim_name(desired::name_of(template), &set.metadata.name);
            change.key.name.starts_with(&prefix)
        })
    };
    snapshot.objects_in(&kind(), namespace).filter(made).map(|set| set.key()).collect()
}

/// A node that is lost or comes back changes which pods serve.
fn on_turned_node(snapshot: &Snapshot, change: &CacheChange) -> Vec<ObjectKey> {
    if !nodes::turned(change) {
        return Vec::new();
    }
    let pods = nodes::pods_on(snapshot, &change.key.name);
    pods.filter_map(|pod| owned::controller_key(&pod, "StatefulSet")).collect()
}

#[cfg(test)]
mod tests;
