//! The pods of a stateful set: names, labels, volumes that follow from the ordinal.

use crate::{edit, revision, template};
use quorate_kinds::StatefulSet;
use quorate_resources::{Object, Typed};
use serde_json::{Value, json};

/// The label with a pod's own name, for services in front of one pod.
const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
/// The label with a pod's ordinal.
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";

/// The name of the pod of an ordinal.
pub(super) fn pod_name(set: &str, ordinal: i32) -> String {
    format!("{set}-{ordinal}")
}

/// The ordinal of a pod of the set, by its name.
pub(super) fn ordinal(set: &str, pod: &str) -> Option<i32> {
    let rest = pod.strip_prefix(set)?.strip_prefix('-')?;
    let plain = rest == "0" || !rest.starts_with(['0', '-', '+']);
    rest.parse().ok().filter(|_| plain)
}

/// The name of the claim that a template makes for a pod.
pub(super) fn claim_name(template: &str, pod: &str) -> String {
    format!("{template}-{pod}")
}

/// The names of the set's templates of claims.
pub(super) fn claim_templates(set: &Object) -> impl Iterator<Item = &Value> {
    let templates = set.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array);
    templates.into_iter().flatten()
}

/// The name in a template of claims.
pub(super) fn name_of(template: &Value) -> &str {
    template.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
}

/// The pod of an ordinal, of a template that the set has or had.
pub(super) fn pod(set: &Typed<StatefulSet>, ordinal: i32, template: &Value, hash: &str) -> Object {
    let mut pod = template::of(&set.object, template);
    let name = pod_name(&set.object.metadata.name, ordinal);
    pod.metadata.name.clone_from(&name);
    for (label, value) in [
        (POD_NAME, name.clone()),
        (POD_INDEX, ordinal.to_string()),
        (revision::HASH, hash.to_owned()),
    ] {
        pod.metadata.labels.insert(label.to_owned(), value);
    }
    edit::set_field(&mut pod, &["spec", "hostname"], json!(name));
    let service = set.spec.service_name.as_deref();
    if let Some(service) = service.filter(|service| !service.is_empty()) {
        edit::set_field(&mut pod, &["spec", "subdomain"], json!(service));
    }
    volumes(&mut pod, &set.object, &name);
    pod
}

/// A claim's volume takes the place of one of the same name.
fn volumes(pod: &mut Object, set: &Object, name: &str) {
    let claimed: Vec<&str> = claim_templates(set).map(name_of).collect();
    if claimed.is_empty() {
        return;
    }
    let others = pod.pointer("/spec/volumes").and_then(Value::as_array).into_iter().flatten();
    let is_other =
        |volume: &&Value| volume["name"].as_str().is_none_or(|name| !claimed.contains(&name));
    let mut volumes: Vec<Value> = others.filter(is_other).cloned().collect();
    volumes.extend(claimed.iter().map(|template| {
        let claim = json!({ "claimName": claim_name(template, name) });
        json!({ "name": template, "persistentVolumeClaim": claim })
    }));
    edit::set_field(pod, &["spec", "volumes"], Value::Array(volumes));
}
