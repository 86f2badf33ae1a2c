//! Every write but apply: what it changes is the writer's from then on.

use super::compare::compare;
use super::entry::{self, ManagedFields, Manager};
use crate::schema::Schema;
use serde_json::Value;

const UPDATE: &str = "Update";

/// The entries after a write that turned `old` into `new`; both without what nobody owns
/// (see `owned_part`).
#[must_use]
pub fn write(
    mut entries: Vec<ManagedFields>,
    old: &Value,
    new: &Value,
    schema: Option<Schema<'_>>,
    manager: &Manager,
) -> Vec<ManagedFields> {
    let changes = compare(&owned_part(old, manager), &owned_part(new, manager), schema);
    let own = entries.iter().find(|entry| entry.is_of(manager, UPDATE));
    let before = own.map(ManagedFields::set).unwrap_or_default();
    let mut after = before.union(&changes.set).difference(&changes.removed);
    // That an object is there at all belongs to nobody.
    after.here = false;
    let lost = changes.set.union(&changes.removed);
    entry::take(&mut entries, &lost, |entry| entry.is_of(manager, UPDATE));
    entry::store(&mut entries, manager, UPDATE, &after);
    entries
}

/// Fields of the metadata that the system sets.
const SYSTEM: &[&str] = &[
    "name",
    "namespace",
    "generateName",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
];

/// An object without the fields that nobody owns: identity, what the system sets, and the status
/// unless the write goes through it.
pub(super) fn owned_part(object: &Value, manager: &Manager) -> Value {
    let mut object = object.clone();
    let Some(fields) = object.as_object_mut() else { return object };
    fields.remove("apiVersion");
    fields.remove("kind");
    if manager.subresource == "status" {
        fields.retain(|name, _| name == "status");
    } else {
        fields.remove("status");
    }
    if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
        metadata.retain(|name, _| !SYSTEM.contains(&name.as_str()));
        if metadata.is_empty() {
            fields.remove("metadata");
        }
    }
    object
}
