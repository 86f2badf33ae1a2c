//! Defaults of structural schemas: a field that is absent gets its default, at every depth that exists.

use serde_json::{Map, Value};

/// Fills in the fields of an object.
pub(super) fn fields(schema: &Value, object: &mut Map<String, Value>) {
    let declared = schema.get("properties").and_then(Value::as_object);
    for (name, schema) in declared.into_iter().flatten() {
        if let Some(default) = schema.get("default")
            && !object.contains_key(name)
        {
            object.insert(name.clone(), default.clone());
        }
        if let Some(value) = object.get_mut(name) {
            any(schema, value);
        }
    }
    let Some(schema) = schema.get("additionalProperties").filter(|it| it.is_object()) else {
        return;
    };
    object.values_mut().for_each(|value| any(schema, value));
}

fn any(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(object) => fields(schema, object),
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter_mut().for_each(|item| any(schema, item));
            }
        }
        _ => {}
    }
}
