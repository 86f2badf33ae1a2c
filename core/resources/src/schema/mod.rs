//! The shape of kinds as OpenAPI schemas, for code that has to know fields by name: patches,
//! ownership of fields, unknown fields, documents for clients.
//!
//! Place: data comes from `quorate-kinds` for built-in kinds and from whoever defines a kind of his
//! own. Extensions are Kubernetes' published ones: `x-kubernetes-list-type`, `-list-map-keys`,
//! `-map-type`, `-patch-strategy`, `-patch-merge-key`, `-preserve-unknown-fields`.
//!
//! Invariant: what a schema does not describe is open: its fields are unknown to nobody and it is
//! replaced as a whole.

mod prune;

pub use prune::prune;

use crate::GroupKind;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Where schemas refer to each other.
pub const REFERENCE: &str = "#/components/schemas/";

/// The schemas of kinds, and those that they refer to.
#[derive(Clone, Debug, Default)]
pub struct Schemas {
    components: Map<String, Value>,
    roots: BTreeMap<GroupKind, String>,
}

impl Schemas {
    /// No schemas yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a named schema.
    pub fn add(&mut self, name: impl Into<String>, schema: Value) {
        self.components.insert(name.into(), schema);
    }

    /// Says which named schema is the kind's.
    pub fn root(&mut self, kind: GroupKind, name: impl Into<String>) {
        self.roots.insert(kind, name.into());
    }

    /// All named schemas.
    #[must_use]
    pub fn components(&self) -> &Map<String, Value> {
        &self.components
    }

    /// A named schema, to be changed.
    pub fn component_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.components.get_mut(name)
    }

    /// The name of the kind's schema.
    #[must_use]
    pub fn root_name(&self, kind: &GroupKind) -> Option<&str> {
        self.roots.get(kind).map(String::as_str)
    }

    /// The kind's schema.
    #[must_use]
    pub fn of(&self, kind: &GroupKind) -> Option<Schema<'_>> {
        let node = self.components.get(self.root_name(kind)?)?;
        Some(Schema { all: self, node, outer: node })
    }
}

/// How the items of a list belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListType {
    /// The list is one value.
    Atomic,
    /// Every item is its own identity.
    Set,
    /// Items are told apart by these fields.
    Map(Vec<String>),
}

/// One node of a schema, references followed.
#[derive(Clone, Copy, Debug)]
pub struct Schema<'s> {
    all: &'s Schemas,
    node: &'s Value,
    /// The node before references were followed: extensions may stand beside them.
    outer: &'s Value,
}

impl<'s> Schema<'s> {
    fn at(self, outer: &'s Value) -> Self {
        let reference = outer
            .get("$ref")
            .or_else(|| outer.pointer("/allOf/0/$ref"))
            .and_then(Value::as_str)
            .and_then(|path| path.strip_prefix(REFERENCE));
        let node = reference.and_then(|name| self.all.components.get(name)).unwrap_or(outer);
        Self { all: self.all, node, outer }
    }

    /// The schema of a field, or of any entry if the node is a map.
    #[must_use]
    pub fn field(self, name: &str) -> Option<Self> {
        let declared = self.node.get("properties").and_then(|fields| fields.get(name));
        let entry = || self.node.get("additionalProperties").filter(|node| node.is_object());
        declared.or_else(entry).map(|node| self.at(node))
    }

    /// The schema of the items of a list.
    #[must_use]
    pub fn item(self) -> Option<Self> {
        self.node.get("items").map(|node| self.at(node))
    }

    /// Whether fields that are not declared are allowed.
    #[must_use]
    pub fn is_open(self) -> bool {
        self.node.get("properties").is_none()
            || self.extension("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true))
    }

    /// Names of the declared fields.
    pub fn names(self) -> impl Iterator<Item = &'s str> {
        let fields = self.node.get("properties").and_then(Value::as_object);
        fields.into_iter().flatten().map(|(name, _)| name.as_str())
    }

    /// How items of the list belong together; lists are atomic unless they say otherwise.
    #[must_use]
    pub fn list_type(self) -> ListType {
        match self.extension("x-kubernetes-list-type").and_then(Value::as_str) {
            Some("set") => ListType::Set,
            Some("map") => ListType::Map(self.list_keys()),
            _ => ListType::Atomic,
        }
    }

    fn list_keys(self) -> Vec<String> {
        let keys = self.extension("x-kubernetes-list-map-keys").and_then(Value::as_array);
        keys.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// Whether an object is one value, owned and replaced as a whole.
    #[must_use]
    pub fn is_atomic_map(self) -> bool {
        self.extension("x-kubernetes-map-type").and_then(Value::as_str) == Some("atomic")
    }

    /// The default of the node, for keys of lists that may be left out.
    #[must_use]
    pub fn default_value(self) -> Option<&'s Value> {
        self.extension("default")
    }

    /// Whether strategic merge patches merge this list, or retain only given keys of this object.
    #[must_use]
    pub fn has_strategy(self, strategy: &str) -> bool {
        let text = self.extension("x-kubernetes-patch-strategy").and_then(Value::as_str);
        text.is_some_and(|text| text.split(',').any(|one| one == strategy))
    }

    /// The field by which strategic merge patches tell items of this list apart.
    #[must_use]
    pub fn merge_key(self) -> Option<&'s str> {
        self.extension("x-kubernetes-patch-merge-key").and_then(Value::as_str)
    }

    fn extension(self, name: &str) -> Option<&'s Value> {
        self.outer.get(name).or_else(|| self.node.get(name))
    }
}
