//! Deployments and replica sets.

use super::{Faults, not_negative, one_of, pod, selector};
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
    let mut faults = Vec::new();
    let spec = At::top(object, "spec");
    not_negative(&spec.field("replicas"), &mut faults);
    not_negative(&spec.field("minReadySeconds"), &mut faults);
    let template = spec.field("template");
    selector::matches_template(&spec.field("selector"), &template, &mut faults);
    selector::unchanged(object, old, &mut faults);
    pod::labels(&template.field("metadata").field("labels"), &mut faults);
    pod::pod_spec(&template.field("spec"), &mut faults);
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
    let share = |at: &At<'_>, faults: &mut Faults| match share(at) {
        Ok(number) => number,
        Err(message) => {
            faults.push(at.invalid(message));
            1
        }
    };
    let most_down = share(&unavailable, faults);
    if share(&surge, faults) == 0 && most_down == 0 {
        faults.push(unavailable.invalid("must not be 0 when maxSurge is 0: nothing could move"));
    }
    if unavailable.value.is_string() && most_down > 100 {
        faults.push(unavailable.invalid("must not be more than 100%"));
    }
}

/// A count or a percentage; absent counts as something.
fn share(at: &At<'_>) -> Result<i64, String> {
    let fail = || "must be a number or a percentage such as 25%, and not negative".to_owned();
    match (at.integer(), at.value.as_str()) {
        (Some(count), _) => Ok(count),
        (None, Some(text)) => {
            text.strip_suffix('%').and_then(|number| number.parse().ok()).ok_or_else(fail)
        }
        (None, None) => Ok(1),
    }
    .and_then(|number| if number < 0 { Err(fail()) } else { Ok(number) })
}
