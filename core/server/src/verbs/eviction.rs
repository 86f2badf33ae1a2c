//! Evicting a pod: deleting it unless a disruption budget forbids it.
//!
//! Invariant: what a budget allows is used up in the transaction that deletes the pod, so that no two
//! evictions use the same.

use super::delete;
use crate::call::Call;
use crate::failure::Failure;
use crate::reply::{self, Reply};
use crate::route::Target;
use crate::served::Served;
use quorate_kinds::{LabelSelector, PodDisruptionBudget};
use quorate_resources::{
    Change, DeleteOptions, Error, GroupKind, Kind, Object, ObjectKey, Objects, Selector,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// Attempts before an eviction gives up because others keep changing the budget.
const MAX_ATTEMPTS: u32 = 8;
/// Seconds after which a budget that nobody has looked at yet is worth another attempt.
const RETRY_SECONDS: u32 = 10;

pub(super) async fn evict(
    api: &Served,
    call: &Call,
    target: &Target<'_>,
    key: &ObjectKey,
) -> Result<Reply, Failure> {
    let eviction = call.object()?;
    let sent = eviction.get("deleteOptions").cloned().unwrap_or(Value::Null);
    let options = delete::from_value(&sent, call)?;
    let in_body = sent.get("dryRun").and_then(Value::as_array).is_some_and(|it| !it.is_empty());
    let objects = api.objects(in_body || call.dry_run()?);
    let kind = target.info.group_kind();
    let mut attempts = 0;
    loop {
        attempts += 1;
        match attempt(objects, &kind, key, &options).await {
            Err(Failure::Objects(Error::Conflict { .. }))
                if attempts < MAX_ATTEMPTS && options.resource_version.is_none() => {}
            Err(failure) => return Err(failure),
            Ok(()) => return Ok(reply::value(201, &super::pods::done(), call.accepted.encoding)),
        }
    }
}

async fn attempt(
    objects: &Objects,
    kind: &GroupKind,
    key: &ObjectKey,
    options: &DeleteOptions,
) -> Result<(), Failure> {
    let pod = objects.get(kind, key).await?;
    let mut changes = Vec::new();
    if is_protected(&pod) {
        let found = budgets(objects, &pod).await?;
        match &found[..] {
            [] => {}
            [budget] => changes.extend(used(budget, &pod)?),
            _ => {
                let message = "This pod has more than one PodDisruptionBudget, which the eviction \
                               subresource does not support.";
                return Err(Failure::Internal(message.to_owned()));
            }
        }
    }
    // The decision was about the pod as it was read: it must still be that.
    let (kind, key, options) = (kind.clone(), key.clone(), options.clone());
    let old = Some(Arc::new(pod));
    changes.push(Change::Delete { kind, key, options, old });
    objects.commit(changes).await?;
    Ok(())
}

fn text<'o>(pod: &'o Object, pointer: &str) -> &'o str {
    pod.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Pods that have ended, have not begun, or are going anyway need no budget.
fn is_protected(pod: &Object) -> bool {
    let phase = text(pod, "/status/phase");
    !pod.metadata.is_deleting() && !matches!(phase, "Succeeded" | "Failed" | "Pending" | "")
}

async fn budgets(objects: &Objects, pod: &Object) -> Result<Vec<Arc<Object>>, Failure> {
    let kind = PodDisruptionBudget::group_kind();
    if objects.registry().kind(&kind).is_none() {
        return Ok(Vec::new());
    }
    let namespace = pod.metadata.namespace.as_deref();
    let all = objects.list(&kind, namespace, &Selector::everything()).await?.items;
    let chooses = |budget: &Object| {
        let spec = budget.pointer("/spec/selector").cloned();
        let spec = spec.and_then(|spec| serde_json::from_value::<LabelSelector>(spec).ok());
        spec.and_then(|spec| selector(&spec))
            .is_some_and(|selector| selector.matches_map(&pod.metadata.labels))
    };
    Ok(all.into_iter().filter(chooses).map(Arc::new).collect())
}

fn selector(spec: &LabelSelector) -> Option<Selector> {
    let labels = spec.match_labels.iter().flatten();
    let selector = Selector::from_labels(labels.map(|(key, value)| (key.as_str(), value)));
    spec.match_expressions.iter().flatten().try_fold(selector, |selector, one| {
        let values = one.values.as_deref().unwrap_or_default();
        selector.and_expression(&one.key, &one.operator, values).ok()
    })
}

/// The write that uses up one of what the budget allows; none if the pod does not count in it.
fn used(budget: &Arc<Object>, pod: &Object) -> Result<Option<Change>, Failure> {
    let number = |name: &str| {
        budget.pointer(&format!("/status/{name}")).and_then(Value::as_i64).unwrap_or(0)
    };
    let name = &budget.metadata.name;
    let (healthy, desired) = (number("currentHealthy"), number("desiredHealthy"));
    if !is_ready(pod) {
        let always = text(budget, "/spec/unhealthyPodEvictionPolicy") == "AlwaysAllow";
        if always || (desired > 0 && healthy >= desired) {
            return Ok(None);
        }
    }
    if number("observedGeneration") < budget.metadata.generation.unwrap_or(0) {
        return Err(Failure::Disruption {
            cause: format!("The disruption budget {name} is still being processed by the server."),
            retry_seconds: RETRY_SECONDS,
        });
    }
    let allowed = number("disruptionsAllowed");
    if allowed <= 0 {
        let cause = format!(
            "The disruption budget {name} needs {desired} healthy pods and has {healthy} currently"
        );
        return Err(Failure::Disruption { cause, retry_seconds: 0 });
    }
    let mut next = (**budget).clone();
    next.body["status"]["disruptionsAllowed"] = json!(allowed - 1);
    Ok(Some(Change::UpdateStatus { object: next, old: Some(Arc::clone(budget)) }))
}

fn is_ready(pod: &Object) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|one| one["type"] == "Ready" && one["status"] == "True")
}
