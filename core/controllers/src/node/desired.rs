//! What a node bears while it is lost, and which of its pods have to go.

use crate::edit;
use quorate_kinds::Pod;
use quorate_resources::{Object, Typed};
use serde_json::{Value, json};
use std::time::Duration;

/// The taint of a node that nobody has heard of for too long.
pub(super) const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const EFFECT: &str = "NoExecute";
/// The reason in the conditions that this controller sets to `Unknown`.
const UNKNOWN: &str = "NodeStatusUnknown";

/// Whether a node bears the taint.
pub(super) fn is_tainted(node: &Object) -> bool {
    let taints = node.pointer("/spec/taints").and_then(Value::as_array);
    taints.into_iter().flatten().any(is_ours)
}

fn is_ours(taint: &Value) -> bool {
    taint["key"] == UNREACHABLE && taint["effect"] == EFFECT
}

/// The node with the taint or without it.
pub(super) fn tainted(node: &Object, lost: bool, now: &str) -> Object {
    let mut object = node.clone();
    if is_tainted(node) == lost {
        return object;
    }
    let taints = node.pointer("/spec/taints").and_then(Value::as_array);
    let mut taints: Vec<Value> =
        taints.into_iter().flatten().filter(|taint| !is_ours(taint)).cloned().collect();
    if lost {
        taints.push(json!({ "key": UNREACHABLE, "effect": EFFECT, "timeAdded": now }));
    }
    edit::set_field(&mut object, &["spec", "taints"], Value::Array(taints));
    object
}

/// The node's status with `Ready` unknown while it is lost. A node that is heard of again is ready
/// as far as this controller knows: it takes back only what it said itself, the agent says more.
pub(super) fn status(node: &Object, lost: bool, now: &str) -> Value {
    let mut status = node.body.get("status").cloned().unwrap_or_else(|| json!({}));
    let conditions = status.get("conditions").and_then(Value::as_array);
    let mut conditions: Vec<Value> = conditions.cloned().unwrap_or_default();
    let ready = conditions.iter_mut().find(|condition| condition["type"] == "Ready");
    let said_by_us = |ready: &Value| ready["status"] == "Unknown" && ready["reason"] == UNKNOWN;
    match (ready, lost) {
        (Some(ready), true) if ready["status"] != "Unknown" => turn(ready, "Unknown", now),
        (Some(ready), false) if said_by_us(ready) => turn(ready, "True", now),
        (None, true) => {
            let mut ready = json!({ "type": "Ready" });
            turn(&mut ready, "Unknown", now);
            conditions.push(ready);
        }
        _ => return status,
    }
    edit::set(&mut status, &["conditions"], Value::Array(conditions));
    status
}

fn turn(ready: &mut Value, to: &str, now: &str) {
    let (reason, message) = if to == "Unknown" {
        (UNKNOWN, "The node's agent stopped renewing its lease.")
    } else {
        ("LeaseRenewed", "The node's agent renews its lease again.")
    };
    for (field, value) in [
        ("status", to),
        ("reason", reason),
        ("message", message),
        ("lastHeartbeatTime", now),
        ("lastTransitionTime", now),
    ] {
        edit::set(ready, &[field], json!(value));
    }
}

/// How long a pod stays on a node that is lost: `None` for ever, `default` if it does not say.
pub(super) fn tolerated(pod: &Typed<Pod>, default: Duration) -> Option<Duration> {
    let tolerations = pod.spec.as_ref().and_then(|spec| spec.tolerations.as_deref());
    let fits = tolerations.unwrap_or_default().iter().filter(|one| {
        let any_key = one.key.as_deref().unwrap_or_default().is_empty();
        let exists = one.operator.as_deref() == Some("Exists");
        let key = (any_key && exists) || one.key.as_deref() == Some(UNREACHABLE);
        // The taint has no value: `Equal` fits only the empty one.
        let value = exists || one.value.as_deref().unwrap_or_default().is_empty();
        key && value && one.effect.as_deref().is_none_or(|e| e.is_empty() || e == EFFECT)
    });
    let seconds: Vec<Option<i64>> = fits.map(|one| one.toleration_seconds).collect();
    if seconds.is_empty() {
        return Some(default);
    }
    // The shortest of several counts; one without a time tolerates for ever.
    let shortest = seconds.into_iter().flatten().min()?;
    Some(Duration::from_secs(u64::try_from(shortest).unwrap_or(0)))
}
