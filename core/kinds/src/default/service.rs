//! Defaults of services and their endpoints.

use crate::json::{child_or_new, fill, items_mut};
use quorate_resources::Object;
use serde_json::Value;

pub(crate) fn service(object: &mut Object) {
    let Some(spec) = child_or_new(&mut object.body, "spec") else { return };
    fill(spec, "type", "ClusterIP");
    fill(spec, "sessionAffinity", "None");
    if spec.get("type").is_some_and(|kind| kind != "ExternalName") {
        fill(spec, "internalTrafficPolicy", "Cluster");
    }
    for port in items_mut(spec, "ports") {
        fill(port, "protocol", "TCP");
        let number = port.get("port").cloned().unwrap_or(Value::Null);
        fill(port, "targetPort", number);
    }
}

pub(crate) fn endpoint_slice(object: &mut Object) {
    for port in items_mut(&mut object.body, "ports") {
        fill(port, "name", "");
        fill(port, "protocol", "TCP");
    }
}
