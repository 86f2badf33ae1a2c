//! Quotas and limit ranges.

use super::{Faults, immutable, one_of, resources};
use crate::json::At;
use quorate_resources::Object;
use quorate_types::Quantity;

const SCOPES: &[&str] = &[
    "Terminating",
    "NotTerminating",
    "BestEffort",
    "NotBestEffort",
    "PriorityClass",
    "CrossNamespacePodAffinity",
    "VolumeAttributesClass",
];

pub(crate) fn resource_quota(object: &Object, old: Option<&Object>) -> Faults {
    let mut faults = Vec::new();
    let spec = At::top(object, "spec");
    resources::amounts(&spec.field("hard"), &mut faults);
    for scope in spec.field("scopes").items() {
        one_of(&scope, SCOPES, &mut faults);
    }
    for rule in spec.field("scopeSelector").field("matchExpressions").items() {
        one_of(&rule.field("scopeName"), SCOPES, &mut faults);
        let operators = ["In", "NotIn", "Exists", "DoesNotExist"];
        one_of(&rule.field("operator"), &operators, &mut faults);
        let wants_values = matches!(rule.field("operator").text(), "In" | "NotIn");
        if wants_values && rule.field("values").items().next().is_none() {
            let message = "must have at least one value when the operator is In or NotIn";
            faults.push(rule.field("values").required(message));
        }
    }
    if let Some(old) = old {
        let before = At::top(old, "spec");
        immutable(&spec.field("scopes"), &before.field("scopes"), &mut faults);
    }
    faults
}

pub(crate) fn limit_range(object: &Object, _old: Option<&Object>) -> Faults {
    let mut faults = Vec::new();
    let limits = At::top(object, "spec").field("limits");
    super::unique(super::keyed(&limits, "type"), &mut faults);
    for item in limits.items() {
        limit(&item, &mut faults);
    }
    faults
}

fn limit(item: &At<'_>, faults: &mut Faults) {
    let kind = item.field("type");
    one_of(&kind, &["Container", "Pod", "PersistentVolumeClaim"], faults);
    for field in ["min", "max", "default", "defaultRequest", "maxLimitRequestRatio"] {
        resources::amounts(&item.field(field), faults);
    }
    if kind.text() == "Pod" {
        for field in ["default", "defaultRequest"] {
            if item.field(field).is_set() {
                faults.push(item.field(field).invalid("must not be set when the type is Pod"));
            }
        }
    }
    // What is smaller comes first.
    let order = [
        ("min", "defaultRequest"),
        ("min", "default"),
        ("min", "max"),
        ("defaultRequest", "default"),
        ("defaultRequest", "max"),
        ("default", "max"),
    ];
    for (less, more) in order {
        for (name, amount) in item.field(less).entries() {
            let bound = item.field(more).field(name);
            if amount_of(&bound).is_some_and(|bound| amount_of(&amount) > Some(bound)) {
                faults.push(amount.invalid(format!("must not be more than {more}")));
            }
        }
    }
}

fn amount_of(at: &At<'_>) -> Option<Quantity> {
    at.text().parse().ok()
}
