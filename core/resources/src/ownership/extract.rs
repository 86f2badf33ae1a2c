//! The fields that a value has, and how items of lists are named.

use super::FieldSet;
use crate::schema::{ListType, Schema};
use serde_json::{Map, Value};

/// All fields of a value.
pub(super) fn extract(value: &Value, schema: Option<Schema<'_>>) -> FieldSet {
    match value {
        Value::Object(fields) if granular(schema) => {
            let mut set = FieldSet { here: fields.is_empty(), ..FieldSet::default() };
            for (name, value) in fields {
                set.add(format!("f:{name}"), extract(value, child(schema, name)));
            }
            set
        }
        Value::Array(items) => match (list_type(schema), items.is_empty()) {
            (ListType::Atomic, _) | (_, true) => FieldSet::leaf(),
            (list, false) => {
                let item = schema.and_then(Schema::item);
                let mut set = FieldSet::default();
                for value in items {
                    let mut below = match list {
                        ListType::Map(_) => extract(value, item),
                        _ => FieldSet::default(),
                    };
                    below.here = true;
                    set.add(element(&list, item, value), below);
                }
                set
            }
        },
        _ => FieldSet::leaf(),
    }
}

/// Whether the fields of an object are owned one by one. Without a schema they are.
pub(super) fn granular(schema: Option<Schema<'_>>) -> bool {
    !schema.is_some_and(Schema::is_atomic_map)
}

pub(super) fn child<'s>(schema: Option<Schema<'s>>, name: &str) -> Option<Schema<'s>> {
    schema.and_then(|schema| schema.field(name))
}

pub(super) fn list_type(schema: Option<Schema<'_>>) -> ListType {
    schema.map_or(ListType::Atomic, Schema::list_type)
}

/// The element that names an item of a list.
pub(super) fn element(list: &ListType, item: Option<Schema<'_>>, value: &Value) -> String {
    let ListType::Map(keys) = list else { return format!("v:{value}") };
    let of = |key: &String| {
        let default = || child(item, key).and_then(Schema::default_value).cloned();
        let value = value.get(key).cloned().or_else(default)?;
        Some((key.clone(), value))
    };
    let keys: Map<String, Value> = keys.iter().filter_map(of).collect();
    format!("k:{}", Value::Object(keys))
}
