//! Defaults of the kinds that hold pod templates.

use super::pod::pod_spec;
use crate::json::{Fields, child_mut, child_or_new, fill};
use quorate_resources::Object;

pub(crate) fn deployment(object: &mut Object) {
    let Some(spec) = child_or_new(&mut object.body, "spec") else { return };
    fill(spec, "replicas", 1);
    fill(spec, "revisionHistoryLimit", 10);
    fill(spec, "progressDeadlineSeconds", 600);
    if let Some(strategy) = child_or_new(spec, "strategy") {
        fill(strategy, "type", "RollingUpdate");
        if strategy.get("type").is_some_and(|kind| kind == "RollingUpdate")
            && let Some(rolling) = child_or_new(strategy, "rollingUpdate")
        {
            fill(rolling, "maxUnavailable", "25%");
            fill(rolling, "maxSurge", "25%");
        }
    }
    template(spec);
}

pub(crate) fn replica_set(object: &mut Object) {
    let Some(spec) = child_or_new(&mut object.body, "spec") else { return };
    fill(spec, "replicas", 1);
    template(spec);
}

fn template(spec: &mut Fields) {
    if let Some(template) = child_mut(spec, "template")
        && let Some(pod) = child_or_new(template, "spec")
    {
        pod_spec(pod);
    }
}
