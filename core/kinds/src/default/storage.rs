//! Defaults of claims, volumes and their classes.

use crate::json::{Fields, child_or_new, fill};
use quorate_resources::Object;

pub(crate) fn claim(object: &mut Object) {
    claim_spec(&mut object.body);
    if let Some(status) = child_or_new(&mut object.body, "status") {
        fill(status, "phase", "Pending");
    }
}

/// Fills in the spec of a claim or of a template of claims.
pub(super) fn claim_spec(claim: &mut Fields) {
    if let Some(spec) = child_or_new(claim, "spec") {
        fill(spec, "volumeMode", "Filesystem");
    }
}

pub(crate) fn volume(object: &mut Object) {
    if let Some(spec) = child_or_new(&mut object.body, "spec") {
        fill(spec, "persistentVolumeReclaimPolicy", "Retain");
        fill(spec, "volumeMode", "Filesystem");
    }
    if let Some(status) = child_or_new(&mut object.body, "status") {
        fill(status, "phase", "Pending");
    }
}

pub(crate) fn storage_class(object: &mut Object) {
    fill(&mut object.body, "reclaimPolicy", "Delete");
    fill(&mut object.body, "volumeBindingMode", "Immediate");
}
