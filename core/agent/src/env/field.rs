//! The downward API: fields of the pod and resources of its containers as values.

use quorate_kinds::k8s_openapi::api::core::v1::{Container, Pod, ResourceFieldSelector};
use quorate_types::Quantity;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What the node knows about a pod besides its specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The node's name.
    pub node: String,
    /// The node's address.
    pub host_ip: IpAddr,
    /// The pod's address.
    pub pod_ip: IpAddr,
    /// The node's allocatable cpu, for containers without a limit.
    pub cpu: Quantity,
    /// The node's allocatable memory, for containers without a limit.
    pub memory: Quantity,
}

/// The value of a `fieldRef`.
pub(super) fn field(path: &str, pod: &Pod, facts: &Facts) -> Result<String, String> {
    let metadata = &pod.metadata;
    let spec = pod.spec.as_ref();
    Ok(match path {
        "metadata.name" => metadata.name.clone().unwrap_or_default(),
        "metadata.namespace" => metadata.namespace.clone().unwrap_or_default(),
        "metadata.uid" => metadata.uid.clone().unwrap_or_default(),
        "spec.nodeName" => facts.node.clone(),
        "spec.serviceAccountName" => {
            spec.and_then(|spec| spec.service_account_name.clone()).unwrap_or_default()
        }
        "status.podIP" | "status.podIPs" => facts.pod_ip.to_string(),
        "status.hostIP" | "status.hostIPs" => facts.host_ip.to_string(),
        _ => {
            let labelled = subscript(path, "metadata.labels");
            let annotated = subscript(path, "metadata.annotations");
            let of = |map: &Option<BTreeMap<String, String>>, key: &str| {
                map.as_ref().and_then(|map| map.get(key)).cloned().unwrap_or_default()
            };
            match (labelled, annotated) {
                (Some(key), _) => of(&metadata.labels, key),
                (_, Some(key)) => of(&metadata.annotations, key),
                _ => return Err(unknown(path)),
            }
        }
    })
}

/// The key in `<field>['<key>']`.
fn subscript<'a>(path: &'a str, field: &str) -> Option<&'a str> {
    path.strip_prefix(field)?.strip_prefix("['")?.strip_suffix("']")
}

fn unknown(path: &str) -> String {
    format!(
        "fieldPath {path:?} is not supported, use metadata.name, metadata.namespace, metadata.uid, \
         metadata.labels['<key>'], metadata.annotations['<key>'], spec.nodeName, \
         spec.serviceAccountName, status.podIP or status.hostIP"
    )
}

/// The value of a `resourceFieldRef`, in units of its divisor, rounded up.
pub(super) fn resource(
    selector: &ResourceFieldSelector,
    pod: &Pod,
    container: &Container,
    facts: &Facts,
) -> Result<String, String> {
    let container = match selector.container_name.as_deref().filter(|name| !name.is_empty()) {
        None => container,
        Some(name) => pod
            .spec
            .iter()
            .flat_map(|spec| spec.containers.iter().chain(spec.init_containers.iter().flatten()))
            .find(|container| container.name == name)
            .ok_or_else(|| format!("containerName {name:?} is not a container of the pod"))?,
    };
    let resources = container.resources.clone().unwrap_or_default();
    let (map, fallback) = match selector.resource.as_str() {
        "limits.cpu" => (resources.limits, facts.cpu),
        "limits.memory" => (resources.limits, facts.memory),
        "requests.cpu" | "requests.memory" => (resources.requests, Quantity::ZERO),
        other => {
            return Err(format!(
                "resource {other:?} is not supported, use limits or requests of cpu or memory"
            ));
        }
    };
    let name = selector.resource.split_once('.').map_or("", |(_, name)| name);
    let given = map.as_ref().and_then(|map| map.get(name));
    let parse = |text: &str| text.parse::<Quantity>().map_err(|error| error.to_string());
    let value = given.map_or(Ok(fallback), |quantity| parse(&quantity.0))?;
    let divisor = selector.divisor.as_ref().map_or(Ok(Quantity::ZERO), |text| parse(&text.0))?;
    let divisor = if divisor == Quantity::ZERO { Quantity::from_units(1) } else { divisor };
    let (value, divisor) = (value.milli(), divisor.milli());
    Ok((value.div_euclid(divisor) + i128::from(value.rem_euclid(divisor) != 0)).to_string())
}
