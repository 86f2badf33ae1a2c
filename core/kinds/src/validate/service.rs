//! Services and their endpoints.

use super::{Faults, immutable, keyed, one_of, pod, port_name, port_number, unique};
use crate::json::At;
use quorate_resources::{FieldReason, Object};
use std::net::IpAddr;

pub(crate) fn service(object: &Object, old: Option<&Object>) -> Faults {
    let mut faults = Vec::new();
    let spec = At::top(object, "spec");
    let kind = spec.field("type");
    one_of(&kind, &["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"], &mut faults);
    one_of(&spec.field("sessionAffinity"), &["None", "ClientIP"], &mut faults);
    pod::labels(&spec.field("selector"), &mut faults);
    let address = spec.field("clusterIP");
    ports(&spec, kind.text() != "ExternalName" && address.text() != "None", &mut faults);
    if !matches!(address.text(), "" | "None") && address.text().parse::<IpAddr>().is_err() {
        faults.push(address.invalid(format!("must be an IP address, is {:?}", address.text())));
    }
    if kind.text() == "ExternalName" && spec.field("externalName").text().is_empty() {
        faults
            .push(spec.field("externalName").required("must be set when the type is ExternalName"));
    }
    if let Some(old) = old {
        let before = At::top(old, "spec").field("clusterIP");
        if !before.text().is_empty() && kind.text() != "ExternalName" {
            immutable(&address, &before, &mut faults);
        }
    }
    faults
}

fn ports(spec: &At<'_>, needed: bool, faults: &mut Faults) {
    let list = spec.field("ports");
    let count = list.items().count();
    if needed && count == 0 {
        faults.push(list.required("must have at least one port"));
    }
    for port in list.items() {
        let number = port.field("port");
        if number.integer().unwrap_or(0) == 0 {
            faults.push(number.required("must be between 1 and 65535"));
        } else {
            port_number(&number, faults);
        }
        port_number(&port.field("targetPort"), faults);
        if port.field("targetPort").value.is_string() {
            port_name(&port.field("targetPort"), faults);
        }
        one_of(&port.field("protocol"), &["TCP", "UDP", "SCTP"], faults);
        if count > 1 && port.field("name").text().is_empty() {
            faults
                .push(port.field("name").required("must be set when there is more than one port"));
        }
    }
    unique(keyed(&list, "name"), faults);
    let identity = |port: &At<'_>| {
        let number = port.field("port").integer().unwrap_or(0);
        format!("{number}/{}", port.field("protocol").text())
    };
    unique(list.items().map(|port| (port.field("port"), identity(&port))), faults);
}

pub(crate) fn endpoint_slice(object: &Object, old: Option<&Object>) -> Faults {
    let mut faults = Vec::new();
    let family = At::top(object, "addressType");
    one_of(&family, &["IPv4", "IPv6", "FQDN"], &mut faults);
    if let Some(old) = old {
        immutable(&family, &At::top(old, "addressType"), &mut faults);
    }
    for endpoint in At::top(object, "endpoints").items() {
        let addresses = endpoint.field("addresses");
        if addresses.items().next().is_none() {
            faults.push(addresses.required("must have at least one address"));
        }
        for address in addresses.items() {
            let parsed = address.text().parse::<IpAddr>();
            let fits = match family.text() {
                "IPv4" => parsed.is_ok_and(|ip| ip.is_ipv4()),
                "IPv6" => parsed.is_ok_and(|ip| ip.is_ipv6()),
                _ => true,
            };
            if !fits {
                let message = format!("{:?} is no {} address", address.text(), family.text());
                faults.push(address.fault(FieldReason::Invalid, message));
            }
        }
    }
    let list = At::top(object, "ports");
    for port in list.items() {
        port_number(&port.field("port"), &mut faults);
    }
    faults
}
