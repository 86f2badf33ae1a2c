//! The node's object: what the node has, written when it changes and not otherwise.

use super::Node;
use crate::time::time;
use quorate_kinds::k8s_openapi::api::core::v1::{
    NodeAddress, NodeCondition, NodeSpec, NodeStatus, NodeSystemInfo,
};
use quorate_kinds::k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use quorate_resources::{Error, Metadata, Object};
use quorate_types::{GroupKind, ObjectKey};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The value of the `Ready` condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// The agent runs.
    Ready,
    /// The agent is stopping and takes its tasks with it.
    Stopping,
}

impl Node {
    /// Creates the node's object or brings it up to date. Controllers write to it as well: what one of
    /// them put between our read and our write is read again, once.
    pub(crate) async fn register(&self, readiness: Readiness) -> Result<(), Error> {
        match self.write_object(readiness).await {
            Err(error) if error.is_conflict() => self.write_object(readiness).await,
            written => written,
        }
    }

    async fn write_object(&self, readiness: Readiness) -> Result<(), Error> {
        let (kind, key) = self.identity();
        let current = match self.objects.get(&kind, &key).await {
            Ok(current) => self.with_labels(current).await?,
            Err(error) if error.is_not_found() => match self.objects.create(self.object()).await {
                Err(error) if error.is_already_exists() => self.objects.get(&kind, &key).await?,
                created => created?,
            },
            Err(error) => return Err(error),
        };
        let before: NodeStatus = current
            .body
            .get("status")
            .cloned()
            .map(serde_json::from_value)
            .and_then(Result::ok)
            .unwrap_or_default();
        let status = self.status(readiness, &before);
        if status == before {
            return Ok(());
        }
        let mut object = current;
        object.body.insert("status".to_owned(), json(&status));
        self.objects.update_status(object).await.map(drop)
    }

    /// Whether the API, as the cache shows it, lacks what [`Node::register`] writes.
    pub(crate) fn needs_registration(&self) -> bool {
        let (kind, key) = self.identity();
        let Some(object) = self.cache.snapshot().object(&kind, &key) else { return true };
        let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
        let ready = conditions.into_iter().flatten().find(|condition| condition["type"] == "Ready");
        ready.is_none_or(|condition| condition["status"] != "True")
    }

    fn identity(&self) -> (GroupKind, ObjectKey) {
        (GroupKind::new("", "Node"), ObjectKey::cluster(&self.options.node_name))
    }

    /// Adds what labels are missing; labels and spec that others set stay.
    async fn with_labels(&self, current: Object) -> Result<Object, Error> {
        let mut object = current.clone();
        object.metadata.labels.extend(self.labels());
        if object == current { Ok(current) } else { self.objects.update(object).await }
    }

    fn labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.options.labels.clone();
        let mut add = |key: String, value: &str| labels.insert(key, value.to_owned());
        add("kubernetes.io/hostname".to_owned(), &self.options.node_name);
        add("kubernetes.io/os".to_owned(), std::env::consts::OS);
        add("kubernetes.io/arch".to_owned(), architecture());
        for executor in &self.options.executors {
            add(format!("quorate.dev/runtime-{}", executor.kind()), "true");
        }
        labels
    }

    fn object(&self) -> Object {
        let range = self.options.pod_addresses.to_string();
        let spec = NodeSpec {
            pod_cidr: Some(range.clone()),
            pod_cidrs: Some(vec![range]),
            ..NodeSpec::default()
        };
        Object {
            api_version: "v1".to_owned(),
            kind: "Node".to_owned(),
            metadata: Metadata {
                name: self.options.node_name.clone(),
                labels: self.labels(),
                ..Metadata::default()
            },
            body: Map::from_iter([("spec".to_owned(), json(&spec))]),
        }
    }

    fn status(&self, readiness: Readiness, before: &NodeStatus) -> NodeStatus {
        let capacity = &self.options.capacity;
        let amounts = BTreeMap::from([
            ("cpu".to_owned(), Quantity(capacity.cpu.to_string())),
            ("memory".to_owned(), Quantity(capacity.memory.to_string())),
            ("pods".to_owned(), Quantity(capacity.pods.to_string())),
        ]);
        let address =
            |type_: &str, address: String| NodeAddress { type_: type_.to_owned(), address };
        NodeStatus {
            capacity: Some(amounts.clone()),
            allocatable: Some(amounts),
            addresses: Some(vec![
                address("InternalIP", self.options.host_ip().to_string()),
                address("Hostname", self.options.node_name.clone()),
            ]),
            conditions: Some(self.conditions(readiness, before)),
            node_info: Some(self.info()),
            ..before.clone()
        }
    }

    /// Our condition in its place, those of others as they are.
    fn conditions(&self, readiness: Readiness, before: &NodeStatus) -> Vec<NodeCondition> {
        let (status, reason, message) = match readiness {
            Readiness::Ready => ("True", "AgentReady", "the agent runs"),
            Readiness::Stopping => ("False", "AgentStopping", "the agent stops with its tasks"),
        };
        let mut conditions = before.conditions.clone().unwrap_or_default();
        let now = time(self.seams.clock.wall().as_millis());
        let known = conditions.iter().position(|condition| condition.type_ == "Ready");
        if known.is_some_and(|at| conditions[at].status == status) {
            return conditions;
        }
        let ready = NodeCondition {
            type_: "Ready".to_owned(),
            status: status.to_owned(),
            reason: Some(reason.to_owned()),
            message: Some(message.to_owned()),
            last_heartbeat_time: Some(now.clone()),
            last_transition_time: Some(now),
        };
        match known {
            Some(at) => conditions[at] = ready,
            None => conditions.push(ready),
        }
        conditions
    }

    fn info(&self) -> NodeSystemInfo {
        let kinds: Vec<&str> =
            self.options.executors.iter().map(|executor| executor.kind()).collect();
        let version = env!("CARGO_PKG_VERSION");
        NodeSystemInfo {
            architecture: architecture().to_owned(),
            operating_system: std::env::consts::OS.to_owned(),
            kubelet_version: format!("quorate-{version}"),
            container_runtime_version: kinds
                .iter()
                .map(|kind| format!("{kind}://{version}"))
                .collect::<Vec<_>>()
                .join(","),
            ..NodeSystemInfo::default()
        }
    }
}

/// The processor in the names that Kubernetes uses.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

pub(super) fn json<T: serde::Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}
