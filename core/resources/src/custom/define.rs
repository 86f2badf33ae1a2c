//! From a definition to a kind.

use super::{CustomKind, PathColumn};
use crate::{FieldError, KindInfo, Object, ScalePaths};
use quorate_types::name;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::sync::Arc;

/// The kind that a definition defines.
///
/// # Errors
/// The first field that is missing or makes no sense.
pub fn define(definition: &Object) -> Result<KindInfo, FieldError> {
    let text = |pointer: &str| {
        let found = definition.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        if !found.is_empty() {
            return Ok(found.to_owned());
        }
        let path = pointer.trim_start_matches('/').replace('/', ".");
        Err(FieldError::required(path, "must be set"))
    };
    let version = stored_version(definition)?;
    let (group, plural, kind) =
        (text("/spec/group")?, text("/spec/names/plural")?, text("/spec/names/kind")?);
    let schema = schema(version, &group, &kind);
    let custom = CustomKind { schema, columns: columns(version) };
    Ok(KindInfo {
        group,
        version: version.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
        kind,
        plural,
        short_names: texts(definition, "/spec/names/shortNames"),
        namespaced: text("/spec/scope")? == "Namespaced",
        status: version.pointer("/subresources/status").is_some(),
        name_rule: name::check_dns_subdomain,
        categories: texts(definition, "/spec/names/categories"),
        scale: scale(version),
        custom: Some(Arc::new(custom)),
        ..KindInfo::plain()
    })
}

fn stored_version(definition: &Object) -> Result<&Value, FieldError> {
    let versions = definition.pointer("/spec/versions").and_then(Value::as_array);
    let flag = |version: &Value, name: &str| version.get(name) == Some(&Value::Bool(true));
    let mut stored = versions.into_iter().flatten().filter(|version| flag(version, "storage"));
    match (stored.next(), stored.next()) {
        (Some(version), None) => Ok(version),
        _ => Err(FieldError::invalid(
            "spec.versions",
            "must have exactly one version marked as storage version",
        )),
    }
}

fn texts(definition: &Object, pointer: &str) -> Vec<String> {
    let items = definition.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The schema of a version; without one everything is allowed.
fn schema(version: &Value, group: &str, kind: &str) -> Value {
    let open = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    let schema = version.pointer("/schema/openAPIV3Schema").cloned().unwrap_or(open);
    let name = version.get("name").and_then(Value::as_str).unwrap_or_default();
    complete(schema, group, name, kind)
}

/// The schema with the fields that all objects have.
pub(super) fn complete(mut schema: Value, group: &str, version: &str, kind: &str) -> Value {
    if let Some(fields) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        common(fields);
    }
    if let Some(fields) = schema.as_object_mut() {
        let kind = json!([{ "group": group, "version": version, "kind": kind }]);
        fields.insert("x-kubernetes-group-version-kind".to_owned(), kind);
    }
    schema
}

fn common(fields: &mut Map<String, Value>) {
    let text = json!({ "type": "string" });
    fields.entry("apiVersion").or_insert_with(|| text.clone());
    fields.entry("kind").or_insert(text);
    // What a definition may say of metadata narrows it; which fields there are is fixed.
    let metadata = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
    let reference = format!("{}{metadata}", crate::schema::REFERENCE);
    fields.insert("metadata".to_owned(), json!({ "$ref": reference }));
}

fn columns(version: &Value) -> Vec<PathColumn> {
    let own = version.get("additionalPrinterColumns").and_then(Value::as_array);
    let text = |column: &Value, name: &str| {
        column.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let column = |column: &Value| PathColumn {
        name: text(column, "name"),
        kind: text(column, "type"),
        format: text(column, "format"),
        description: text(column, "description"),
        priority: column.get("priority").and_then(Value::as_i64).unwrap_or(0),
        path: text(column, "jsonPath"),
    };
    let fixed = |name: &str, kind: &str, format: &str, path: &str| PathColumn {
        name: name.to_owned(),
        kind: kind.to_owned(),
        format: format.to_owned(),
        description: String::new(),
        priority: 0,
        path: path.to_owned(),
    };
    let mut columns = vec![fixed("Name", "string", "name", ".metadata.name")];
    match own {
        Some(own) if !own.is_empty() => columns.extend(own.iter().map(column)),
        _ => columns.push(fixed("Age", "date", "", ".metadata.creationTimestamp")),
    }
    columns
}

fn scale(version: &Value) -> Option<ScalePaths> {
    let scale = version.pointer("/subresources/scale")?;
    let pointer = |name: &str| {
        let path = scale.get(name).and_then(Value::as_str).unwrap_or_default();
        Cow::Owned(path.replace('.', "/"))
    };
    Some(ScalePaths {
        spec_replicas: pointer("specReplicasPath"),
        status_replicas: pointer("statusReplicasPath"),
        selector: pointer("labelSelectorPath"),
    })
}
