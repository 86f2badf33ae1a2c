//! Autoscalers: what is measured beside what is aimed at.

use super::text::{at, field, items};
use super::{AGE, NAME, number};
use quorate_resources::{Column, Object};
use serde_json::{Value, json};

/// Metrics that a row shows.
const SHOWN: usize = 2;

pub(super) const COLUMNS: &[Column] = &[
    NAME,
    Column::new("Reference", |scaler, _| {
        let target = |field: &str| at(scaler, &format!("/spec/scaleTargetRef/{field}")).to_owned();
        json!(format!("{}/{}", target("kind"), target("name")))
    }),
    Column::new("Targets", |scaler, _| json!(targets(scaler))),
    Column::new("MinPods", |scaler, _| match scaler.pointer("/spec/minReplicas") {
        Some(least) => json!(least.to_string()),
        None => json!("<unset>"),
    }),
    Column::new("MaxPods", |scaler, _| json!(number(scaler, "/spec/maxReplicas"))).integer(),
    Column::new("Replicas", |scaler, _| json!(number(scaler, "/status/currentReplicas"))).integer(),
    AGE,
];

fn targets(scaler: &Object) -> String {
    let texts: Vec<String> = items(scaler, "/spec/metrics")
        .enumerate()
        .map(|(index, metric)| {
            let current = scaler.pointer(&format!("/status/currentMetrics/{index}"));
            target(metric, current.unwrap_or(&Value::Null))
        })
        .collect();
    match texts.len() {
        0 => "<none>".to_owned(),
        count if count > SHOWN => {
            format!("{} + {} more...", texts[..SHOWN].join(", "), count - SHOWN)
        }
        _ => texts.join(", "),
    }
}

fn target(metric: &Value, current: &Value) -> String {
    let source = match field(metric, "type") {
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        "Pods" => "pods",
        "Object" => "object",
        _ => "external",
    };
    let (aim, measured) = (&metric[source]["target"], &current[source]["current"]);
    let text = |value: &Value, unit: &str| match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => format!("{number}{unit}"),
        _ => "<unknown>".to_owned(),
    };
    let (form, unit) = match field(aim, "type") {
        "Utilization" => ("averageUtilization", "%"),
        "AverageValue" => ("averageValue", ""),
        _ => ("value", ""),
    };
    let shared = form == "averageValue" && matches!(source, "object" | "external");
    let average = if shared { " (avg)" } else { "" };
    let name = match source {
        "resource" | "containerResource" => format!("{}: ", field(&metric[source], "name")),
        _ => String::new(),
    };
    let (measured, aim) = (text(&measured[form], unit), text(&aim[form], unit));
    format!("{name}{measured}/{aim}{average}")
}
