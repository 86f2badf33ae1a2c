//! Claims, volumes and their classes.

use super::{Faults, immutable, one_of, resources, selector};
use crate::json::At;
use quorate_resources::{FieldReason, Object};
use quorate_types::Quantity;

const MODES: &[&str] = &["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"];
/// Fields of a volume's spec that say something about it rather than where it is.
const ABOUT: &[&str] = &[
    "capacity",
    "accessModes",
    "claimRef",
    "persistentVolumeReclaimPolicy",
    "storageClassName",
    "mountOptions",
    "volumeMode",
    "nodeAffinity",
    "volumeAttributesClassName",
];

pub(crate) fn claim(object: &Object, old: Option<&Object>) -> Faults {
    let mut faults = Vec::new();
    let spec = At::top(object, "spec");
    claim_spec(&spec, &mut faults);
    if let Some(old) = old {
        claim_unchanged(&spec, &At::top(old, "spec"), &mut faults);
    }
    faults
}

/// The rules of a claim's spec.
pub(super) fn claim_spec(spec: &At<'_>, faults: &mut Faults) {
    modes(&spec.field("accessModes"), faults);
    one_of(&spec.field("volumeMode"), &["Filesystem", "Block"], faults);
    let requests = spec.field("resources").field("requests");
    resources::resources(&spec.field("resources"), faults);
    let storage = requests.field("storage");
    if !storage.is_set() {
        faults.push(storage.required("must say how much is needed, for example 1Gi"));
    } else if quantity(&storage) == Some(Quantity::ZERO) {
        faults.push(storage.invalid("must be greater than zero"));
    }
    if spec.field("selector").is_set()
        && let Err(fault) = selector::parse(&spec.field("selector"))
    {
        faults.push(fault);
    }
}

/// How much a claim asks for.
fn size<'v>(claim: &At<'v>) -> At<'v> {
    claim.field("resources").field("requests").field("storage")
}

fn quantity(at: &At<'_>) -> Option<Quantity> {
    at.text().parse().ok()
}

fn modes(modes: &At<'_>, faults: &mut Faults) {
    if modes.items().next().is_none() {
        faults.push(modes.required("must have at least one access mode"));
    }
    for mode in modes.items() {
        one_of(&mode, MODES, faults);
    }
    let alone = modes.items().any(|mode| mode.text() == "ReadWriteOncePod");
    if alone && modes.items().count() > 1 {
        faults.push(modes.invalid("must not have others beside ReadWriteOncePod"));
    }
}

/// A claim's spec stays, but that it grows, is bound, and gets a class once.
fn claim_unchanged(new: &At<'_>, old: &At<'_>, faults: &mut Faults) {
    for field in ["accessModes", "selector", "volumeMode", "dataSource", "dataSourceRef"] {
        immutable(&new.field(field), &old.field(field), faults);
    }
    for field in ["volumeName", "storageClassName"] {
        if old.field(field).is_set() {
            immutable(&new.field(field), &old.field(field), faults);
        }
    }
    if quantity(&size(new)) < quantity(&size(old)) {
        let message = "may not become less than it was: claims only grow";
        faults.push(size(new).fault(FieldReason::Immutable, message));
    }
}

pub(crate) fn volume(object: &Object, old: Option<&Object>) -> Faults {
    let mut faults = Vec::new();
    let spec = At::top(object, "spec");
    modes(&spec.field("accessModes"), &mut faults);
    one_of(&spec.field("volumeMode"), &["Filesystem", "Block"], &mut faults);
    let policies = ["Retain", "Delete", "Recycle"];
    one_of(&spec.field("persistentVolumeReclaimPolicy"), &policies, &mut faults);
    resources::amounts(&spec.field("capacity"), &mut faults);
    if !spec.field("capacity").field("storage").is_set() {
        let storage = spec.field("capacity").field("storage");
        faults.push(storage.required("must say how much there is, for example 1Gi"));
    }
    let is_source = |(name, _): &(&str, At<'_>)| !ABOUT.contains(name);
    match spec.entries().filter(is_source).count() {
        0 => faults.push(spec.required("must have a source, hostPath or local for example")),
        1 => {}
        _ => faults.push(spec.invalid("must have only one source")),
    }
    if let Some(old) = old {
        let before = At::top(old, "spec");
        for (name, source) in spec.entries().filter(is_source) {
            immutable(&source, &before.field(name), &mut faults);
        }
        immutable(&spec.field("volumeMode"), &before.field("volumeMode"), &mut faults);
    }
    faults
}

pub(crate) fn storage_class(object: &Object, old: Option<&Object>) -> Faults {
    let mut faults = Vec::new();
    let provisioner = At::top(object, "provisioner");
    if provisioner.text().is_empty() {
        faults.push(provisioner.required("must name who makes volumes of the class"));
    }
    one_of(&At::top(object, "reclaimPolicy"), &["Delete", "Retain"], &mut faults);
    let binding = At::top(object, "volumeBindingMode");
    one_of(&binding, &["Immediate", "WaitForFirstConsumer"], &mut faults);
    if let Some(old) = old {
        for field in ["provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"] {
            immutable(&At::top(object, field), &At::top(old, field), &mut faults);
        }
    }
    faults
}
