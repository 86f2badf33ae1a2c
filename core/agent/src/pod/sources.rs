//! ConfigMaps and Secrets from the shared cache.

use crate::env::Sources;
use quorate_kinds::k8s_openapi::ByteString;
use quorate_reconcile::Snapshot;
use quorate_types::{GroupKind, ObjectKey};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The sources of one namespace at one revision.
#[derive(Debug)]
pub(crate) struct CachedSources<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) namespace: &'a str,
}

impl CachedSources<'_> {
    fn body(&self, kind: &str, name: &str) -> Option<Map<String, Value>> {
        let key = ObjectKey::namespaced(self.namespace, name);
        let object = self.snapshot.object(&GroupKind::new("", kind), &key)?;
        Some(object.body.clone())
    }
}

impl Sources for CachedSources<'_> {
    fn config_map(&self, name: &str) -> Option<BTreeMap<String, Vec<u8>>> {
        let body = self.body("ConfigMap", name)?;
        let text = entries(&body, "data").filter_map(|(key, value)| {
            value.as_str().map(|text| (key.clone(), text.as_bytes().to_vec()))
        });
        Some(text.chain(encoded(&body, "binaryData")).collect())
    }

    fn secret(&self, name: &str) -> Option<BTreeMap<String, Vec<u8>>> {
        Some(encoded(&self.body("Secret", name)?, "data").collect())
    }
}

fn entries<'a>(
    body: &'a Map<String, Value>,
    field: &str,
) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
    body.get(field).and_then(Value::as_object).into_iter().flatten()
}

/// Base64 values; what is not base64 was refused when the object was written.
fn encoded<'a>(
    body: &'a Map<String, Value>,
    field: &str,
) -> impl Iterator<Item = (String, Vec<u8>)> + use<'a> {
    entries(body, field).filter_map(|(key, value)| {
        let bytes: ByteString = serde_json::from_value(value.clone()).ok()?;
        Some((key.clone(), bytes.0))
    })
}
