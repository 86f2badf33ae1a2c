//! Nodes.

use super::text::{at, field, items, or_none};
use super::{AGE, NAME};
use quorate_resources::{Column, Object};
use serde_json::{Value, json};

const ROLE: &str = "node-role.kubernetes.io/";

pub(super) const COLUMNS: &[Column] = &[
    NAME,
    Column::new("Status", |node, _| json!(status(node))),
    Column::new("Roles", |node, _| json!(roles(node))),
    AGE,
    Column::new("Version", |node, _| json!(at(node, "/status/nodeInfo/kubeletVersion"))),
    Column::new("Internal-IP", |node, _| json!(address(node, "InternalIP"))).wide(),
    Column::new("External-IP", |node, _| json!(address(node, "ExternalIP"))).wide(),
    Column::new("OS-Image", |node, _| json!(info(node, "/status/nodeInfo/osImage"))).wide(),
    Column::new("Kernel-Version", |node, _| json!(info(node, "/status/nodeInfo/kernelVersion")))
        .wide(),
    Column::new("Container-Runtime", |node, _| {
        json!(info(node, "/status/nodeInfo/containerRuntimeVersion"))
    })
    .wide(),
];

fn status(node: &Object) -> String {
    let ready = items(node, "/status/conditions").find(|it| field(it, "type") == "Ready");
    let mut status = match ready.map(|condition| field(condition, "status")) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if node.pointer("/spec/unschedulable") == Some(&Value::Bool(true)) {
        status += ",SchedulingDisabled";
    }
    status
}

fn roles(node: &Object) -> String {
    let labels = node.metadata.labels.keys();
    let roles: Vec<&str> = labels.filter_map(|label| label.strip_prefix(ROLE)).collect();
    or_none(&roles.join(",")).to_owned()
}

fn address<'o>(node: &'o Object, kind: &str) -> &'o str {
    let found = items(node, "/status/addresses").find(|it| field(it, "type") == kind);
    or_none(found.map_or("", |address| field(address, "address")))
}

fn info<'o>(node: &'o Object, pointer: &str) -> &'o str {
    match at(node, pointer) {
        "" => "<unknown>",
        text => text,
    }
}
