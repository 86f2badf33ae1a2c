//! The decoder's error: a message that learns its path at the innermost value it passes.

use super::value::Path;
use crate::{FieldError, FieldReason};
use std::fmt;

/// Failure of decoding one value.
#[derive(Debug)]
pub(crate) struct DecodeError {
    path: Option<String>,
    reason: FieldReason,
    message: String,
}

impl DecodeError {
    /// An error whose path is already known.
    pub(crate) fn at(error: FieldError) -> Self {
        Self { path: Some(error.path), reason: error.reason, message: error.message }
    }

    /// Sets the path unless a more exact one is known.
    pub(crate) fn or_at(mut self, path: &Path<'_>) -> Self {
        self.path.get_or_insert_with(|| path.to_string());
        self
    }

    pub(crate) fn into_field_error(self) -> FieldError {
        FieldError::new(self.path.unwrap_or_default(), self.reason, self.message)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DecodeError {}

impl serde::de::Error for DecodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { path: None, reason: FieldReason::Invalid, message: message.to_string() }
    }

    fn invalid_type(found: serde::de::Unexpected<'_>, expected: &dyn serde::de::Expected) -> Self {
        let message = format!("must be {expected}, is {found}");
        Self { path: None, reason: FieldReason::Type, message }
    }

    fn missing_field(field: &'static str) -> Self {
        let message = format!("field {field:?} must be set");
        Self { path: None, reason: FieldReason::Required, message }
    }
}
