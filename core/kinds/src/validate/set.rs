//! Daemon sets, stateful sets and the history of their templates.

use super::{Faults, checked_share, immutable, not_negative, one_of, positive, storage, workload};
use crate::json::At;
use quorate_resources::{FieldReason, Object};
use quorate_types::name;

/// Fields of a stateful set's spec that may change.
const MUTABLE: &[&str] = &[
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];

pub(crate) fn daemon_set(object: &Object, old: Option<&Object>) -> Faults {
    let mut faults = workload::replica_set(object, old);
    let spec = At::top(object, "spec");
    not_negative(&spec.field("revisionHistoryLimit"), &mut faults);
    let strategy = spec.field("updateStrategy");
    one_of(&strategy.field("type"), &["RollingUpdate", "OnDelete"], &mut faults);
    let rolling = strategy.field("rollingUpdate");
    if strategy.field("type").text() != "RollingUpdate" {
        return faults;
    }
    let (down, more) = (rolling.field("maxUnavailable"), rolling.field("maxSurge"));
    let (most_down, most_more) =
        (checked_share(&down, &mut faults), checked_share(&more, &mut faults));
    match (most_down > 0, most_more > 0) {
        (false, false) => {
            faults.push(down.invalid("must not be 0 when maxSurge is 0: nothing could move"));
        }
        (true, true) if more.is_set() && down.is_set() => {
            faults.push(more.invalid("must not be set when maxUnavailable is above 0"));
        }
        _ => {}
    }
    faults
}

pub(crate) fn stateful_set(object: &Object, old: Option<&Object>) -> Faults {
    let spec = At::top(object, "spec");
    let claims = spec.field("volumeClaimTemplates");
    let names: Vec<String> = claims
        .items()
        .map(|claim| claim.field("metadata").field("name").text().to_owned())
        .collect();
    let mut faults = workload::with_volumes(object, old, &names);
    not_negative(&spec.field("revisionHistoryLimit"), &mut faults);
    not_negative(&spec.field("ordinals").field("start"), &mut faults);
    one_of(&spec.field("podManagementPolicy"), &["OrderedReady", "Parallel"], &mut faults);
    let strategy = spec.field("updateStrategy");
    one_of(&strategy.field("type"), &["RollingUpdate", "OnDelete"], &mut faults);
    not_negative(&strategy.field("rollingUpdate").field("partition"), &mut faults);
    let down = strategy.field("rollingUpdate").field("maxUnavailable");
    if down.is_set() && checked_share(&down, &mut faults) == 0 {
        faults.push(down.invalid("must not be 0: nothing could move"));
    }
    let retention = spec.field("persistentVolumeClaimRetentionPolicy");
    for field in ["whenDeleted", "whenScaled"] {
        one_of(&retention.field(field), &["Retain", "Delete"], &mut faults);
    }
    for claim in claims.items() {
        claim_template(&claim, &mut faults);
    }
    if let Some(old) = old {
        fixed(&spec, &At::top(old, "spec"), &mut faults);
    }
    faults
}

fn claim_template(claim: &At<'_>, faults: &mut Faults) {
    let label = claim.field("metadata").field("name");
    if let Err(error) = name::check_dns_label(label.text()) {
        faults.push(label.invalid(error.to_string()));
    }
    storage::claim_spec(&claim.field("spec"), faults);
}

/// Everything but a few fields stays: pods and claims are known by it.
fn fixed(new: &At<'_>, old: &At<'_>, faults: &mut Faults) {
    let mut names: Vec<&str> = new.entries().chain(old.entries()).map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    for name in names.into_iter().filter(|name| !MUTABLE.contains(name) && *name != "selector") {
        if new.field(name).value != old.field(name).value {
            let message = format!("may not change, only {} may", MUTABLE.join(", "));
            faults.push(new.field(name).fault(FieldReason::Immutable, message));
        }
    }
}

pub(crate) fn controller_revision(object: &Object, old: Option<&Object>) -> Faults {
    let mut faults = Vec::new();
    let revision = At::top(object, "revision");
    positive(&revision, &mut faults);
    if let Some(old) = old {
        immutable(&At::top(object, "data"), &At::top(old, "data"), &mut faults);
    }
    faults
}
