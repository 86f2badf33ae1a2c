//! The part that all objects have: identity, versions, labels, ownership.
//!
//! Invariant: reading never loses anything; fields this crate does not know are kept in `other`.

use crate::ownership::ManagedFields;
use crate::{FieldError, FieldReason, ObjectKey, Revision, Uid, field};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Metadata of an object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "Map<String, Value>")]
pub struct Metadata {
    /// Name, unique within kind and namespace.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Prefix from which the store draws a name when none is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generate_name: Option<String>,
    /// Namespace; `None` for cluster-scoped kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Identity over all time; drawn at creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<Uid>,
    /// Store revision of the last change; in JSON a decimal string.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "decimal")]
    pub resource_version: Option<Revision>,
    /// Number of the desired state: grows when anything but metadata and status changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// RFC 3339 time of creation, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<String>,
    /// RFC 3339 time at which the grace period of a requested deletion ends; set means deleting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_timestamp: Option<String>,
    /// Grace period of the deletion in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_grace_period_seconds: Option<i64>,
    /// Labels, by which selectors choose.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Notes that nothing selects by.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Objects this one depends on: it is collected once all are gone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub owner_references: Vec<OwnerReference>,
    /// Who must still clean up before the object may go.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub finalizers: Vec<String>,
    /// Who set which field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub managed_fields: Vec<ManagedFields>,
    /// Everything else: `selfLink` and what is not known.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A reference from an object to one it depends on, in the same namespace or cluster-scoped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnerReference {
    /// Group and version of the owner: `apps/v1`.
    pub api_version: String,
    /// Kind of the owner.
    pub kind: String,
    /// Name of the owner.
    pub name: String,
    /// Identity of the owner: another object of the same name is not the owner.
    pub uid: Uid,
    /// Whether the owner manages this object; at most one reference may say so.
    #[serde(default)]
    pub controller: bool,
    /// Whether foreground deletion of the owner waits for this object.
    #[serde(default)]
    pub block_owner_deletion: bool,
}

/// The names of all metadata fields, for hints at unknown ones.
pub(crate) const FIELDS: &[&str] = &[
    "name",
    "generateName",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "managedFields",
    "selfLink",
];
/// Fields of older or other servers that are read and not kept.
pub(crate) const UNKEPT: &[&str] = &["managedFields", "selfLink"];

impl Metadata {
    /// Namespace and name.
    #[must_use]
    pub fn key(&self) -> ObjectKey {
        ObjectKey { namespace: self.namespace.clone(), name: self.name.clone() }
    }

    /// The owner that manages the object.
    #[must_use]
    pub fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|owner| owner.controller)
    }

    /// Whether deletion has been requested.
    #[must_use]
    pub fn is_deleting(&self) -> bool {
        self.deletion_timestamp.is_some()
    }
}

fn decimal<S: serde::Serializer>(version: &Option<Revision>, to: S) -> Result<S::Ok, S::Error> {
    match version {
        Some(revision) => to.collect_str(revision),
        None => to.serialize_none(),
    }
}

impl TryFrom<Map<String, Value>> for Metadata {
    type Error = FieldError;

    fn try_from(mut from: Map<String, Value>) -> Result<Self, FieldError> {
        let fields = &mut from;
        let mut metadata = Self {
            name: take(fields, "name")?.unwrap_or_default(),
            generate_name: take(fields, "generateName")?,
            namespace: take(fields, "namespace")?,
            uid: take::<String>(fields, "uid")?.map(Uid::from_stored),
            resource_version: version(fields)?,
            generation: take(fields, "generation")?,
            creation_timestamp: take(fields, "creationTimestamp")?,
            deletion_timestamp: take(fields, "deletionTimestamp")?,
            deletion_grace_period_seconds: take(fields, "deletionGracePeriodSeconds")?,
            labels: strings(fields, "labels")?,
            annotations: strings(fields, "annotations")?,
            owner_references: take(fields, "ownerReferences")?.unwrap_or_default(),
            finalizers: take(fields, "finalizers")?.unwrap_or_default(),
            managed_fields: take(fields, "managedFields")?.unwrap_or_default(),
            other: Map::new(),
        };
        metadata.other = from;
        Ok(metadata)
    }
}

/// Takes a field out; null counts as absent.
fn take<T: serde::de::DeserializeOwned>(
    fields: &mut Map<String, Value>,
    name: &str,
) -> Result<Option<T>, FieldError> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => crate::decode::lenient(&value, &format!("metadata.{name}")).map(Some),
    }
}

fn strings(
    fields: &mut Map<String, Value>,
    name: &str,
) -> Result<BTreeMap<String, String>, FieldError> {
    let path = format!("metadata.{name}");
    let Some(values) = take::<BTreeMap<String, Value>>(fields, name)? else {
        return Ok(BTreeMap::new());
    };
    values
        .into_iter()
        .map(|(key, value)| match value {
            Value::String(text) => Ok((key, text)),
            other => {
                let message = format!("must be a string, is {other}: put it in quotes");
                Err(FieldError::new(field::child(&path, &key), FieldReason::Type, message))
            }
        })
        .collect()
}

fn version(fields: &mut Map<String, Value>) -> Result<Option<Revision>, FieldError> {
    let Some(text) = take::<String>(fields, "resourceVersion")? else { return Ok(None) };
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(|number| Some(Revision(number))).map_err(|_| {
        let message = format!("must be a decimal number in a string, is {text:?}");
        FieldError::invalid("metadata.resourceVersion", message)
    })
}
