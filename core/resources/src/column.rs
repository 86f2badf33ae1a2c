//! The columns in which objects are listed for people.

use crate::Object;
use serde_json::Value;
use std::borrow::Cow;

/// One column of a kind's table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Heading.
    pub name: &'static str,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub kind: &'static str,
    /// `name` for the column that names the object, else empty.
    pub format: &'static str,
    /// What the column tells.
    pub description: &'static str,
    /// Zero for columns that are always shown, more for wide listings.
    pub priority: u8,
    /// The cell of an object at a time in seconds since the Unix epoch.
    pub cell: fn(&Object, i64) -> Value,
}

impl Column {
    /// A column of text that is always shown.
    #[must_use]
    pub const fn new(name: &'static str, cell: fn(&Object, i64) -> Value) -> Self {
        Self { name, kind: "string", format: "", description: "", priority: 0, cell }
    }

    /// The same column with numbers.
    #[must_use]
    pub const fn integer(mut self) -> Self {
        self.kind = "integer";
        self
    }

    /// The same column for wide listings only.
    #[must_use]
    pub const fn wide(mut self) -> Self {
        self.priority = 1;
        self
    }
}

/// Where the replicas of a kind are, as JSON pointers: makes it scalable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalePaths {
    /// The wanted number.
    pub spec_replicas: Cow<'static, str>,
    /// The number that exists.
    pub status_replicas: Cow<'static, str>,
    /// The label selector of the replicas.
    pub selector: Cow<'static, str>,
}
