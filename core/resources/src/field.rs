//! What is wrong with one field of one object.
//!
//! Paths are written as people write them: `spec.template.spec.containers[0].image`.

use std::fmt;

/// The class of a field's fault, for programs; people read the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FieldReason {
    /// A field that must be set is not.
    Required,
    /// The value breaks a rule.
    Invalid,
    /// The kind has no such field.
    Unknown,
    /// The value has another type than the field.
    Type,
    /// The value occurs twice where it must be unique.
    Duplicate,
    /// The field may not change after the object was created.
    Immutable,
    /// Longer than allowed.
    TooLong,
    /// Not one of the supported values.
    NotSupported,
}

/// A fault of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Path from the top of the object; empty for the object as a whole.
    pub path: String,
    /// Class of the fault.
    pub reason: FieldReason,
    /// What is wrong and what to do, in lower case and without the path.
    pub message: String,
}

impl FieldError {
    /// A fault of a field.
    pub fn new(path: impl Into<String>, reason: FieldReason, message: impl Into<String>) -> Self {
        Self { path: path.into(), reason, message: message.into() }
    }

    /// A field that must be set is not.
    pub fn required(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(path, FieldReason::Required, message)
    }

    /// The value breaks a rule.
    pub fn invalid(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(path, FieldReason::Invalid, message)
    }

    /// The kind has no such field; names the closest known one.
    pub(crate) fn unknown(path: impl Into<String>, field: &str, known: &[&str]) -> Self {
        let hint = crate::hint::closest(field, known.iter().copied())
            .map(|name| format!(", did you mean {name:?}?"))
            .unwrap_or_default();
        Self::new(path, FieldReason::Unknown, format!("unknown field{hint}"))
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

impl std::error::Error for FieldError {}

/// All faults in one line, separated by semicolons.
pub(crate) fn join(causes: &[FieldError]) -> String {
    causes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Appends a field to a path; names that are no identifiers are quoted.
#[must_use]
pub fn child(path: &str, field: &str) -> String {
    let plain = !field.is_empty() && field.chars().all(|c| c.is_alphanumeric() || c == '_');
    match (plain, path.is_empty()) {
        (true, true) => field.to_owned(),
        (true, false) => format!("{path}.{field}"),
        (false, _) => format!("{path}[{field:?}]"),
    }
}

/// Appends an index to a path.
#[must_use]
pub fn item(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}
