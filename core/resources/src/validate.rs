//! The rules that hold for the metadata of every kind.

use crate::{FieldError, FieldReason, KindInfo, Object, field, metadata};
use quorate_types::name;

/// Limit on the sum of all annotation bytes, as published.
const MAX_ANNOTATION_BYTES: usize = 256 * 1024;

/// Finds faults in what all kinds share.
pub(crate) fn common(info: &KindInfo, object: &Object) -> Vec<FieldError> {
    let mut faults = Vec::new();
    unknown(info, object, &mut faults);
    name_and_namespace(info, object, &mut faults);
    labels(object, &mut faults);
    annotations(object, &mut faults);
    owners(object, &mut faults);
    for (index, finalizer) in object.metadata.finalizers.iter().enumerate() {
        if let Err(error) = name::check_label_key(finalizer) {
            let path = field::item("metadata.finalizers", index);
            faults.push(FieldError::invalid(path, error.to_string()));
        }
    }
    faults
}

fn unknown(info: &KindInfo, object: &Object, faults: &mut Vec<FieldError>) {
    for name in object.metadata.other.keys() {
        let path = field::child("metadata", name);
        faults.push(FieldError::unknown(path, name, metadata::FIELDS));
    }
    if !info.status && info.custom.is_none() && object.body.contains_key("status") {
        faults.push(FieldError::unknown("status", "status", &[]));
    }
}

fn name_and_namespace(info: &KindInfo, object: &Object, faults: &mut Vec<FieldError>) {
    if let Err(error) = (info.name_rule)(&object.metadata.name) {
        faults.push(FieldError::invalid("metadata.name", error.to_string()));
    }
    let path = "metadata.namespace";
    match (&object.metadata.namespace, info.namespaced) {
        (Some(namespace), true) => {
            if let Err(error) = name::check_dns_label(namespace) {
                faults.push(FieldError::invalid(path, error.to_string()));
            }
        }
        (None, true) => {
            let message = format!("must be set: objects of kind {} live in namespaces", info.kind);
            faults.push(FieldError::required(path, message));
        }
        (Some(_), false) => {
            let message =
                format!("must not be set: objects of kind {} are cluster-scoped", info.kind);
            faults.push(FieldError::invalid(path, message));
        }
        (None, false) => {}
    }
}

fn labels(object: &Object, faults: &mut Vec<FieldError>) {
    for (key, value) in &object.metadata.labels {
        let path = field::child("metadata.labels", key);
        if let Err(error) = name::check_label_key(key) {
            faults.push(FieldError::invalid(&path, format!("label key {error}")));
        }
        if let Err(error) = name::check_label_value(value) {
            faults.push(FieldError::invalid(&path, format!("label value {error}")));
        }
    }
}

fn annotations(object: &Object, faults: &mut Vec<FieldError>) {
    let mut bytes = 0;
    for (key, value) in &object.metadata.annotations {
        bytes += key.len() + value.len();
        if let Err(error) = name::check_label_key(&key.to_lowercase()) {
            let path = field::child("metadata.annotations", key);
            faults.push(FieldError::invalid(path, format!("annotation key {error}")));
        }
    }
    if bytes > MAX_ANNOTATION_BYTES {
        let message = format!("must be at most {MAX_ANNOTATION_BYTES} bytes together, are {bytes}");
        faults.push(FieldError::new("metadata.annotations", FieldReason::TooLong, message));
    }
}

fn owners(object: &Object, faults: &mut Vec<FieldError>) {
    let path = "metadata.ownerReferences";
    for (index, owner) in object.metadata.owner_references.iter().enumerate() {
        let item = field::item(path, index);
        let uid = owner.uid.as_str();
        for (name, value) in [
            ("apiVersion", owner.api_version.as_str()),
            ("kind", &owner.kind),
            ("name", &owner.name),
            ("uid", uid),
        ] {
            if value.is_empty() {
                faults.push(FieldError::required(field::child(&item, name), "must be set"));
            }
        }
    }
    if object.metadata.owner_references.iter().filter(|owner| owner.controller).count() > 1 {
        let message = "at most one owner may be the controller";
        faults.push(FieldError::invalid(path, message));
    }
}
