//! The columns in which people see the built-in kinds, as `kubectl get` has shown them for years.

mod access;
mod autoscaler;
mod batch;
mod node;
mod pod;
mod policy;
mod service;
mod storage;
mod text;
mod workload;

use quorate_resources::{Column, Object};
use serde_json::{Value, json};
use text::{age, at, count};

const NAME: Column =
    Column { format: "name", ..Column::new("Name", |object, _| json!(object.metadata.name)) };
const AGE: Column = Column::new("Age", age);

pub(crate) const SERVICE_ACCOUNTS: &[Column] = access::SERVICE_ACCOUNTS;
pub(crate) const ROLES: &[Column] = access::ROLES;
pub(crate) const ROLE_BINDINGS: &[Column] = access::ROLE_BINDINGS;
pub(crate) const PODS: &[Column] = pod::COLUMNS;
pub(crate) const NODES: &[Column] = node::COLUMNS;
pub(crate) const SERVICES: &[Column] = service::COLUMNS;
pub(crate) const ENDPOINT_SLICES: &[Column] = service::SLICES;
pub(crate) const DEPLOYMENTS: &[Column] = workload::DEPLOYMENTS;
pub(crate) const REPLICA_SETS: &[Column] = workload::REPLICA_SETS;
pub(crate) const DAEMON_SETS: &[Column] = workload::DAEMON_SETS;
pub(crate) const STATEFUL_SETS: &[Column] = workload::STATEFUL_SETS;
pub(crate) const CONTROLLER_REVISIONS: &[Column] = workload::REVISIONS;
pub(crate) const JOBS: &[Column] = batch::JOBS;
pub(crate) const CRON_JOBS: &[Column] = batch::CRON_JOBS;
pub(crate) const DISRUPTION_BUDGETS: &[Column] = policy::DISRUPTION_BUDGETS;
pub(crate) const PRIORITY_CLASSES: &[Column] = policy::PRIORITY_CLASSES;
pub(crate) const RESOURCE_QUOTAS: &[Column] = policy::RESOURCE_QUOTAS;
pub(crate) const LIMIT_RANGES: &[Column] = policy::LIMIT_RANGES;
pub(crate) const AUTOSCALERS: &[Column] = autoscaler::COLUMNS;
pub(crate) const CLAIMS: &[Column] = storage::CLAIMS;
pub(crate) const VOLUMES: &[Column] = storage::VOLUMES;
pub(crate) const STORAGE_CLASSES: &[Column] = storage::CLASSES;
pub(crate) const EVENTS: &[Column] = &[
    Column::new("Last Seen", |event, now| {
        let seen = ["/lastTimestamp", "/eventTime", "/firstTimestamp"];
        let seen = seen.iter().map(|pointer| at(event, pointer)).find(|text| !text.is_empty());
        json!(text::since(seen.unwrap_or_default(), now))
    }),
    Column::new("Type", |event, _| json!(at(event, "/type"))),
    Column::new("Reason", |event, _| json!(at(event, "/reason"))),
    Column::new("Object", |event, _| {
        let kind = at(event, "/involvedObject/kind").to_lowercase();
        json!(format!("{kind}/{}", at(event, "/involvedObject/name")))
    }),
    Column::new("Source", |event, _| json!(at(event, "/source/component"))).wide(),
    Column::new("Message", |event, _| json!(at(event, "/message").trim())),
    Column::new("First Seen", |event, now| json!(text::since(at(event, "/firstTimestamp"), now)))
        .wide(),
    Column::new("Count", |event, _| json!(event.pointer("/count").unwrap_or(&json!(1)))).wide(),
    NAME.wide(),
];
pub(crate) const NAMESPACES: &[Column] =
    &[NAME, Column::new("Status", |space, _| json!(at(space, "/status/phase"))), AGE];
pub(crate) const CONFIG_MAPS: &[Column] = &[
    NAME,
    Column::new("Data", |map, _| json!(count(map, "/data") + count(map, "/binaryData"))).integer(),
    AGE,
];
pub(crate) const SECRETS: &[Column] = &[
    NAME,
    Column::new("Type", |secret, _| json!(at(secret, "/type"))),
    Column::new("Data", |secret, _| json!(count(secret, "/data"))).integer(),
    AGE,
];
pub(crate) const LEASES: &[Column] =
    &[NAME, Column::new("Holder", |lease, _| json!(at(lease, "/spec/holderIdentity"))), AGE];
pub(crate) const DEFINITIONS: &[Column] =
    &[NAME, Column::new("Created At", |object, _| json!(object.metadata.creation_timestamp))];
pub(crate) const RUNTIME_CLASSES: &[Column] =
    &[NAME, Column::new("Handler", |class, _| json!(at(class, "/handler"))), AGE];

/// The integer at a place, zero if there is none.
fn number(object: &Object, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

#[cfg(test)]
mod tests;
