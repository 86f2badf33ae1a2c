//! How a replica set sees the pods that are there.

use super::plan::{Candidate, Phase};
use crate::pods;
use quorate_kinds::Pod;
use quorate_reconcile::Snapshot;
use quorate_resources::{Object, Typed};
use serde_json::Value;

const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// A pod as the choice of what to give up sees it.
pub(super) fn candidate(snapshot: &Snapshot, pod: &Typed<Pod>) -> Candidate {
    let metadata = &pod.object.metadata;
    let cost = metadata.annotations.get(DELETION_COST);
    let containers = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
    let restarts = containers.into_iter().flatten().map(|one| i64::from(one.restart_count)).sum();
    Candidate {
        name: metadata.name.clone(),
        node: pods::node(pod).map(str::to_owned),
        phase: match pods::phase(pod) {
            "Running" => Phase::Running,
            "Unknown" => Phase::Unknown,
            _ => Phase::Pending,
        },
        ready: pods::is_ready(snapshot, pod),
        deletion_cost: cost.and_then(|cost| cost.parse().ok()).unwrap_or(0),
        ready_since: ready_since(&pod.object),
        restarts,
        created: metadata.creation_timestamp.clone(),
    }
}

fn ready_since(pod: &Object) -> Option<String> {
    let conditions = pod.pointer("/status/conditions")?.as_array()?;
    let ready = conditions.iter().find(|one| one.get("type") == Some(&Value::from("Ready")))?;
    Some(ready.get("lastTransitionTime")?.as_str()?.to_owned())
}
