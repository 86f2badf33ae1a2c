//! Taking out what a kind does not have.

use super::Schema;
use crate::field;
use serde_json::Value;

/// Removes every field that the schema does not know, and tells their paths in order.
pub fn prune(schema: Schema<'_>, value: &mut Value) -> Vec<String> {
    let mut unknown = Vec::new();
    walk(schema, value, "", &mut unknown);
    unknown
}

fn walk(schema: Schema<'_>, value: &mut Value, path: &str, unknown: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            let open = schema.is_open();
            fields.retain(|name, value| {
                let path = field::child(path, name);
                match schema.field(name) {
                    Some(schema) => walk(schema, value, &path, unknown),
                    None if open => {}
                    None => {
                        unknown.push(path);
                        return false;
                    }
                }
                true
            });
        }
        Value::Array(items) => {
            let Some(schema) = schema.item() else { return };
            for (index, item) in items.iter_mut().enumerate() {
                walk(schema, item, &field::item(path, index), unknown);
            }
        }
        _ => {}
    }
}
