//! Services and endpoint slices.

use super::text::{at, field, items, or_none};
use super::{AGE, NAME};
use quorate_resources::{Column, Object};
use serde_json::{Value, json};

pub(super) const COLUMNS: &[Column] = &[
    NAME,
    Column::new("Type", |service, _| json!(at(service, "/spec/type"))),
    Column::new("Cluster-IP", |service, _| json!(or_none(at(service, "/spec/clusterIP")))),
    Column::new("External-IP", |service, _| json!(external(service))),
    Column::new("Port(s)", |service, _| json!(ports(service))),
    AGE,
    Column::new("Selector", |service, _| {
        let fields = service.pointer("/spec/selector").and_then(Value::as_object);
        let pair = |(key, value): (&String, &Value)| {
            format!("{key}={}", value.as_str().unwrap_or_default())
        };
        let pairs: Vec<String> = fields.into_iter().flatten().map(pair).collect();
        json!(or_none(&pairs.join(",")))
    })
    .wide(),
];

pub(super) const SLICES: &[Column] = &[
    NAME,
    Column::new("AddressType", |slice, _| json!(at(slice, "/addressType"))),
    Column::new("Ports", |slice, _| {
        let ports = items(slice, "/ports").map(|port| match &port["port"] {
            Value::Number(number) => number.to_string(),
            _ => "*".to_owned(),
        });
        json!(brief(&ports.collect::<Vec<_>>(), "<unset>"))
    }),
    Column::new("Endpoints", |slice, _| {
        let addresses = items(slice, "/endpoints").flat_map(|endpoint| {
            endpoint["addresses"].as_array().into_iter().flatten().filter_map(Value::as_str)
        });
        json!(brief(&addresses.map(str::to_owned).collect::<Vec<_>>(), "<unset>"))
    }),
    AGE,
];

/// The first three and how many more there are.
fn brief(texts: &[String], nothing: &str) -> String {
    match texts.len() {
        0 => nothing.to_owned(),
        count if count > 3 => format!("{} + {} more...", texts[..3].join(","), count - 3),
        _ => texts.join(","),
    }
}

fn external(service: &Object) -> String {
    let given: Vec<&str> = items(service, "/spec/externalIPs").filter_map(Value::as_str).collect();
    let balanced = items(service, "/status/loadBalancer/ingress")
        .map(|ingress| (field(ingress, "ip"), field(ingress, "hostname")))
        .map(|(ip, host)| if ip.is_empty() { host } else { ip });
    match at(service, "/spec/type") {
        "ExternalName" => at(service, "/spec/externalName").to_owned(),
        "LoadBalancer" => {
            let all: Vec<&str> = balanced.chain(given).collect();
            if all.is_empty() { "<pending>".to_owned() } else { all.join(",") }
        }
        _ => or_none(&given.join(",")).to_owned(),
    }
}

fn ports(service: &Object) -> String {
    let ports = items(service, "/spec/ports").map(|port| {
        let protocol = field(port, "protocol");
        match &port["nodePort"] {
            Value::Number(node) if node.as_i64() != Some(0) => {
                format!("{}:{node}/{protocol}", port["port"])
            }
            _ => format!("{}/{protocol}", port["port"]),
        }
    });
    or_none(&ports.collect::<Vec<_>>().join(",")).to_owned()
}
