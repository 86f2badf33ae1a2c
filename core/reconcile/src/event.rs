//! Kubernetes Events: what happened to an object, for people.
//!
//! An event's name follows from the object and the reason, so that a repetition raises the count of
//! the event that is there instead of adding another.

use crate::Snapshot;
use quorate_resources::{Change, Metadata, Object};
use quorate_types::{GroupKind, ObjectKey};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Whether an event is good or bad news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    /// Nothing is wrong.
    Normal,
    /// Something needs attention.
    Warning,
}

impl EventType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// What to record.
pub(crate) struct Occurrence<'a> {
    pub(crate) regarding: &'a Object,
    pub(crate) kind: EventType,
    pub(crate) reason: &'a str,
    pub(crate) message: String,
    pub(crate) reporter: &'a str,
    /// RFC 3339.
    pub(crate) time: String,
}

impl Occurrence<'_> {
    /// The write that records it: a new event, or one more of an event that the snapshot has.
    pub(crate) fn change(self, snapshot: &Snapshot) -> Change {
        let key = self.key();
        match snapshot.object(&GroupKind::new("", "Event"), &key) {
            Some(known) => self.repeated(known),
            None => Change::Create(self.first(key)),
        }
    }

    fn key(&self) -> ObjectKey {
        let metadata = &self.regarding.metadata;
        let uid = metadata.uid.as_ref().map_or("", |uid| uid.as_str());
        let hash = fnv1a(&[uid, self.kind.as_str(), self.reason, self.reporter]);
        // Cluster-scoped objects report into the default namespace, as in Kubernetes.
        let namespace = metadata.namespace.as_deref().unwrap_or("default");
        // The suffix takes 17 of the 253 characters of a name.
        let name: String = metadata.name.chars().take(236).collect();
        ObjectKey::namespaced(
            namespace,
            format!("{}.{hash:016x}", name.trim_end_matches(['-', '.'])),
        )
    }

    fn repeated(self, known: Arc<Object>) -> Change {
        let mut object = (*known).clone();
        let count = object.body.get("count").and_then(Value::as_i64).unwrap_or(1);
        object.body.insert("count".into(), json!(count.saturating_add(1)));
        object.body.insert("lastTimestamp".into(), json!(self.time));
        object.body.insert("message".into(), json!(self.message));
        Change::Update { object, old: Some(known) }
    }

    fn first(self, key: ObjectKey) -> Object {
        let regarding = &self.regarding.metadata;
        let involved = json!({
            "apiVersion": self.regarding.api_version,
            "kind": self.regarding.kind,
            "name": regarding.name,
            "namespace": regarding.namespace,
            "uid": regarding.uid,
        });
        let body = json!({
            "involvedObject": without_nulls(involved),
            "type": self.kind.as_str(),
            "reason": self.reason,
            "message": self.message,
            "source": { "component": self.reporter },
            "reportingComponent": self.reporter,
            "reportingInstance": "",
            "firstTimestamp": self.time,
            "lastTimestamp": self.time,
            "count": 1,
        });
        let metadata = Metadata { name: key.name, namespace: key.namespace, ..Metadata::default() };
        let body = match body {
            Value::Object(body) => body,
            _ => Map::new(),
        };
        Object { api_version: "v1".into(), kind: "Event".into(), metadata, body }
    }
}

fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, field| !field.is_null());
    }
    value
}

/// FNV-1a, 64 bits, with a separator: stable over versions and machines.
fn fnv1a(parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
