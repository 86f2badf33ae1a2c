//! The pod a replica set makes, and how it sees the pods that are there.

use super::plan::{Candidate, Phase};
use crate::{edit, pods};
use quorate_kinds::Pod;
use quorate_reconcile::Snapshot;
use quorate_resources::{Metadata, Object, Typed};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
/// The name of a pod is a host name, too: 63 characters, of which the suffix takes five.
const NAME_ROOM: usize = 58;

/// A new pod of the set's template.
pub(super) fn pod(set: &Object) -> Object {
    let template = |path: &str| set.pointer(&format!("/spec/template/{path}")).cloned();
    let map = |path: &str| -> BTreeMap<String, String> {
        template(path).and_then(|map| serde_json::from_value(map).ok()).unwrap_or_default()
    };
    let finalizers = template("metadata/finalizers");
    let prefix = format!("{}-", set.metadata.name);
    let prefix = prefix.get(..NAME_ROOM).map_or(prefix.as_str(), |cut| cut).to_owned();
    Object {
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        metadata: Metadata {
            generate_name: Some(prefix),
            namespace: set.metadata.namespace.clone(),
            labels: map("metadata/labels"),
            annotations: map("metadata/annotations"),
            finalizers: finalizers.and_then(|f| serde_json::from_value(f).ok()).unwrap_or_default(),
            owner_references: vec![set.owner_reference()],
            ..Metadata::default()
        },
        body: edit::fields(json!({ "spec": template("spec").unwrap_or_else(|| json!({})) })),
    }
}

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
