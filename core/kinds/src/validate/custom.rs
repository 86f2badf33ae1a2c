//! Definitions of kinds.

use super::{Faults, immutable, one_of};
use crate::json::At;
use quorate_resources::{Object, custom};

pub(crate) fn definition(object: &Object, old: Option<&Object>) -> Faults {
    let mut faults = Vec::new();
    let spec = At::top(object, "spec");
    let (group, names) = (spec.field("group"), spec.field("names"));
    one_of(&spec.field("scope"), &["Namespaced", "Cluster"], &mut faults);
    if let Err(fault) = custom::define(object) {
        faults.push(fault);
    }
    let name = format!("{}.{}", names.field("plural").text(), group.text());
    if object.metadata.name != name {
        let message = format!("must be spec.names.plural+\".\"+spec.group, which is {name:?}");
        faults.push(quorate_resources::FieldError::invalid("metadata.name", message));
    }
    if let Some(old) = old {
        let before = At::top(old, "spec");
        immutable(&group, &before.field("group"), &mut faults);
        immutable(&spec.field("scope"), &before.field("scope"), &mut faults);
        let kind_before = before.field("names").field("kind");
        immutable(&names.field("kind"), &kind_before, &mut faults);
    }
    faults
}
