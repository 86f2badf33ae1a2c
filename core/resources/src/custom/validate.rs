//! Values against structural schemas. Patterns and rules in CEL are not judged.

use crate::{FieldError, FieldReason, Object, field};
use serde_json::Value;

/// Everything in which an object differs from its schema.
pub(super) fn object(schema: &Value, object: &Object) -> Vec<FieldError> {
    let mut faults = Vec::new();
    for (name, schema) in properties(schema) {
        // The registry vouches for these.
        if matches!(name.as_str(), "apiVersion" | "kind" | "metadata") {
            continue;
        }
        if let Some(value) = object.body.get(name) {
            check(schema, value, name, &mut faults);
        }
    }
    required(schema, "", &mut faults, |name| {
        matches!(name, "apiVersion" | "kind" | "metadata") || object.body.contains_key(name)
    });
    faults
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}

fn required(schema: &Value, path: &str, faults: &mut Vec<FieldError>, has: impl Fn(&str) -> bool) {
    let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for name in names.filter_map(Value::as_str).filter(|name| !has(name)) {
        faults.push(FieldError::required(field::child(path, name), "must be set"));
    }
}

fn check(schema: &Value, value: &Value, path: &str, faults: &mut Vec<FieldError>) {
    if !has_type(schema, value) {
        let wanted = schema.get("type").and_then(Value::as_str).unwrap_or("integer or string");
        let message = format!("must be of type {wanted}, is {value}");
        faults.push(FieldError::new(path, FieldReason::Type, message));
        return;
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array)
        && !values.contains(value)
    {
        let names: Vec<String> = values.iter().map(ToString::to_string).collect();
        let message = format!("{value}: supported values: {}", names.join(", "));
        faults.push(FieldError::new(path, FieldReason::NotSupported, message));
    }
    match value {
        Value::Object(fields) => {
            required(schema, path, faults, |name| fields.contains_key(name));
            let entry = schema.get("additionalProperties").filter(|it| it.is_object());
            for (name, value) in fields {
                let own = schema.get("properties").and_then(|all| all.get(name));
                if let Some(schema) = own.or(entry) {
                    check(schema, value, &field::child(path, name), faults);
                }
            }
        }
        Value::Array(items) => {
            bounds(schema, items.len(), ["minItems", "maxItems"], "items", path, faults);
            let Some(schema) = schema.get("items") else { return };
            for (index, item) in items.iter().enumerate() {
                check(schema, item, &field::item(path, index), faults);
            }
        }
        Value::String(text) => {
            let length = text.chars().count();
            bounds(schema, length, ["minLength", "maxLength"], "characters", path, faults);
        }
        Value::Number(_) => number(schema, value, path, faults),
        _ => {}
    }
}

fn has_type(schema: &Value, value: &Value) -> bool {
    if schema.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) {
        return value.is_string() || value.is_i64() || value.is_u64();
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        _ => true,
    }
}

fn bounds(
    schema: &Value,
    count: usize,
    [least, most]: [&str; 2],
    what: &str,
    path: &str,
    faults: &mut Vec<FieldError>,
) {
    let bound = |name: &str| {
        schema.get(name).and_then(Value::as_u64).and_then(|it| usize::try_from(it).ok())
    };
    if let Some(least) = bound(least).filter(|least| count < *least) {
        faults.push(FieldError::invalid(path, format!("must have at least {least} {what}")));
    }
    if let Some(most) = bound(most).filter(|most| count > *most) {
        let message = format!("must have at most {most} {what}, has {count}");
        faults.push(FieldError::new(path, FieldReason::TooLong, message));
    }
}

fn number(schema: &Value, value: &Value, path: &str, faults: &mut Vec<FieldError>) {
    let Some(number) = value.as_f64() else { return };
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    if let Some(least) = bound("minimum").filter(|least| number < *least) {
        let message = format!("{value}: must be greater than or equal to {least}");
        faults.push(FieldError::invalid(path, message));
    }
    if let Some(most) = bound("maximum").filter(|most| number > *most) {
        let message = format!("{value}: must be less than or equal to {most}");
        faults.push(FieldError::invalid(path, message));
    }
}
