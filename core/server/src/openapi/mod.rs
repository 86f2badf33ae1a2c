//! The OpenAPI v3 documents: one per group and version, worked out once.

mod paths;

use bytes::Bytes;
use quorate_resources::schema::{REFERENCE, Schemas};
use quorate_resources::{KindInfo, Registry};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The documents of all groups and versions.
#[derive(Debug)]
pub(crate) struct Documents {
    /// By place: `api/v1`, `apis/apps/v1`.
    documents: BTreeMap<String, Bytes>,
}

impl Documents {
    pub(crate) fn new(registry: &Registry, schemas: &Schemas) -> Self {
        let mut kinds: BTreeMap<String, Vec<&KindInfo>> = BTreeMap::new();
        for info in registry.kinds() {
            kinds.entry(place(&info.group, &info.version)).or_default().push(info);
        }
        let documents = kinds.into_iter().map(|(place, kinds)| {
            let document = document(&place, &kinds, schemas);
            (place, Bytes::from(document.to_string()))
        });
        Self { documents: documents.collect() }
    }

    /// `/openapi/v3`.
    pub(crate) fn index(&self) -> Value {
        let paths: Map<String, Value> = self
            .documents
            .iter()
            .map(|(place, bytes)| {
                let url = format!("/openapi/v3/{place}?hash={:016X}", hash(bytes));
                (place.clone(), json!({ "serverRelativeURL": url }))
            })
            .collect();
        json!({ "paths": paths })
    }

    /// The document of a group and version.
    pub(crate) fn of(&self, group: &str, version: &str) -> Option<Bytes> {
        self.documents.get(&place(group, version)).cloned()
    }
}

fn place(group: &str, version: &str) -> String {
    if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") }
}

fn document(place: &str, kinds: &[&KindInfo], schemas: &Schemas) -> Value {
    let mut paths = Map::new();
    let mut wanted = BTreeSet::new();
    for info in kinds {
        let Some(name) = schemas.root_name(&info.group_kind()) else { continue };
        wanted.insert(name.to_owned());
        paths::add(&mut paths, place, info, name);
    }
    json!({
        "openapi": "3.0.0",
        "info": { "title": "Quorate", "version": env!("CARGO_PKG_VERSION") },
        "paths": paths,
        "components": { "schemas": closure(wanted, schemas) },
    })
}

/// The named schemas and all that they refer to.
fn closure(wanted: BTreeSet<String>, schemas: &Schemas) -> Map<String, Value> {
    let mut found = Map::new();
    let mut open: Vec<String> = wanted.into_iter().collect();
    while let Some(name) = open.pop() {
        if found.contains_key(&name) {
            continue;
        }
        let Some(schema) = schemas.components().get(&name) else { continue };
        references(schema, &mut open);
        found.insert(name, schema.clone());
    }
    found
}

fn references(schema: &Value, open: &mut Vec<String>) {
    match schema {
        Value::Object(fields) => {
            let own = fields.get("$ref").and_then(Value::as_str);
            open.extend(own.and_then(|path| path.strip_prefix(REFERENCE)).map(str::to_owned));
            fields.values().for_each(|value| references(value, open));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, open)),
        _ => {}
    }
}

/// FNV-1a, 64 bits: tells documents apart, keeps nothing secret.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
