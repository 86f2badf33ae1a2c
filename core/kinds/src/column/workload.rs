//! Deployments and replica sets.

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
