//! Server-side apply.

use super::FieldSet;
use super::compare::compare;
use super::entry::{self, ManagedFields, Manager};
use super::extract::{child, element, extract, granular, list_type};
use super::write::owned_part;
use crate::schema::{ListType, Schema};
use serde_json::Value;

const APPLY: &str = "Apply";

/// Another manager owns a field that the applied object would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Who owns it, by which operation and in which version.
    pub manager: String,
    /// `Apply` or `Update`.
    pub operation: String,
    /// The version in which the manager named the field.
    pub api_version: String,
    /// When it was last set.
    pub time: Option<String>,
    /// The subresource through which it was set.
    pub subresource: String,
    /// The field: `.spec.replicas`.
    pub path: String,
}

/// The object and its entries after an apply; `live` is `Null` if the object does not exist.
///
/// # Errors
/// Every field that belongs to another manager and would change, unless the apply is forced.
pub fn apply(
    mut entries: Vec<ManagedFields>,
    live: &Value,
    config: &Value,
    schema: Option<Schema<'_>>,
    manager: &Manager,
    force: bool,
) -> Result<(Value, Vec<ManagedFields>), Vec<Conflict>> {
    let mut wanted = extract(&owned_part(config, manager), schema);
    // That an object is there at all belongs to nobody.
    wanted.here = false;
    let (own, others): (Vec<_>, Vec<_>) =
        entries.iter().cloned().partition(|entry| entry.is_of(manager, APPLY));
    let last = own.first().map(ManagedFields::set).unwrap_or_default();
    let foreign = others.iter().fold(FieldSet::default(), |all, entry| all.union(&entry.set()));
    let mut merged = merge(live, config, schema);
    remove(&mut merged, &last.difference(&wanted), &foreign, schema);
    let before = owned_part(live, manager);
    let changes = compare(&before, &owned_part(&merged, manager), schema);
    let conflicts: Vec<Conflict> =
        others.iter().flat_map(|entry| conflicts(entry, &changes.set)).collect();
    if !conflicts.is_empty() && !force {
        return Err(conflicts);
    }
    let lost = changes.set.union(&changes.removed);
    entry::take(&mut entries, &lost, |entry| entry.is_of(manager, APPLY));
    entry::store(&mut entries, manager, APPLY, &wanted);
    Ok((merged, entries))
}

fn conflicts(entry: &ManagedFields, changed: &FieldSet) -> Vec<Conflict> {
    let paths = entry.set().intersection(changed).paths().into_iter();
    let conflict = |path| Conflict {
        manager: entry.manager.clone(),
        operation: entry.operation.clone(),
        api_version: entry.api_version.clone(),
        time: entry.time.clone(),
        subresource: entry.subresource.clone(),
        path,
    };
    paths.map(conflict).collect()
}

/// The live value with the configuration laid over it.
fn merge(live: &Value, config: &Value, schema: Option<Schema<'_>>) -> Value {
    match (live, config) {
        (Value::Object(live), Value::Object(config)) if granular(schema) => {
            let mut result = live.clone();
            for (name, value) in config {
                let before = live.get(name).unwrap_or(&Value::Null);
                result.insert(name.clone(), merge(before, value, child(schema, name)));
            }
            Value::Object(result)
        }
        (Value::Array(live), Value::Array(config)) => match list_type(schema) {
            ListType::Atomic => Value::Array(config.clone()),
            list => Value::Array(merge_lists(&list, live, config, schema.and_then(Schema::item))),
        },
        _ => config.clone(),
    }
}

fn merge_lists(
    list: &ListType,
    live: &[Value],
    config: &[Value],
    item: Option<Schema<'_>>,
) -> Vec<Value> {
    let name = |value: &Value| element(list, item, value);
    let mut result = live.to_vec();
    for value in config {
        let id = name(value);
        match result.iter().position(|other| name(other) == id) {
            Some(at) => result[at] = merge(&result[at], value, item),
            None => result.push(value.clone()),
        }
    }
    result
}

/// Removes what the manager no longer says and nobody else owns.
fn remove(value: &mut Value, gone: &FieldSet, foreign: &FieldSet, schema: Option<Schema<'_>>) {
    match value {
        Value::Object(fields) => {
            for (place, gone) in &gone.below {
                let Some(name) = place.strip_prefix("f:") else { continue };
                let nobody = FieldSet::default();
                let foreign = foreign.below.get(place).unwrap_or(&nobody);
                let Some(value) = fields.get_mut(name) else { continue };
                if gone.here && foreign.is_empty() {
                    fields.remove(name);
                    continue;
                }
                remove(value, gone, foreign, child(schema, name));
                let emptied = value.as_object().is_some_and(serde_json::Map::is_empty)
                    || value.as_array().is_some_and(Vec::is_empty);
                if emptied && foreign.is_empty() {
                    fields.remove(name);
                }
            }
        }
        Value::Array(items) => {
            let (list, item) = (list_type(schema), schema.and_then(Schema::item));
            items.retain_mut(|value| {
                let place = element(&list, item, value);
                let nobody = FieldSet::default();
                let foreign = foreign.below.get(&place).unwrap_or(&nobody);
                let Some(gone) = gone.below.get(&place) else { return true };
                if gone.here && foreign.is_empty() {
                    return false;
                }
                remove(value, gone, foreign, item);
                true
            });
        }
        _ => {}
    }
}
