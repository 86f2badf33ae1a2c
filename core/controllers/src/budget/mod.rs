//! Says how many pods of a disruption budget may be evicted.
//!
//! It promises: the number in the status is never more than what the budget allows for the pods as
//! they were when it was written. An eviction takes one off in the transaction that deletes the pod,
//! so that two evictions never use the same one.

mod plan;

use crate::condition::Condition;
use crate::{condition, edit, nodes, pods};
use async_trait::async_trait;
use plan::Counts;
use quorate_kinds::{LabelSelector, Pod, PodDisruptionBudget};
use quorate_reconcile::{CacheChange, Context, Error, Next, Reconciler, Snapshot, Watch};
use quorate_resources::{Object, Registry, Typed, timestamp};
use quorate_types::{GroupKind, ObjectKey, Selector, Uid};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Owners above a pod that are looked at: a pod of a set of a deployment has two.
const DEPTH: usize = 8;

/// The controller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budgets;

#[async_trait]
impl Reconciler for Budgets {
    fn name(&self) -> &'static str {
        "disruption"
    }

    fn watches(&self) -> Vec<Watch> {
        let scaled = ["Deployment", "ReplicaSet", "StatefulSet"];
        let scaled = scaled.map(|kind| Watch::map(GroupKind::new("apps", kind), in_namespace));
        let own = [
            Watch::own(kind()),
            Watch::map(GroupKind::new("", "Pod"), of_pod),
            Watch::map(nodes::kind(), on_turned_node),
        ];
        own.into_iter().chain(scaled).collect()
    }

    async fn reconcile(&self, cx: &Context, key: &ObjectKey) -> Result<Next, Error> {
        let snapshot = cx.snapshot();
        let Some(budget) = snapshot.get::<PodDisruptionBudget>(key) else { return Ok(Next::Done) };
        let now = timestamp::format(cx.now());
        let status = status(snapshot, cx.objects().registry(), &budget, &now);
        cx.commit(edit::status(&budget.object, status).into_iter().collect()).await?;
        Ok(Next::Done)
    }
}

fn kind() -> GroupKind {
    GroupKind::new("policy", "PodDisruptionBudget")
}

/// Reads a selector: without one nothing is chosen, an empty one chooses everything.
pub(crate) fn selector(spec: Option<&LabelSelector>) -> Option<Selector> {
    let spec = spec?;
    let labels = spec.match_labels.iter().flatten();
    let selector = Selector::from_labels(labels.map(|(key, value)| (key.as_str(), value)));
    spec.match_expressions.iter().flatten().try_fold(selector, |selector, one| {
        let values = one.values.as_deref().unwrap_or_default();
        selector.and_expression(&one.key, &one.operator, values).ok()
    })
}

fn status(
    snapshot: &Snapshot,
    registry: &Registry,
    budget: &Typed<PodDisruptionBudget>,
    now: &str,
) -> Value {
    let before = budget.object.body.get("status").unwrap_or(&Value::Null);
    let mut conditions = condition::list(before);
    let (counts, said) = match counts(snapshot, registry, budget) {
        Ok(counts) if counts.allowed() > 0 => (counts, (true, "SufficientPods", String::new())),
        Ok(counts) => {
            let text = format!("{} of {} pods that must serve do", counts.healthy, counts.desired);
            (counts, (false, "InsufficientPods", text))
        }
        // Without knowing how many there should be, nothing may be taken away.
        Err(message) => (Counts::default(), (false, "SyncFailed", message)),
    };
    Condition::new("DisruptionAllowed", said.0, said.1, said.2).set(&mut conditions, now);
    json!({
        "disruptionsAllowed": counts.allowed(),
        "currentHealthy": counts.healthy,
        "desiredHealthy": counts.desired,
        "expectedPods": counts.expected,
        "observedGeneration": budget.object.metadata.generation,
        "conditions": conditions,
    })
}

fn counts(
    snapshot: &Snapshot,
    registry: &Registry,
    budget: &Typed<PodDisruptionBudget>,
) -> Result<Counts, String> {
    let Some(spec) = &budget.spec else { return Ok(Counts::default()) };
    let namespace = budget.object.metadata.namespace.as_deref().unwrap_or_default();
    let chosen = selector(spec.selector.as_ref());
    let chosen = chosen.map(|selector| snapshot.select::<Pod>(namespace, &selector));
    let chosen = chosen.unwrap_or_default();
    let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    let scale = if plan::needs_scale(spec) { scale(snapshot, registry, &chosen)? } else { 0 };
    let healthy = |pod: &&Typed<Pod>| pods::is_active(pod) && pods::is_ready(snapshot, pod);
    let healthy = count(chosen.iter().filter(healthy).count());
    Ok(plan::counts(spec, count(chosen.len()), scale, healthy))
}

/// How many pods the owners of these ask for.
fn scale(snapshot: &Snapshot, registry: &Registry, pods: &[Typed<Pod>]) -> Result<i32, String> {
    let mut owners: BTreeMap<Uid, i64> = BTreeMap::new();
    for pod in pods {
        let (uid, replicas) = owner(snapshot, registry, &pod.object).ok_or_else(|| {
            let name = &pod.object.metadata.name;
            format!("pod {name} has no owner that can be scaled: use minAvailable with a number")
        })?;
        owners.insert(uid, replicas);
    }
    Ok(i32::try_from(owners.values().sum::<i64>()).unwrap_or(i32::MAX))
}

/// The highest owner of a pod that can be scaled, and how many pods it asks for.
fn owner(snapshot: &Snapshot, registry: &Registry, pod: &Object) -> Option<(Uid, i64)> {
    let mut found = None;
    let mut next = pod.metadata.controller().map(|owner| owner.uid.clone());
    for _ in 0..DEPTH {
        let Some(object) = next.take().and_then(|uid| snapshot.by_uid(&uid)) else { break };
        let paths = registry.kind(&object.group_kind()).and_then(|info| info.scale.as_ref());
        if let (Some(paths), Some(uid)) = (paths, &object.metadata.uid) {
            let replicas = object.pointer(&paths.spec_replicas).and_then(Value::as_i64);
            found = Some((uid.clone(), replicas.unwrap_or(1)));
        }
        next = object.metadata.controller().map(|owner| owner.uid.clone());
    }
    found
}

/// A pod concerns the budgets that choose it or chose it before.
fn of_pod(snapshot: &Snapshot, change: &CacheChange) -> Vec<ObjectKey> {
    let versions = [change.old.as_ref(), change.new.as_ref()];
    let pods: Vec<&Arc<Object>> = versions.into_iter().flatten().collect();
    let namespace = change.key.namespace.as_deref().unwrap_or_default();
    let budgets = snapshot.list_in::<PodDisruptionBudget>(namespace);
    budgets
        .filter(|budget| {
            let spec = budget.spec.as_ref().and_then(|spec| spec.selector.as_ref());
            selector(spec).is_some_and(|selector| {
                pods.iter().any(|pod| selector.matches_map(&pod.metadata.labels))
            })
        })
        .map(|budget| budget.object.key())
        .collect()
}

/// A change of what can be scaled concerns the budgets of its namespace.
fn in_namespace(snapshot: &Snapshot, change: &CacheChange) -> Vec<ObjectKey> {
    let replicas = |object: Option<&Arc<Object>>| {
        object.map(|object| object.pointer("/spec/replicas").cloned())
    };
    if replicas(change.old.as_ref()) == replicas(change.new.as_ref()) {
        return Vec::new();
    }
    let namespace = change.key.namespace.as_deref().unwrap_or_default();
    snapshot.objects_in(&kind(), namespace).map(|budget| budget.key()).collect()
}

/// A node that is lost or comes back changes which pods serve.
fn on_turned_node(snapshot: &Snapshot, change: &CacheChange) -> Vec<ObjectKey> {
    if !nodes::turned(change) {
        return Vec::new();
    }
    snapshot.objects(&kind()).map(|budget| budget.key()).collect()
}

#[cfg(test)]
mod tests;
