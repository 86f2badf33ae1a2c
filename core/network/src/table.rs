//! From Services and EndpointSlices to listeners with backends. Pure.

use quorate_kinds::{EndpointSlice, Service};
use quorate_reconcile::Snapshot;
use quorate_resources::Typed;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// Label of an EndpointSlice that names its Service.
pub const SERVICE_LABEL: &str = "kubernetes.io/service-name";

/// Every address that a Service listens on, with the pods behind it. Ready pods only; if none is
/// ready, those that still serve while they terminate (Kubernetes' fallback).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceTable {
    /// Backends by listening address.
    pub listeners: BTreeMap<SocketAddr, BTreeSet<SocketAddr>>,
}

impl ServiceTable {
    /// Reads the table from a snapshot.
    #[must_use]
    pub fn read(snapshot: &Snapshot) -> Self {
        let mut slices: BTreeMap<(String, String), Vec<Typed<EndpointSlice>>> = BTreeMap::new();
        for slice in snapshot.list::<EndpointSlice>() {
            let metadata = slice.metadata();
            let namespace = metadata.namespace.clone().unwrap_or_default();
            if let Some(service) = metadata.labels.get(SERVICE_LABEL) {
                slices.entry((namespace, service.clone())).or_default().push(slice);
            }
        }
        let mut listeners = BTreeMap::new();
        for service in snapshot.list::<Service>() {
            let metadata = service.metadata();
            let key = (metadata.namespace.clone().unwrap_or_default(), metadata.name.clone());
            let slices = slices.get(&key).map_or(&[][..], Vec::as_slice);
            listeners.extend(service_listeners(&service, slices));
        }
        Self { listeners }
    }
}

fn service_listeners(
    service: &Service,
    slices: &[Typed<EndpointSlice>],
) -> Vec<(SocketAddr, BTreeSet<SocketAddr>)> {
    let Some(spec) = &service.spec else { return Vec::new() };
    let address: Option<IpAddr> = spec.cluster_ip.as_ref().and_then(|ip| ip.parse().ok());
    let Some(address) = address else { return Vec::new() };
    let ports = spec.ports.iter().flatten();
    let tcp = ports.filter(|port| port.protocol.as_deref().unwrap_or("TCP") == "TCP");
    tcp.filter_map(|port| {
        let listen = SocketAddr::new(address, u16::try_from(port.port).ok()?);
        Some((listen, backends(port.name.as_deref().unwrap_or(""), slices)))
    })
    .collect()
}

fn backends(port_name: &str, slices: &[Typed<EndpointSlice>]) -> BTreeSet<SocketAddr> {
    let ready = pick(port_name, slices, |conditions| conditions.ready.unwrap_or(true));
    if !ready.is_empty() {
        return ready;
    }
    pick(port_name, slices, |conditions| conditions.serving.unwrap_or(false))
}

fn pick(
    port_name: &str,
    slices: &[Typed<EndpointSlice>],
    wanted: impl Fn(&quorate_kinds::EndpointConditions) -> bool,
) -> BTreeSet<SocketAddr> {
    let mut found = BTreeSet::new();
    for slice in slices {
        let named =
            |port: &&quorate_kinds::EndpointPort| port.name.as_deref().unwrap_or("") == port_name;
        let port = slice.ports.iter().flatten().find(named).and_then(|port| port.port);
        let Some(port) = port.and_then(|port| u16::try_from(port).ok()) else { continue };
        for endpoint in slice.endpoints.iter().flatten() {
            let conditions = endpoint.conditions.clone().unwrap_or_default();
            let addresses = endpoint.addresses.iter().filter(|_| wanted(&conditions));
            let parsed = addresses.filter_map(|address| address.parse::<IpAddr>().ok());
            found.extend(parsed.map(|address| SocketAddr::new(address, port)));
        }
    }
    found
}
