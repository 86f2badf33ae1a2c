//! Kinds that are defined at run time, by an object of kind `CustomResourceDefinition`.
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
pub use define::{Definition, define};

use crate::{FieldError, Object};
use serde_json::Value;

/// The rules of a kind that was defined at run time.
#[derive(Clone, Debug)]
pub struct CustomKind {
    /// The structural schema of its objects.
    pub schema: Value,
    /// How objects are listed for people.
    pub columns: Vec<PathColumn>,
}

impl CustomKind {
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
