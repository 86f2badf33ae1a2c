//! What users may leave out, filled in as Kubernetes fills it in.

mod access;
mod batch;
mod custom;
mod pod;
mod policy;
mod service;
mod storage;
mod workload;

pub(crate) use access::binding;
pub(crate) use batch::{cron_job, job};
pub(crate) use custom::definition;
pub(crate) use pod::{GRACE_SECONDS, pod};
pub(crate) use policy::{autoscaler, limit_range, priority_class};
pub(crate) use service::{endpoint_slice, service};
pub(crate) use storage::{claim, storage_class, volume};
pub(crate) use workload::{daemon_set, deployment, replica_set, stateful_set};

use crate::json::{child_or_new, fill};
use quorate_resources::Object;
use serde_json::{Map, Value, json};

/// The finalizer by which the namespace controller keeps a namespace until it is empty.
const NAMESPACE_FINALIZER: &str = "kubernetes";

/// A namespace is held until it is empty; its phase follows from whether it is being deleted.
pub(crate) fn namespace(object: &mut Object) {
    let deleting = object.metadata.is_deleting();
    let finalizer_wanted = !deleting && object.metadata.resource_version.is_none();
    if let Some(spec) = child_or_new(&mut object.body, "spec")
        && finalizer_wanted
    {
        fill(spec, "finalizers", json!([NAMESPACE_FINALIZER]));
    }
    if let Some(status) = child_or_new(&mut object.body, "status") {
        let phase = if deleting { "Terminating" } else { "Active" };
        status.insert("phase".to_owned(), phase.into());
    }
    // Kubernetes labels every namespace with its name, and selectors rely on it.
    let name = object.metadata.name.clone();
    object.metadata.labels.entry("kubernetes.io/metadata.name".to_owned()).or_insert(name);
}

/// Plain text given as `stringData` becomes encoded `data`.
pub(crate) fn secret(object: &mut Object) {
    fill(&mut object.body, "type", "Opaque");
    let Some(Value::Object(plain)) = object.body.remove("stringData") else { return };
    let encoded = plain.into_iter().filter_map(|(key, value)| {
        let bytes = crate::ByteString(value.as_str()?.as_bytes().to_vec());
        Some((key, serde_json::to_value(bytes).ok()?))
    });
    let data = object.body.entry("data").or_insert_with(|| Value::Object(Map::new()));
    if let Some(data) = data.as_object_mut() {
        data.extend(encoded);
    }
}

#[cfg(test)]
mod tests;
