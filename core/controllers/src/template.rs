//! Pods from the templates of workloads.

use crate::edit;
use quorate_resources::{Metadata, Object};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The name of a pod is a host name, too: 63 characters, of which a drawn suffix takes five.
const NAME_ROOM: usize = 58;

/// A pod of the owner's own template, whose name is drawn.
pub(crate) fn pod(owner: &Object) -> Object {
    let template = owner.pointer("/spec/template").cloned().unwrap_or(Value::Null);
    let mut pod = of(owner, &template);
    pod.metadata.generate_name = Some(prefix(&format!("{}-", owner.metadata.name)));
    pod
}

/// As much of a text as a drawn name can begin with.
pub(crate) fn prefix(text: &str) -> String {
    text.get(..NAME_ROOM).map_or(text, |cut| cut).to_owned()
}

/// A pod of a template that the owner had once, without a name.
pub(crate) fn of(owner: &Object, template: &Value) -> Object {
    let metadata = |field: &str| template.pointer(&format!("/metadata/{field}")).cloned();
    let map = |field: &str| -> BTreeMap<String, String> {
        metadata(field).and_then(|map| serde_json::from_value(map).ok()).unwrap_or_default()
    };
    let finalizers = metadata("finalizers");
    let spec = template.get("spec").cloned().unwrap_or_else(|| json!({}));
    Object {
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        metadata: Metadata {
            namespace: owner.metadata.namespace.clone(),
            labels: map("labels"),
            annotations: map("annotations"),
            finalizers: finalizers.and_then(|f| serde_json::from_value(f).ok()).unwrap_or_default(),
            owner_references: vec![owner.owner_reference()],
            ..Metadata::default()
        },
        body: edit::fields(json!({ "spec": spec })),
    }
}
