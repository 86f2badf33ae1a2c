//! From a service and its pods to the slices that should exist.

use crate::{canonical, edit, pods};
use quorate_kinds::k8s_openapi::api::core::v1::ServicePort;
use quorate_kinds::k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use quorate_kinds::{Pod, Service};
use quorate_reconcile::Snapshot;
use quorate_resources::{Metadata, Object, Typed};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The label that names the service of a slice.
pub(super) const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// The label that says who writes a slice.
pub(super) const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
/// The value of that label for this controller.
pub(super) const MANAGER: &str = "endpointslice-controller.k8s.io";

/// A pod as a slice sees it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Backend {
    /// Name of the pod.
    pub(super) name: String,
    /// Namespace of the pod.
    pub(super) namespace: String,
    /// Identity of the pod.
    pub(super) uid: String,
    /// Its address.
    pub(super) address: String,
    /// The node it runs on.
    pub(super) node: Option<String>,
    /// Whether it serves.
    pub(super) serving: bool,
    /// Whether it is ending.
    pub(super) terminating: bool,
    /// Its named ports: name and protocol to number.
    pub(super) ports: BTreeMap<(String, String), i32>,
}

/// A pod as a backend; none if it has no address or has ended.
pub(super) fn backend(snapshot: &Snapshot, pod: &Typed<Pod>) -> Option<Backend> {
    let address = pod.status.as_ref()?.pod_ip.clone().filter(|address| !address.is_empty())?;
    let metadata = &pod.object.metadata;
    let containers = pod.spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default();
    let ports = containers.iter().flat_map(|container| container.ports.iter().flatten());
    let named = ports.filter_map(|port| {
        let protocol = port.protocol.clone().unwrap_or_else(|| "TCP".to_owned());
        Some(((port.name.clone()?, protocol), port.container_port))
    });
    (!pods::is_terminal(pod)).then(|| Backend {
        name: metadata.name.clone(),
        namespace: metadata.namespace.clone().unwrap_or_default(),
        uid: metadata.uid.as_ref().map(ToString::to_string).unwrap_or_default(),
        address,
        node: pods::node(pod).map(str::to_owned),
        serving: pods::is_ready(snapshot, pod),
        terminating: metadata.is_deleting(),
        ports: named.collect(),
    })
}

/// The slices of a service: one, unless named ports have different numbers in different pods (as in
/// the middle of a rollout that changes one) or pods have addresses of both families.
pub(super) fn slices(service: &Typed<Service>, backends: &[Backend]) -> Vec<Object> {
    let spec = service.spec.as_ref();
    let ports = spec.and_then(|spec| spec.ports.as_deref()).unwrap_or_default();
    let not_ready_too = spec.and_then(|spec| spec.publish_not_ready_addresses).unwrap_or(false);
    // Keyed by text, because JSON has no order of its own.
    let mut groups: BTreeMap<String, (Value, &str, Vec<&Backend>)> = BTreeMap::new();
    for backend in backends {
        let resolved = Value::Array(ports.iter().filter_map(|p| resolve(p, backend)).collect());
        let family = if backend.address.contains(':') { "IPv6" } else { "IPv4" };
        let group = groups
            .entry(format!("{family} {resolved}"))
            .or_insert_with(|| (resolved, family, Vec::new()));
        group.2.push(backend);
    }
    if groups.is_empty() {
        // An empty slice tells followers that the service is known and has nothing behind it.
        groups.insert(String::new(), (numbered(ports), "IPv4", Vec::new()));
    }
    let slice = |(ports, family, backends): (Value, &str, Vec<&Backend>)| {
        let mut backends = backends;
        backends.sort_by(|a, b| (&a.name, &a.uid).cmp(&(&b.name, &b.uid)));
        let endpoints: Vec<Value> =
            backends.into_iter().map(|one| endpoint(one, not_ready_too)).collect();
        object(&service.object, &ports, family, &endpoints)
    };
    groups.into_values().map(slice).collect()
}

fn resolve(port: &ServicePort, backend: &Backend) -> Option<Value> {
    let protocol = port.protocol.clone().unwrap_or_else(|| "TCP".to_owned());
    let number = match &port.target_port {
        None => port.port,
        Some(IntOrString::Int(0)) => port.port,
        Some(IntOrString::Int(number)) => *number,
        Some(IntOrString::String(name)) => *backend.ports.get(&(name.clone(), protocol))?,
    };
    Some(endpoint_port(port, number))
}

/// The ports that need no pod to be known.
fn numbered(ports: &[ServicePort]) -> Value {
    let number = |port: &ServicePort| match &port.target_port {
        None | Some(IntOrString::Int(0)) => Some(port.port),
        Some(IntOrString::Int(number)) => Some(*number),
        Some(IntOrString::String(_)) => None,
    };
    ports.iter().filter_map(|port| Some(endpoint_port(port, number(port)?))).collect()
}

fn endpoint_port(port: &ServicePort, number: i32) -> Value {
    let mut value = json!({
        "name": port.name.as_deref().unwrap_or_default(),
        "protocol": port.protocol.as_deref().unwrap_or("TCP"),
        "port": number,
    });
    if let Some(protocol) = &port.app_protocol {
        edit::set(&mut value, &["appProtocol"], json!(protocol));
    }
    value
}

fn endpoint(backend: &Backend, not_ready_too: bool) -> Value {
    let ready = not_ready_too || (backend.serving && !backend.terminating);
    let mut value = json!({
        "addresses": [backend.address],
        "conditions": {
            "ready": ready,
            "serving": backend.serving,
            "terminating": backend.terminating,
        },
        "targetRef": {
            "kind": "Pod",
            "namespace": backend.namespace,
            "name": backend.name,
            "uid": backend.uid,
        },
    });
    if let Some(node) = &backend.node {
        edit::set(&mut value, &["nodeName"], json!(node));
    }
    value
}

fn object(service: &Object, ports: &Value, family: &str, endpoints: &[Value]) -> Object {
    // The name follows from what never changes about a slice, so no two passes make two of them.
    let identity = json!([service.metadata.uid, family, ports]);
    let suffix = canonical::short_name(canonical::hash(&identity), 5);
    let prefix: String = service.metadata.name.chars().take(247).collect();
    let mut labels = service.metadata.labels.clone();
    labels.insert(SERVICE_NAME.to_owned(), service.metadata.name.clone());
    labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    let body = json!({ "addressType": family, "endpoints": endpoints, "ports": ports });
    Object {
        api_version: "discovery.k8s.io/v1".to_owned(),
        kind: "EndpointSlice".to_owned(),
        metadata: Metadata {
            name: format!("{}-{suffix}", prefix.trim_end_matches(['-', '.'])),
            namespace: service.metadata.namespace.clone(),
            labels,
            owner_references: vec![service.owner_reference()],
            ..Metadata::default()
        },
        body: edit::fields(body),
    }
}
