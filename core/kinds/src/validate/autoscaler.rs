//! Autoscalers.

use super::{Faults, not_negative, one_of, positive};
use crate::json::At;
use quorate_resources::Object;

/// The longest window of stabilisation and the longest period of a policy, in seconds.
const LONGEST_WINDOW: i64 = 3600;
const LONGEST_PERIOD: i64 = 1800;
/// The kinds of metrics and the field that tells about each.
const SOURCES: &[(&str, &str)] = &[
    ("Resource", "resource"),
    ("ContainerResource", "containerResource"),
    ("Pods", "pods"),
    ("Object", "object"),
    ("External", "external"),
];

pub(crate) fn autoscaler(object: &Object, _old: Option<&Object>) -> Faults {
    let mut faults = Vec::new();
    let spec = At::top(object, "spec");
    let (least, most) = (spec.field("minReplicas"), spec.field("maxReplicas"));
    positive(&least, &mut faults);
    positive(&most, &mut faults);
    if least.integer() > most.integer() {
        faults.push(most.invalid("must not be less than minReplicas"));
    }
    let target = spec.field("scaleTargetRef");
    for field in ["kind", "name"] {
        if target.field(field).text().is_empty() {
            faults.push(target.field(field).required("must say what is scaled"));
        }
    }
    for metric in spec.field("metrics").items() {
        self::metric(&metric, &mut faults);
    }
    for direction in ["scaleUp", "scaleDown"] {
        rules(&spec.field("behavior").field(direction), &mut faults);
    }
    faults
}

fn metric(metric: &At<'_>, faults: &mut Faults) {
    let kind = metric.field("type");
    let names: Vec<&str> = SOURCES.iter().map(|(name, _)| *name).collect();
    one_of(&kind, &names, faults);
    let Some((_, field)) = SOURCES.iter().find(|(name, _)| *name == kind.text()) else { return };
    let source = metric.field(field);
    if !source.is_set() {
        faults.push(source.required("must be set for a metric of this type"));
        return;
    }
    for (_, other) in SOURCES.iter().filter(|(name, _)| *name != kind.text()) {
        if metric.field(other).is_set() {
            faults
                .push(metric.field(other).invalid("must not be set for a metric of another type"));
        }
    }
    if kind.text().ends_with("Resource") && source.field("name").text().is_empty() {
        faults.push(source.field("name").required("must name a resource, cpu for example"));
    }
    aim(&source.field("target"), kind.text(), faults);
}

/// Which forms of a target a kind of metric has.
fn aim(target: &At<'_>, kind: &str, faults: &mut Faults) {
    let allowed: &[&str] = match kind {
        "Resource" | "ContainerResource" => &["Utilization", "AverageValue"],
        "Pods" => &["AverageValue"],
        _ => &["Value", "AverageValue"],
    };
    let form = target.field("type");
    one_of(&form, allowed, faults);
    let field = match form.text() {
        "Utilization" => "averageUtilization",
        "AverageValue" => "averageValue",
        _ => "value",
    };
    let value = target.field(field);
    if !value.is_set() {
        faults.push(value.required(&format!("must be set when the type is {}", form.text())));
    }
    positive(&value, faults);
}

fn rules(rules: &At<'_>, faults: &mut Faults) {
    let window = rules.field("stabilizationWindowSeconds");
    not_negative(&window, faults);
    if window.integer().is_some_and(|seconds| seconds > LONGEST_WINDOW) {
        faults.push(window.invalid(format!("must not be more than {LONGEST_WINDOW}")));
    }
    one_of(&rules.field("selectPolicy"), &["Max", "Min", "Disabled"], faults);
    for policy in rules.field("policies").items() {
        one_of(&policy.field("type"), &["Pods", "Percent"], faults);
        positive(&policy.field("value"), faults);
        let period = policy.field("periodSeconds");
        positive(&period, faults);
        if period.integer().is_some_and(|seconds| seconds > LONGEST_PERIOD) {
            faults.push(period.invalid(format!("must not be more than {LONGEST_PERIOD}")));
        }
    }
}
