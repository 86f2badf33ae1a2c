//! Disruption budgets, priorities, quotas, limits.

use super::text::at;
use super::{AGE, NAME, number};
use quorate_resources::{Column, Object};
use serde_json::{Value, json};

pub(super) const DISRUPTION_BUDGETS: &[Column] = &[
    NAME,
    Column::new("Min Available", |budget, _| json!(share(budget, "/spec/minAvailable"))),
    Column::new("Max Unavailable", |budget, _| json!(share(budget, "/spec/maxUnavailable"))),
    Column::new("Allowed Disruptions", |budget, _| {
        json!(number(budget, "/status/disruptionsAllowed"))
    })
    .integer(),
    AGE,
];

pub(super) const PRIORITY_CLASSES: &[Column] = &[
    NAME,
    Column::new("Value", |class, _| json!(number(class, "/value"))).integer(),
    Column::new("Global-Default", |class, _| {
        json!(class.pointer("/globalDefault") == Some(&Value::Bool(true)))
    }),
    AGE,
    Column::new("PreemptionPolicy", |class, _| json!(at(class, "/preemptionPolicy"))),
];

pub(super) const RESOURCE_QUOTAS: &[Column] = &[
    NAME,
    Column::new("Request", |quota, _| json!(usage(quota, false))),
    Column::new("Limit", |quota, _| json!(usage(quota, true))),
    AGE,
];

pub(super) const LIMIT_RANGES: &[Column] =
    &[NAME, Column::new("Created At", |range, _| json!(range.metadata.creation_timestamp))];

fn share(object: &Object, pointer: &str) -> String {
    match object.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(number) => number.to_string(),
        None => "N/A".to_owned(),
    }
}

/// What is used of what is allowed, of limits or of everything else.
fn usage(quota: &Object, of_limits: bool) -> String {
    let hard = quota.pointer("/status/hard").and_then(Value::as_object);
    let entries = hard.into_iter().flatten();
    let wanted = entries.filter(|(name, _)| name.starts_with("limits") == of_limits);
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or("0").to_owned();
    let used = quota.pointer("/status/used");
    let parts: Vec<String> = wanted
        .map(|(name, hard)| {
            let used = used.and_then(|used| used.get(name));
            format!("{name}: {}/{}", text(used), text(Some(hard)))
        })
        .collect();
    parts.join(", ")
}
