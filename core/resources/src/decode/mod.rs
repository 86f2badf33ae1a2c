//! Typed decoding of JSON that knows where it is.
//!
//! A serde deserializer over JSON values that carries the path of what it reads, so that a mistyped
//! field is named by its full path, and that sees the field list of every struct it fills, so that
//! an unknown field is named together with the one that was probably meant.

mod error;
mod source;
mod value;

pub(crate) use error::DecodeError;
pub(crate) use value::Fields;

use crate::{FieldError, Object};
use serde::de::DeserializeOwned;
use serde_json::Value;
use value::{Cursor, Path};

/// Decodes a value; unknown fields are ignored. Paths in errors start with `path`.
pub(crate) fn lenient<T: DeserializeOwned>(value: &Value, path: &str) -> Result<T, FieldError> {
    let path = Path::Root(path);
    T::deserialize(Cursor { value, path: &path, fields: Fields::AnyAllowed })
        .map_err(DecodeError::into_field_error)
}

/// Decodes an object into a type of its kind.
pub(crate) fn object<T: DeserializeOwned>(
    object: &Object,
    fields: Fields,
) -> Result<T, FieldError> {
    let metadata = serde_json::to_value(&object.metadata)
        .map_err(|error| FieldError::invalid("metadata", error.to_string()))?;
    let source = source::ObjectSource { object, metadata: &metadata, fields };
    T::deserialize(source).map_err(DecodeError::into_field_error)
}

#[cfg(test)]
mod tests;
