//! What changed between two values.

use super::FieldSet;
use super::extract::{child, element, extract, granular, list_type};
use crate::schema::{ListType, Schema};
use serde_json::Value;
use std::collections::BTreeMap;

/// The difference of two values.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Fields that are new or have another value.
    pub(super) set: FieldSet,
    /// Fields that are gone.
    pub(super) removed: FieldSet,
}

impl Changes {
    fn add(&mut self, element: &str, below: Self) {
        self.set.add(element.to_owned(), below.set);
        self.removed.add(element.to_owned(), below.removed);
    }
}

/// Compares; names of items and fields are those of the schema.
pub(super) fn compare(old: &Value, new: &Value, schema: Option<Schema<'_>>) -> Changes {
    match (old, new) {
        _ if old == new => Changes::default(),
        (Value::Null, _) => pair(None, Some(new), schema),
        (Value::Object(before), Value::Object(after)) if granular(schema) => {
            let mut changes = Changes::default();
            let gone = before.keys().filter(|name| !after.contains_key(*name));
            for name in after.keys().chain(gone) {
                let below = pair(before.get(name), after.get(name), child(schema, name));
                changes.add(&format!("f:{name}"), below);
            }
            changes
        }
        (Value::Array(before), Value::Array(after)) => match list_type(schema) {
            ListType::Atomic => replaced(),
            list => lists(&list, before, after, schema.and_then(Schema::item)),
        },
        _ => replaced(),
    }
}

fn replaced() -> Changes {
    Changes { set: FieldSet::leaf(), removed: FieldSet::default() }
}

fn pair(old: Option<&Value>, new: Option<&Value>, schema: Option<Schema<'_>>) -> Changes {
    match (old, new) {
        (Some(old), Some(new)) => compare(old, new, schema),
        (None, Some(new)) => Changes { set: extract(new, schema), removed: FieldSet::default() },
        (Some(old), None) => Changes { set: FieldSet::default(), removed: extract(old, schema) },
        (None, None) => Changes::default(),
    }
}

fn lists(list: &ListType, old: &[Value], new: &[Value], item: Option<Schema<'_>>) -> Changes {
    let named = |items: &[Value]| -> BTreeMap<String, Value> {
        items.iter().map(|value| (element(list, item, value), value.clone())).collect()
    };
    let (before, after) = (named(old), named(new));
    let mut changes = Changes::default();
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    for name in after.keys().chain(gone) {
        let (old, new) = (before.get(name), after.get(name));
        let mut below = match list {
            ListType::Map(_) => pair(old, new, item),
            _ => Changes::default(),
        };
        below.set.here |= old.is_none();
        below.removed.here |= new.is_none();
        changes.add(name, below);
    }
    changes
}
