//! Defaults of the kinds that hold pod templates.

use super::pod::pod_spec;
use crate::json::{Fields, child_mut, child_or_new, fill, items_mut};
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

pub(crate) fn daemon_set(object: &mut Object) {
    let Some(spec) = child_or_new(&mut object.body, "spec") else { return };
    fill(spec, "revisionHistoryLimit", 10);
    if let Some(rolling) = update_strategy(spec) {
        fill(rolling, "maxUnavailable", 1);
        fill(rolling, "maxSurge", 0);
    }
    template(spec);
}

pub(crate) fn stateful_set(object: &mut Object) {
    let Some(spec) = child_or_new(&mut object.body, "spec") else { return };
    fill(spec, "replicas", 1);
    fill(spec, "revisionHistoryLimit", 10);
    fill(spec, "podManagementPolicy", "OrderedReady");
    fill(spec, "serviceName", "");
    if let Some(rolling) = update_strategy(spec) {
        fill(rolling, "partition", 0);
    }
    if let Some(policy) = child_or_new(spec, "persistentVolumeClaimRetentionPolicy") {
        fill(policy, "whenDeleted", "Retain");
        fill(policy, "whenScaled", "Retain");
    }
    for claim in items_mut(spec, "volumeClaimTemplates") {
        fill(claim, "apiVersion", "v1");
        fill(claim, "kind", "PersistentVolumeClaim");
        super::storage::claim_spec(claim);
    }
    template(spec);
}

/// The parameters of a rolling update, if that is how pods are exchanged.
fn update_strategy(spec: &mut Fields) -> Option<&mut Fields> {
    let strategy = child_or_new(spec, "updateStrategy")?;
    fill(strategy, "type", "RollingUpdate");
    let rolling = strategy.get("type").is_some_and(|kind| kind == "RollingUpdate");
    if rolling { child_or_new(strategy, "rollingUpdate") } else { None }
}

pub(super) fn template(spec: &mut Fields) {
    if let Some(template) = child_mut(spec, "template")
        && let Some(pod) = child_or_new(template, "spec")
    {
        pod_spec(pod);
    }
}
