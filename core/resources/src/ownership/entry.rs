//! The stored form: one entry of `metadata.managedFields`.

use super::FieldSet;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What one manager owns, as objects carry it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ManagedFields {
    /// Who.
    pub manager: String,
    /// `Apply`, or `Update` for every other write.
    pub operation: String,
    /// The version in which the fields are named.
    pub api_version: String,
    /// When the entry last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The form of the fields; `FieldsV1` is the only one.
    pub fields_type: String,
    /// The fields.
    #[serde(rename = "fieldsV1", skip_serializing_if = "Value::is_null")]
    pub fields: Value,
    /// The subresource through which they were written; empty for the object itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subresource: String,
}

/// Who writes, by which way, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manager {
    /// Name of the manager.
    pub name: String,
    /// The version in which it names fields.
    pub api_version: String,
    /// The subresource through which it writes; empty for the object itself.
    pub subresource: String,
    /// RFC 3339 time of the write.
    pub now: String,
}

/// The form of all entries.
const FORM: &str = "FieldsV1";

impl ManagedFields {
    /// The set of fields.
    #[must_use]
    pub fn set(&self) -> FieldSet {
        FieldSet::from_json(&self.fields)
    }

    pub(super) fn is_of(&self, manager: &Manager, operation: &str) -> bool {
        self.manager == manager.name
            && self.operation == operation
            && self.subresource == manager.subresource
    }
}

/// Stores what a manager owns now; its time changes only if that changed.
pub(super) fn store(
    entries: &mut Vec<ManagedFields>,
    manager: &Manager,
    operation: &str,
    set: &FieldSet,
) {
    let place = entries.iter().position(|entry| entry.is_of(manager, operation));
    if set.is_empty() {
        place.map(|at| entries.remove(at));
        return;
    }
    let fields = set.to_json();
    let entry = match place {
        Some(at) if entries[at].fields == fields => return,
        Some(at) => &mut entries[at],
        None => {
            entries.push(ManagedFields::default());
            let last = entries.len() - 1;
            &mut entries[last]
        }
    };
    *entry = ManagedFields {
        manager: manager.name.clone(),
        operation: operation.to_owned(),
        api_version: manager.api_version.clone(),
        time: Some(manager.now.clone()),
        fields_type: FORM.to_owned(),
        fields,
        subresource: manager.subresource.clone(),
    };
}

/// Takes fields away from everyone whom the filter does not spare.
pub(super) fn take(
    entries: &mut Vec<ManagedFields>,
    fields: &FieldSet,
    spared: impl Fn(&ManagedFields) -> bool,
) {
    if fields.is_empty() {
        return;
    }
    entries.retain_mut(|entry| {
        if spared(entry) {
            return true;
        }
        let before = entry.set();
        let left = before.difference(fields);
        if left != before {
            entry.fields = left.to_json();
        }
        !left.is_empty()
    });
}
