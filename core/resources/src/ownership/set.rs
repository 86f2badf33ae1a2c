//! A set of fields as a tree of path elements, in memory as in `fieldsV1`.
//!
//! Elements are written as published: `f:name` for a field, `k:{"name":"web"}` for an item of a list
//! by its keys, `v:"text"` for an item of a set. `.` says that the place itself is owned.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A set of fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSet {
    /// Whether the place itself is in the set.
    pub(super) here: bool,
    /// What is in the set below the place.
    pub(super) below: BTreeMap<String, FieldSet>,
}

impl FieldSet {
    /// A place without anything below.
    pub(super) fn leaf() -> Self {
        Self { here: true, below: BTreeMap::new() }
    }

    /// Whether nothing is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.here && self.below.is_empty()
    }

    /// Adds what is in a set below an element; an empty set adds nothing.
    pub(super) fn add(&mut self, element: String, set: Self) {
        if !set.is_empty() {
            self.below.insert(element, set);
        }
    }

    /// Reads `fieldsV1`; what is no object counts as empty.
    #[must_use]
    pub fn from_json(json: &Value) -> Self {
        let Some(fields) = json.as_object() else { return Self::default() };
        let below: BTreeMap<String, Self> = fields
            .iter()
            .filter(|(name, _)| *name != ".")
            .map(|(name, value)| {
                let mut set = Self::from_json(value);
                set.here |= set.below.is_empty();
                (name.clone(), set)
            })
            .collect();
        Self { here: fields.contains_key("."), below }
    }

    /// Writes `fieldsV1`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut fields = Map::new();
        if self.here && !self.below.is_empty() {
            fields.insert(".".to_owned(), Value::Object(Map::new()));
        }
        fields.extend(self.below.iter().map(|(name, set)| (name.clone(), set.to_json())));
        Value::Object(fields)
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut result = self.clone();
        result.here |= other.here;
        for (name, set) in &other.below {
            let merged = result.below.get(name).map_or_else(|| set.clone(), |own| own.union(set));
            result.below.insert(name.clone(), merged);
        }
        result
    }

    /// What is in this one only.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut result = Self { here: self.here && !other.here, below: BTreeMap::new() };
        for (name, set) in &self.below {
            let left = match other.below.get(name) {
                Some(other) => set.difference(other),
                None => set.clone(),
            };
            result.add(name.clone(), left);
        }
        result
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut result = Self { here: self.here && other.here, below: BTreeMap::new() };
        for (name, set) in &self.below {
            if let Some(other) = other.below.get(name) {
                result.add(name.clone(), set.intersection(other));
            }
        }
        result
    }

    /// The places of the set as people write them: `.spec.containers[name="web"].image`.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect("", &mut paths);
        paths
    }

    fn collect(&self, path: &str, paths: &mut Vec<String>) {
        if self.here {
            paths.push(path.to_owned());
        }
        for (name, set) in &self.below {
            set.collect(&format!("{path}{}", readable(name)), paths);
        }
    }
}

fn readable(element: &str) -> String {
    match element.split_at_checked(2) {
        Some(("f:", name)) => format!(".{name}"),
        Some(("k:", keys)) => {
            let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
            let pairs: Vec<String> =
                keys.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("[{}]", pairs.join(","))
        }
        Some(("v:", value)) => format!("[={value}]"),
        _ => format!("[{element}]"),
    }
}
