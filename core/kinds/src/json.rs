//! Small steps through JSON: filling in what is missing, and reading with the path at hand.

use quorate_resources::{FieldError, FieldReason, Object, field};
use serde_json::{Map, Value};

/// An object's fields.
pub(crate) type Fields = Map<String, Value>;

/// Sets a field that is absent.
pub(crate) fn fill(fields: &mut Fields, name: &str, value: impl Into<Value>) {
    fields.entry(name).or_insert_with(|| value.into());
}

/// The object in a field, if there is one.
pub(crate) fn child_mut<'f>(fields: &'f mut Fields, name: &str) -> Option<&'f mut Fields> {
    fields.get_mut(name)?.as_object_mut()
}

/// The object in a field, made if it is absent.
pub(crate) fn child_or_new<'f>(fields: &'f mut Fields, name: &str) -> Option<&'f mut Fields> {
    fields.entry(name).or_insert_with(|| Value::Object(Fields::new())).as_object_mut()
}

/// The objects of the list in a field.
pub(crate) fn items_mut<'f>(
    fields: &'f mut Fields,
    name: &str,
) -> impl Iterator<Item = &'f mut Fields> {
    let items = fields.get_mut(name).and_then(Value::as_array_mut);
    items.into_iter().flatten().filter_map(Value::as_object_mut)
}

/// A value that may be absent, with its path.
#[derive(Clone, Debug)]
pub(crate) struct At<'v> {
    pub(crate) value: &'v Value,
    pub(crate) path: String,
}

const ABSENT: &Value = &Value::Null;

impl<'v> At<'v> {
    /// A field at the top of an object.
    pub(crate) fn top(object: &'v Object, name: &str) -> Self {
        Self { value: object.body.get(name).unwrap_or(ABSENT), path: name.to_owned() }
    }

    pub(crate) fn field(&self, name: &str) -> Self {
        let value = self.value.get(name).unwrap_or(ABSENT);
        Self { value, path: field::child(&self.path, name) }
    }

    pub(crate) fn items(&self) -> impl Iterator<Item = Self> + use<'v> {
        let path = self.path.clone();
        let items = self.value.as_array().into_iter().flatten().enumerate();
        items.map(move |(index, value)| Self { value, path: field::item(&path, index) })
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'v str, Self)> + use<'v> {
        let path = self.path.clone();
        let entries = self.value.as_object().into_iter().flatten();
        entries
            .map(move |(key, value)| (key.as_str(), Self { value, path: field::child(&path, key) }))
    }

    pub(crate) fn is_set(&self) -> bool {
        !self.value.is_null()
    }

    /// The text, empty if absent.
    pub(crate) fn text(&self) -> &'v str {
        self.value.as_str().unwrap_or_default()
    }

    pub(crate) fn integer(&self) -> Option<i64> {
        self.value.as_i64()
    }

    pub(crate) fn required(&self, message: &str) -> FieldError {
        FieldError::required(&self.path, message)
    }

    pub(crate) fn invalid(&self, message: impl Into<String>) -> FieldError {
        FieldError::invalid(&self.path, message)
    }

    pub(crate) fn fault(&self, reason: FieldReason, message: impl Into<String>) -> FieldError {
        FieldError::new(&self.path, reason, message)
    }
}
