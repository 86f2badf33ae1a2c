//! Kinds with few rules.

use super::{Faults, immutable, one_of, resources};
use crate::json::At;
use quorate_resources::Object;

pub(crate) fn config_map(object: &Object, old: Option<&Object>) -> Faults {
    let mut faults = Vec::new();
    data_keys(object, &["data", "binaryData"], &mut faults);
    let binary = At::top(object, "binaryData");
    for (key, at) in At::top(object, "data").entries() {
        if binary.field(key).is_set() {
            faults.push(at.invalid("must not be in both data and binaryData"));
        }
    }
    frozen(object, old, &["data", "binaryData"], &mut faults);
    faults
}

pub(crate) fn secret(object: &Object, old: Option<&Object>) -> Faults {
    let mut faults = Vec::new();
    data_keys(object, &["data"], &mut faults);
    frozen(object, old, &["data"], &mut faults);
    if let Some(old) = old {
        immutable(&At::top(object, "type"), &At::top(old, "type"), &mut faults);
    }
    faults
}

/// Keys become file names and variables.
fn data_keys(object: &Object, fields: &[&str], faults: &mut Faults) {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    for (key, at) in fields.iter().flat_map(|name| At::top(object, name).entries()) {
        let ok = !key.is_empty() && key.len() <= 253 && key.chars().all(plain);
        if !ok || key.starts_with("..") || key == "." {
            let rule = "must be at most 253 alphanumeric characters, '-', '_' or '.'";
            faults.push(at.invalid(format!("{key:?} is no key: {rule}")));
        }
    }
}

/// What says `immutable: true` stays as it is.
fn frozen(object: &Object, old: Option<&Object>, fields: &[&str], faults: &mut Faults) {
    let Some(old) = old.filter(|old| At::top(old, "immutable").value.as_bool() == Some(true))
    else {
        return;
    };
    for name in fields.iter().chain(&["immutable"]) {
        immutable(&At::top(object, name), &At::top(old, name), faults);
    }
}

pub(crate) fn node(object: &Object, _old: Option<&Object>) -> Faults {
    let mut faults = Vec::new();
    for taint in At::top(object, "spec").field("taints").items() {
        let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
        one_of(&taint.field("effect"), &effects, &mut faults);
        if let Err(error) = quorate_types::name::check_label_key(taint.field("key").text()) {
            faults.push(taint.field("key").invalid(error.to_string()));
        }
    }
    for list in ["capacity", "allocatable"] {
        resources::amounts(&At::top(object, "status").field(list), &mut faults);
    }
    faults
}

pub(crate) fn runtime_class(object: &Object, old: Option<&Object>) -> Faults {
    let mut faults = Vec::new();
    let handler = At::top(object, "handler");
    if let Err(error) = quorate_types::name::check_dns_label(handler.text()) {
        faults.push(handler.invalid(error.to_string()));
    }
    if let Some(old) = old {
        immutable(&handler, &At::top(old, "handler"), &mut faults);
    }
    faults
}
