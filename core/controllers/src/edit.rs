//! Changing single fields of an object, and writing only what differs.

use quorate_resources::{Change, DeleteOptions, Object};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Sets a field below a value; what is not an object on the way there becomes one.
pub(crate) fn set(value: &mut Value, path: &[&str], new: Value) {
    let Some((first, rest)) = path.split_first() else {
        *value = new;
        return;
    };
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    if let Value::Object(fields) = value {
        set(fields.entry(*first).or_insert(Value::Null), rest, new);
    }
}

/// Sets a field of an object's body.
pub(crate) fn set_field(object: &mut Object, path: &[&str], new: Value) {
    let Some((first, rest)) = path.split_first() else { return };
    set(object.body.entry(*first).or_insert(Value::Null), rest, new);
}

/// The fields of a JSON object; none of anything else.
pub(crate) fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// The write that gives an object this status; none if it has it already.
pub(crate) fn status(object: &Arc<Object>, status: Value) -> Option<Change> {
    if object.body.get("status") == Some(&status) {
        return None;
    }
    let mut new = (**object).clone();
    new.body.insert("status".to_owned(), status);
    Some(Change::UpdateStatus { object: new, old: Some(Arc::clone(object)) })
}

/// The write of a changed object; none if it is as before.
pub(crate) fn update(old: &Arc<Object>, new: Object) -> Option<Change> {
    (**old != new).then(|| Change::Update { object: new, old: Some(Arc::clone(old)) })
}

/// The write that deletes exactly this object, in good order.
pub(crate) fn deletion(object: &Arc<Object>) -> Change {
    Change::Delete {
        kind: object.group_kind(),
        key: object.key(),
        options: DeleteOptions { uid: object.metadata.uid.clone(), ..DeleteOptions::default() },
        old: Some(Arc::clone(object)),
    }
}
