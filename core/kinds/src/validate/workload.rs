//! Deployments and replica sets.

use super::{Faults, checked_share, not_negative, one_of, pod, selector, share};
use crate::json::At;
use quorate_resources::{FieldReason, Object};

pub(crate) fn deployment(object: &Object, old: Option<&Object>) -> Faults {
    let mut faults = common(object, old);
    let spec = At::top(object, "spec");
    not_negative(&spec.field("revisionHistoryLimit"), &mut faults);
    let (deadline, ready) = (spec.field("progressDeadlineSeconds"), spec.field("minReadySeconds"));
    if deadline.integer().is_some_and(|limit| limit <= ready.integer().unwrap_or(0)) {
        faults.push(deadline.invalid("must be greater than minReadySeconds"));
    }
    strategy(&spec.field("strategy"), &mut faults);
    faults
}

pub(crate) fn replica_set(object: &Object, old: Option<&Object>) -> Faults {
    common(object, old)
}

fn common(object: &Object, old: Option<&Object>) -> Faults {
    with_volumes(object, old, &[])
}

/// The rules of everything that keeps pods of a template running. Volumes of the given names come
/// from elsewhere.
pub(super) fn with_volumes(object: &Object, old: Option<&Object>, volumes: &[String]) -> Faults {
    let mut faults = Vec::new();
    let spec = At::top(object, "spec");
    not_negative(&spec.field("replicas"), &mut faults);
    not_negative(&spec.field("minReadySeconds"), &mut faults);
    let template = spec.field("template");
    selector::matches_template(&spec.field("selector"), &template, &mut faults);
    selector::unchanged(object, old, &mut faults);
    pod::labels(&template.field("metadata").field("labels"), &mut faults);
    pod::pod_spec_with(&template.field("spec"), volumes, &mut faults);
    let policy = template.field("spec").field("restartPolicy");
    if !matches!(policy.text(), "" | "Always") {
        let message = format!("must be Always in a pod template, is {:?}", policy.text());
        faults.push(policy.fault(FieldReason::NotSupported, message));
    }
    faults
}

fn strategy(at: &At<'_>, faults: &mut Faults) {
    one_of(&at.field("type"), &["RollingUpdate", "Recreate"], faults);
    let rolling = at.field("rollingUpdate");
    if at.field("type").text() == "Recreate" {
        if rolling.is_set() {
            faults.push(rolling.invalid("must not be set when the type is Recreate"));
        }
        return;
    }
    let (surge, unavailable) = (rolling.field("maxSurge"), rolling.field("maxUnavailable"));
    let most_down = checked_share(&unavailable, faults);
    let more = match share(&surge) {
        Ok(number) => number,
        Err(message) => {
            faults.push(surge.invalid(message));
            1
        }
    };
    if more == 0 && most_down == 0 {
        faults.push(unavailable.invalid("must not be 0 when maxSurge is 0: nothing could move"));
    }
}
