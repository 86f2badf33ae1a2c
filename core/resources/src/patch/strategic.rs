//! Strategic merge patch: a merge patch that knows which lists merge item by item.
//!
//! Directives: `$patch` (`replace`, `delete`, `merge`) in objects and in items of lists,
//! `$deleteFromPrimitiveList/<list>`, `$setElementOrder/<list>` and `$retainKeys`.

use super::PatchError;
use crate::schema::Schema;
use serde_json::{Map, Value};

type Fields = Map<String, Value>;

const PATCH: &str = "$patch";
const RETAIN: &str = "$retainKeys";
const DELETE_ITEMS: &str = "$deleteFromPrimitiveList/";
const ORDER: &str = "$setElementOrder/";

/// The document after the patch. Without a schema it is a merge patch with directives.
///
/// # Errors
/// The patch is no object, or a directive is malformed.
pub fn strategic_patch(
    document: &Value,
    patch: &Value,
    schema: Option<Schema<'_>>,
) -> Result<Value, PatchError> {
    let (Value::Object(fields), Value::Object(patch)) = (document, patch) else {
        return Err(PatchError::malformed("a strategic merge patch must be an object"));
    };
    patch_object(fields.clone(), patch, schema).map(Value::Object)
}

fn patch_object(
    mut fields: Fields,
    patch: &Fields,
    schema: Option<Schema<'_>>,
) -> Result<Fields, PatchError> {
    match directive(patch)? {
        Some("replace") => return Ok(plain(patch)),
        Some("delete") => return Ok(Fields::new()),
        _ => {}
    }
    retain(&mut fields, patch)?;
    for (name, value) in patch.iter().filter(|(name, _)| !name.starts_with('$')) {
        let schema = schema.and_then(|schema| schema.field(name));
        patch_field(&mut fields, name, value, patch, schema)?;
    }
    only_directives(&mut fields, patch, schema)?;
    Ok(fields)
}

fn patch_field(
    fields: &mut Fields,
    name: &str,
    value: &Value,
    patch: &Fields,
    schema: Option<Schema<'_>>,
) -> Result<(), PatchError> {
    let next = match (value, fields.remove(name)) {
        (Value::Null, _) => return Ok(()),
        (Value::Object(patch), Some(Value::Object(current))) => {
            Value::Object(patch_object(current, patch, schema)?)
        }
        (Value::Object(patch), _) => Value::Object(patch_object(Fields::new(), patch, schema)?),
        (Value::Array(items), current) => {
            let current = match current {
                Some(Value::Array(current)) => current,
                _ => Vec::new(),
            };
            let order = patch.get(&format!("{ORDER}{name}")).and_then(Value::as_array);
            let dropped = patch.get(&format!("{DELETE_ITEMS}{name}")).and_then(Value::as_array);
            Value::Array(patch_list(current, items, order, dropped, schema)?)
        }
        (value, _) => value.clone(),
    };
    fields.insert(name.to_owned(), next);
    Ok(())
}

/// Lists that the patch only deletes from or orders, without an entry of their own.
fn only_directives(
    fields: &mut Fields,
    patch: &Fields,
    schema: Option<Schema<'_>>,
) -> Result<(), PatchError> {
    for directive in patch.keys() {
        let name = directive.strip_prefix(DELETE_ITEMS).or_else(|| directive.strip_prefix(ORDER));
        let Some(name) = name.filter(|name| !patch.contains_key(*name)) else { continue };
        if fields.get(name).is_some_and(Value::is_array) {
            let schema = schema.and_then(|schema| schema.field(name));
            patch_field(fields, name, &Value::Array(Vec::new()), patch, schema)?;
        }
    }
    Ok(())
}

fn patch_list(
    current: Vec<Value>,
    patch: &[Value],
    order: Option<&Vec<Value>>,
    dropped: Option<&Vec<Value>>,
    schema: Option<Schema<'_>>,
) -> Result<Vec<Value>, PatchError> {
    let merges = schema.is_some_and(|schema| schema.has_strategy("merge"));
    if !merges && order.is_none() && dropped.is_none() {
        return Ok(patch.iter().map(without_directives).collect());
    }
    let before = current.clone();
    let order = order.map_or(patch, Vec::as_slice);
    match schema.and_then(Schema::merge_key) {
        Some(key) => {
            let merged = merge_items(current, patch, key, schema.and_then(Schema::item))?;
            Ok(ordered(merged, &before, order, Some(key)))
        }
        None => {
            let mut merged = current;
            merged.retain(|item| !dropped.is_some_and(|dropped| dropped.contains(item)));
            for item in patch {
                if !merged.contains(item) {
                    merged.push(item.clone());
                }
            }
            Ok(ordered(merged, &before, order, None))
        }
    }
}

fn merge_items(
    mut current: Vec<Value>,
    patch: &[Value],
    key: &str,
    schema: Option<Schema<'_>>,
) -> Result<Vec<Value>, PatchError> {
    let replaces = |item: &Value| {
        let only = item.as_object().is_some_and(|fields| fields.len() == 1);
        only && item.get(PATCH).and_then(Value::as_str) == Some("replace")
    };
    if patch.iter().any(replaces) {
        let items = patch.iter().filter(|item| !replaces(item));
        return Ok(items.map(without_directives).collect());
    }
    for item in patch {
        let Value::Object(fields) = item else {
            return Err(PatchError::malformed(format!(
                "items of the list must be objects: {item}"
            )));
        };
        let id = fields.get(key).ok_or_else(|| {
            PatchError::malformed(format!("map: {item} does not contain declared merge key: {key}"))
        })?;
        let place = current.iter().position(|other| other.get(key) == Some(id));
        match (directive(fields)?, place) {
            (Some("delete"), _) => current.retain(|other| other.get(key) != Some(id)),
            (Some("replace"), Some(at)) => current[at] = Value::Object(plain(fields)),
            (_, Some(at)) => {
                let before = current[at].as_object().cloned().unwrap_or_default();
                current[at] = Value::Object(patch_object(before, fields, schema)?);
            }
            (_, None) => {
                current.push(Value::Object(patch_object(Fields::new(), fields, schema)?));
            }
        }
    }
    Ok(current)
}

/// Puts a merged list in order: items that the patch speaks of come in its order, or in the order that
/// it sets; each other item stays before those that it stood before.
fn ordered(merged: Vec<Value>, before: &[Value], order: &[Value], key: Option<&str>) -> Vec<Value> {
    let place = |items: &[Value], item: &Value| {
        items.iter().position(|other| match key {
            Some(key) => other.get(key) == item.get(key),
            None => other == item,
        })
    };
    let (mut named, others): (Vec<_>, Vec<_>) =
        merged.into_iter().partition(|item| place(order, item).is_some());
    named.sort_by_key(|item| place(order, item));
    let mut result = Vec::with_capacity(named.len() + others.len());
    let mut others = others.into_iter().peekable();
    for item in named {
        let here = place(before, &item);
        while let Some(other) =
            others.next_if(|other| here.is_some() && place(before, other) < here)
        {
            result.push(other);
        }
        result.push(item);
    }
    result.extend(others);
    result
}

fn retain(fields: &mut Fields, patch: &Fields) -> Result<(), PatchError> {
    let Some(keys) = patch.get(RETAIN) else { return Ok(()) };
    let keys =
        keys.as_array().ok_or_else(|| PatchError::malformed("$retainKeys must be a list"))?;
    fields.retain(|name, _| keys.iter().any(|key| key.as_str() == Some(name)));
    Ok(())
}

fn directive(patch: &Fields) -> Result<Option<&str>, PatchError> {
    match patch.get(PATCH).map(|value| value.as_str()) {
        None => Ok(None),
        Some(Some(text @ ("replace" | "delete" | "merge"))) => Ok(Some(text)),
        Some(_) => {
            Err(PatchError::malformed(format!("unknown patch type found: {}", patch[PATCH])))
        }
    }
}

/// The fields of a patch that replaces, directives and nulls left out.
fn plain(patch: &Fields) -> Fields {
    let own = patch.iter().filter(|(name, value)| !name.starts_with('$') && !value.is_null());
    own.map(|(name, value)| (name.clone(), without_directives(value))).collect()
}

fn without_directives(value: &Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(plain(fields)),
        Value::Array(items) => Value::Array(items.iter().map(without_directives).collect()),
        other => other.clone(),
    }
}
