//! Defaults of what bounds pods and moves their number.

use crate::json::{Fields, child_mut, child_or_new, fill, items_mut};
use quorate_resources::Object;
use serde_json::{Map, Value, json};

pub(crate) fn priority_class(object: &mut Object) {
    fill(&mut object.body, "value", 0);
    fill(&mut object.body, "preemptionPolicy", "PreemptLowerPriority");
}

/// Without metrics, 80 % of the requested CPU; behaviour as far as it is mentioned at all.
pub(crate) fn autoscaler(object: &mut Object) {
    let Some(spec) = child_or_new(&mut object.body, "spec") else { return };
    fill(spec, "minReplicas", 1);
    if spec.get("metrics").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        let cpu = json!([{ "type": "Resource", "resource": {
            "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 80 },
        } }]);
        spec.insert("metrics".to_owned(), cpu);
    }
    let Some(behavior) = child_mut(spec, "behavior") else { return };
    if let Some(up) = child_or_new(behavior, "scaleUp") {
        fill(up, "stabilizationWindowSeconds", 0);
        let policies = json!([
            { "type": "Pods", "value": 4, "periodSeconds": 15 },
            { "type": "Percent", "value": 100, "periodSeconds": 15 },
        ]);
        rules(up, policies);
    }
    if let Some(down) = child_or_new(behavior, "scaleDown") {
        rules(down, json!([{ "type": "Percent", "value": 100, "periodSeconds": 15 }]));
    }
}

fn rules(rules: &mut Fields, policies: Value) {
    fill(rules, "selectPolicy", "Max");
    if rules.get("policies").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        rules.insert("policies".to_owned(), policies);
    }
}

/// Limits of containers: the most is the default limit, the default limit is requested, and so is
/// the least where neither is said.
pub(crate) fn limit_range(object: &mut Object) {
    let Some(spec) = child_or_new(&mut object.body, "spec") else { return };
    for item in items_mut(spec, "limits") {
        if item.get("type").is_some_and(|kind| kind == "Container") {
            for (from, to) in
                [("max", "default"), ("default", "defaultRequest"), ("min", "defaultRequest")]
            {
                copy(item, from, to);
            }
        }
    }
}

/// Copies entries that are missing.
fn copy(item: &mut Fields, from: &str, to: &str) {
    let Some(Value::Object(source)) = item.get(from).cloned() else { return };
    let target = item.entry(to).or_insert_with(|| Value::Object(Map::new()));
    let Some(target) = target.as_object_mut() else { return };
    for (name, amount) in source {
        target.entry(name).or_insert(amount);
    }
}
