//! What keeps pods running.

use super::text::{field, items, or_none, selector};
use super::{AGE, NAME, number};
use quorate_resources::{Column, Object};
use serde_json::{Value, json};

const CONTAINERS: Column =
    Column::new("Containers", |object, _| json!(names(object, "name"))).wide();
const IMAGES: Column = Column::new("Images", |object, _| json!(names(object, "image"))).wide();
const SELECTOR: Column =
    Column::new("Selector", |object, _| json!(selector(object, "/spec/selector"))).wide();

pub(super) const DEPLOYMENTS: &[Column] = &[
    NAME,
    Column::new("Ready", |object, _| {
        let (ready, wanted) = (number(object, "/status/readyReplicas"), wanted(object));
        json!(format!("{ready}/{wanted}"))
    }),
    status("Up-to-date", |object, _| json!(number(object, "/status/updatedReplicas"))),
    status("Available", |object, _| json!(number(object, "/status/availableReplicas"))),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

pub(super) const REPLICA_SETS: &[Column] = &[
    NAME,
    status("Desired", |object, _| json!(wanted(object))),
    status("Current", |object, _| json!(number(object, "/status/replicas"))),
    status("Ready", |object, _| json!(number(object, "/status/readyReplicas"))),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

pub(super) const DAEMON_SETS: &[Column] = &[
    NAME,
    status("Desired", |object, _| json!(number(object, "/status/desiredNumberScheduled"))),
    status("Current", |object, _| json!(number(object, "/status/currentNumberScheduled"))),
    status("Ready", |object, _| json!(number(object, "/status/numberReady"))),
    status("Up-to-date", |object, _| json!(number(object, "/status/updatedNumberScheduled"))),
    status("Available", |object, _| json!(number(object, "/status/numberAvailable"))),
    Column::new("Node Selector", |object, _| {
        let labels = object.pointer("/spec/template/spec/nodeSelector").and_then(Value::as_object);
        let pair = |(key, value): (&String, &Value)| {
            format!("{key}={}", value.as_str().unwrap_or_default())
        };
        let pairs: Vec<String> = labels.into_iter().flatten().map(pair).collect();
        json!(or_none(&pairs.join(",")))
    }),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

pub(super) const STATEFUL_SETS: &[Column] = &[
    NAME,
    Column::new("Ready", |object, _| {
        let (ready, wanted) = (number(object, "/status/readyReplicas"), wanted(object));
        json!(format!("{ready}/{wanted}"))
    }),
    AGE,
    CONTAINERS,
    IMAGES,
];

pub(super) const REVISIONS: &[Column] = &[
    NAME,
    Column::new("Controller", |object, _| {
        json!(object.metadata.controller().map_or_else(
            || "<none>".to_owned(),
            |owner| {
                let group = owner.api_version.rsplit_once('/').map_or("", |(group, _)| group);
                let kind = owner.kind.to_lowercase();
                let dot = if group.is_empty() { "" } else { "." };
                format!("{kind}{dot}{group}/{}", owner.name)
            }
        ))
    }),
    Column::new("Revision", |object, _| json!(number(object, "/revision"))).integer(),
    AGE,
];

const fn status(name: &'static str, cell: fn(&Object, i64) -> Value) -> Column {
    Column::new(name, cell).integer()
}

fn wanted(object: &Object) -> i64 {
    object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1)
}

fn names(object: &Object, name: &str) -> String {
    let containers = items(object, "/spec/template/spec/containers");
    let names: Vec<&str> = containers.map(|container| field(container, name)).collect();
    or_none(&names.join(",")).to_owned()
}
