//! An object of any kind: typed metadata, and the rest as JSON.

use crate::{
    Error, FieldError, FieldReason, GroupKind, Kind, Metadata, ObjectKey, OwnerReference, Uid,
    decode,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An object of any kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "Map<String, Value>")]
pub struct Object {
    /// Group and version: `apps/v1`, or `v1` for the core group.
    pub api_version: String,
    /// Kind: `Deployment`.
    pub kind: String,
    /// What all objects have.
    pub metadata: Metadata,
    /// Everything else at the top level: `spec`, `status`, `data` and so on.
    #[serde(flatten)]
    pub body: Map<String, Value>,
}

impl Object {
    /// An object without a body.
    pub fn new<K: Kind>(key: ObjectKey) -> Self {
        let metadata = Metadata { name: key.name, namespace: key.namespace, ..Metadata::default() };
        Self { api_version: K::api_version(), kind: K::KIND.to_owned(), metadata, body: Map::new() }
    }

    /// Group and kind.
    #[must_use]
    pub fn group_kind(&self) -> GroupKind {
        GroupKind::new(split_api_version(&self.api_version).0, self.kind.clone())
    }

    /// Namespace and name.
    #[must_use]
    pub fn key(&self) -> ObjectKey {
        self.metadata.key()
    }

    /// A reference that makes this object the controller of another. The object must have been
    /// read from a store: without a uid the reference owns nothing.
    #[must_use]
    pub fn owner_reference(&self) -> OwnerReference {
        OwnerReference {
            api_version: self.api_version.clone(),
            kind: self.kind.clone(),
            name: self.metadata.name.clone(),
            uid: self.metadata.uid.clone().unwrap_or_else(|| Uid::from_stored("")),
            controller: true,
            block_owner_deletion: true,
        }
    }

    /// The untyped form of a value.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the value does not serialise to an object with metadata.
    pub fn from_kind<K: Kind>(value: &K) -> Result<Self, Error> {
        let malformed = |message: String| Error::Malformed { what: K::KIND.to_owned(), message };
        let json = serde_json::to_value(value).map_err(|error| malformed(error.to_string()))?;
        let Value::Object(mut map) = json else {
            return Err(malformed("does not serialise to a JSON object".to_owned()));
        };
        map.entry("apiVersion").or_insert_with(|| K::api_version().into());
        map.entry("kind").or_insert_with(|| K::KIND.into());
        Self::try_from(map).map_err(|error| malformed(error.to_string()))
    }

    /// The typed form; unknown fields are ignored.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field that has another type.
    pub fn decode<K: Kind>(&self) -> Result<K, Error> {
        decode::object(self, decode::Fields::AnyAllowed)
            .map_err(|error| Error::invalid(self, vec![error]))
    }

    /// Finds a value by JSON pointer: `/spec/replicas`, `/metadata/name` is not found here.
    #[must_use]
    pub fn pointer(&self, json_pointer: &str) -> Option<&Value> {
        let path = json_pointer.strip_prefix('/')?;
        let (first, rest) = match path.split_once('/') {
            Some((first, rest)) => (first, Some(rest)),
            None => (path, None),
        };
        let top = self.body.get(&first.replace("~1", "/").replace("~0", "~"))?;
        match rest {
            Some(rest) => top.pointer(&format!("/{rest}")),
            None => Some(top),
        }
    }

    /// Reads an object from JSON.
    ///
    /// # Errors
    /// The value is no object, or one of its common fields is missing or mistyped.
    pub fn from_value(value: Value) -> Result<Self, FieldError> {
        match value {
            Value::Object(map) => Self::try_from(map),
            other => Err(FieldError::new(
                "",
                FieldReason::Type,
                format!(
                    "must be an object with apiVersion, kind and metadata, is {}",
                    name(&other)
                ),
            )),
        }
    }
}

/// Splits `apps/v1` into group and version; the core group is empty.
pub(crate) fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

fn name(value: &Value) -> &'static str {
    match value {
        Value::Null => "empty",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

impl TryFrom<Map<String, Value>> for Object {
    type Error = FieldError;

    fn try_from(mut map: Map<String, Value>) -> Result<Self, FieldError> {
        let api_version = text(&mut map, "apiVersion")?;
        let kind = text(&mut map, "kind")?;
        let metadata = match map.remove("metadata") {
            None | Some(Value::Null) => Metadata::default(),
            Some(Value::Object(fields)) => fields.try_into()?,
            Some(other) => {
                let message = format!("must be an object, is {}", name(&other));
                return Err(FieldError::new("metadata", FieldReason::Type, message));
            }
        };
        Ok(Self { api_version, kind, metadata, body: map })
    }
}

fn text(map: &mut Map<String, Value>, field: &str) -> Result<String, FieldError> {
    match map.remove(field) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        None | Some(Value::Null | Value::String(_)) => {
            Err(FieldError::required(field, "must be set"))
        }
        Some(other) => {
            let message = format!("must be a string, is {}", name(&other));
            Err(FieldError::new(field, FieldReason::Type, message))
        }
    }
}
