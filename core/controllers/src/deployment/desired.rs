//! What a deployment asks for: limits of the rollout, and the replica set of its template.

use super::rollout::Limits;
use crate::canonical;
use crate::share::{Round, resolve};
use quorate_kinds::k8s_openapi::api::apps::v1::DeploymentSpec;
use quorate_kinds::k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use quorate_resources::{Metadata, Object};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The label that tells the pods of one template from those of another.
pub(crate) const TEMPLATE_HASH: &str = "pod-template-hash";
/// The annotation that numbers the templates a deployment has had.
pub(crate) const REVISION: &str = "deployment.kubernetes.io/revision";
/// What `apply` remembers is about the deployment, not about its replica sets.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Characters of the hash in names and labels.
const HASH_LENGTH: usize = 10;

/// The limits of a rollout; percentages round so that at least the wanted pods serve: surge up,
/// unavailable down. If both come to nothing, one pod may be unavailable, or nothing could move.
pub(super) fn limits(spec: &DeploymentSpec) -> Limits {
    let desired = spec.replicas.unwrap_or(1).max(0);
    let rolling = spec.strategy.as_ref().and_then(|strategy| strategy.rolling_update.as_ref());
    let quarter = IntOrString::String("25%".to_owned());
    let surge = rolling.and_then(|rolling| rolling.max_surge.as_ref()).unwrap_or(&quarter);
    let unavailable =
        rolling.and_then(|rolling| rolling.max_unavailable.as_ref()).unwrap_or(&quarter);
    let max_surge = resolve(surge, desired, Round::Up);
    let max_unavailable = resolve(unavailable, desired, Round::Down).min(desired);
    let stuck = max_surge == 0 && max_unavailable == 0;
    Limits { desired, max_surge, max_unavailable: if stuck { 1 } else { max_unavailable } }
}

/// Whether the strategy is `Recreate`; everything else is `RollingUpdate`.
pub(super) fn is_recreate(spec: &DeploymentSpec) -> bool {
    spec.strategy.as_ref().and_then(|strategy| strategy.type_.as_deref()) == Some("Recreate")
}

/// The hash of a pod template; `collisions` draws another one for the same template.
pub(super) fn template_hash(deployment: &Object, collisions: i64) -> String {
    let template = deployment.pointer("/spec/template").cloned().unwrap_or(Value::Null);
    let value = if collisions == 0 { template } else { json!([template, collisions]) };
    canonical::short_name(canonical::hash(&value), HASH_LENGTH)
}

/// The replica set of the deployment's template.
pub(super) fn replica_set(deployment: &Object, hash: &str, revision: i64, replicas: i32) -> Object {
    let spec = |field: &str| deployment.pointer(&format!("/spec/{field}")).cloned();
    let mut template = spec("template").unwrap_or_else(|| json!({}));
    crate::edit::set(&mut template, &["metadata", "labels", TEMPLATE_HASH], json!(hash));
    let mut selector = spec("selector").unwrap_or_else(|| json!({}));
    crate::edit::set(&mut selector, &["matchLabels", TEMPLATE_HASH], json!(hash));
    let labels = template.pointer("/metadata/labels").cloned().unwrap_or_else(|| json!({}));
    let labels: BTreeMap<String, String> = serde_json::from_value(labels).unwrap_or_default();
    let mut annotations = deployment.metadata.annotations.clone();
    annotations.remove(LAST_APPLIED);
    annotations.insert(REVISION.to_owned(), revision.to_string());
    let body = json!({
        "spec": {
            "replicas": replicas,
            "minReadySeconds": spec("minReadySeconds").unwrap_or_else(|| json!(0)),
            "selector": selector,
            "template": template,
        }
    });
    Object {
        api_version: "apps/v1".to_owned(),
        kind: "ReplicaSet".to_owned(),
        metadata: Metadata {
            name: set_name(deployment, hash),
            namespace: deployment.metadata.namespace.clone(),
            labels,
            annotations,
            owner_references: vec![deployment.owner_reference()],
            ..Metadata::default()
        },
        body: crate::edit::fields(body),
    }
}

/// The name of the replica set of a template: a name has at most 253 characters.
pub(super) fn set_name(deployment: &Object, hash: &str) -> String {
    let room = 253 - HASH_LENGTH - 1;
    let name: String = deployment.metadata.name.chars().take(room).collect();
    format!("{}-{hash}", name.trim_end_matches(['-', '.']))
}

/// The revision number of an object; zero if it has none.
pub(super) fn revision_of(object: &Object) -> i64 {
    let text = object.metadata.annotations.get(REVISION);
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}
