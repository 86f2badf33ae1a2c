//! Kinds with a structural schema: those that are defined at run time, by an object of kind
//! `CustomResourceDefinition`, and Rust types that bring one along ([`crate::KindInfo::with_schema`]).
//!
//! A definition becomes a [`KindInfo`] like any other; what a Rust type says of a built-in kind, its
//! structural schema says here: fields, types, bounds, defaults, columns.
//!
//! Invariant: of several versions only the stored one is served; nothing is converted.

mod column;
mod default;
mod define;
mod validate;

pub use column::PathColumn;
pub use define::define;

use crate::{FieldError, KindInfo, Object};
use serde_json::Value;

/// The rules of a kind with a structural schema.
#[derive(Clone, Debug)]
pub struct CustomKind {
    /// The structural schema of its objects.
    pub schema: Value,
    /// How objects are listed for people; empty for the kind's own columns.
    pub columns: Vec<PathColumn>,
}

impl CustomKind {
    /// The rules of a kind whose schema is this, with the columns that the kind has already.
    pub(crate) fn of(info: &KindInfo, schema: Value) -> Self {
        let schema = define::complete(schema, &info.group, &info.version, &info.kind);
        Self { schema, columns: Vec::new() }
    }

    /// Fills in the defaults of the schema.
    pub fn fill(&self, object: &mut Object) {
        default::fields(&self.schema, &mut object.body);
    }

    /// Everything in which an object differs from the schema.
    #[must_use]
    pub fn faults(&self, object: &Object) -> Vec<FieldError> {
        validate::object(&self.schema, object)
    }
}

#[cfg(test)]
mod tests;
