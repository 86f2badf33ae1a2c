//! Disruption budgets and priorities.

use super::{Faults, checked_share, immutable, one_of, selector};
use crate::json::At;
use quorate_resources::Object;

/// The highest value of a class that is not the system's.
const HIGHEST: i64 = 1_000_000_000;
/// The prefix of the names of the system's own classes.
const SYSTEM: &str = "system-";
/// The system's own classes and their values.
const SYSTEM_CLASSES: &[(&str, i64)] =
    &[("system-node-critical", 2_000_001_000), ("system-cluster-critical", 2_000_000_000)];

pub(crate) fn disruption_budget(object: &Object, _old: Option<&Object>) -> Faults {
    let mut faults = Vec::new();
    let spec = At::top(object, "spec");
    let (least, most) = (spec.field("minAvailable"), spec.field("maxUnavailable"));
    if least.is_set() && most.is_set() {
        faults.push(spec.invalid("must not have both minAvailable and maxUnavailable"));
    }
    for share in [&least, &most] {
        checked_share(share, &mut faults);
    }
    let policies = ["IfHealthyBudget", "AlwaysAllow"];
    one_of(&spec.field("unhealthyPodEvictionPolicy"), &policies, &mut faults);
    if let Err(fault) = selector::parse(&spec.field("selector")) {
        faults.push(fault);
    }
    faults
}

pub(crate) fn priority_class(object: &Object, old: Option<&Object>) -> Faults {
    let mut faults = Vec::new();
    let value = At::top(object, "value");
    let name = object.metadata.name.as_str();
    let system = SYSTEM_CLASSES.iter().find(|(own, _)| *own == name);
    let number = value.integer().unwrap_or(0);
    match system {
        Some((_, wanted)) if number != *wanted => {
            faults.push(value.invalid(format!("must be {wanted} for {name}")));
        }
        None if number > HIGHEST => {
            faults.push(value.invalid(format!("must not be more than {HIGHEST}, is {number}")));
        }
        None if name.starts_with(SYSTEM) => {
            let at = At { value: value.value, path: "metadata.name".to_owned() };
            faults.push(at.invalid("must not begin with system-, which is for the system's own"));
        }
        _ => {}
    }
    let preemption = At::top(object, "preemptionPolicy");
    one_of(&preemption, &["PreemptLowerPriority", "Never"], &mut faults);
    if let Some(old) = old {
        for field in ["value", "preemptionPolicy"] {
            immutable(&At::top(object, field), &At::top(old, field), &mut faults);
        }
    }
    faults
}
