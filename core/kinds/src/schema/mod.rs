//! The OpenAPI schemas of the built-in kinds, with what Kubernetes' published documents say beyond
//! the types: how lists merge, which group, version and kind a schema is.
//!
//! Source: types and texts from `k8s-openapi`, which has them from the published documents; the
//! table of lists is in [`lists`].

mod lists;

use crate::types::{
    ClusterRole, ClusterRoleBinding, ConfigMap, ControllerRevision, CronJob,
    CustomResourceDefinition, DaemonSet, Deployment, EndpointSlice, Event, HorizontalPodAutoscaler,
    Job, Lease, LimitRange, Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod,
    PodDisruptionBudget, PriorityClass, ReplicaSet, ResourceQuota, Role, RoleBinding, RuntimeClass,
    Secret, Service, ServiceAccount, StatefulSet, StorageClass,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, ListMeta, Patch, Status};
use quorate_resources::schema::{REFERENCE, Schemas};
use quorate_resources::{GroupKind, Kind};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// The schemas of all built-in kinds and of the requests and answers around them.
#[must_use]
pub fn schemas() -> Schemas {
    let settings = SchemaSettings::openapi3().with(|settings| {
        settings.definitions_path = REFERENCE.trim_start_matches('#').into();
    });
    let mut generator = SchemaGenerator::new(settings);
    let mut kinds = Vec::new();
    let found = &mut generator;
    add::<Namespace>(found, &mut kinds);
    add::<Node>(found, &mut kinds);
    add::<Pod>(found, &mut kinds);
    add::<Service>(found, &mut kinds);
    add::<ConfigMap>(found, &mut kinds);
    add::<Secret>(found, &mut kinds);
    add::<Event>(found, &mut kinds);
    add::<Deployment>(found, &mut kinds);
    add::<ReplicaSet>(found, &mut kinds);
    add::<EndpointSlice>(found, &mut kinds);
    add::<Lease>(found, &mut kinds);
    add::<RuntimeClass>(found, &mut kinds);
    add::<ServiceAccount>(found, &mut kinds);
    add::<Role>(found, &mut kinds);
    add::<RoleBinding>(found, &mut kinds);
    add::<ClusterRole>(found, &mut kinds);
    add::<ClusterRoleBinding>(found, &mut kinds);
    add::<CustomResourceDefinition>(found, &mut kinds);
    workloads(found, &mut kinds);
    found.subschema_for::<DeleteOptions>();
    found.subschema_for::<ListMeta>();
    found.subschema_for::<Patch>();
    found.subschema_for::<Status>();
    collect(generator.take_definitions(false), &kinds)
}

/// The kinds that run pods beyond deployments, and those that bound them.
fn workloads(found: &mut SchemaGenerator, kinds: &mut Vec<Root>) {
    add::<Job>(found, kinds);
    add::<CronJob>(found, kinds);
    add::<DaemonSet>(found, kinds);
    add::<StatefulSet>(found, kinds);
    add::<ControllerRevision>(found, kinds);
    add::<PodDisruptionBudget>(found, kinds);
    add::<HorizontalPodAutoscaler>(found, kinds);
    add::<PriorityClass>(found, kinds);
    add::<ResourceQuota>(found, kinds);
    add::<LimitRange>(found, kinds);
    add::<PersistentVolumeClaim>(found, kinds);
    add::<PersistentVolume>(found, kinds);
    add::<StorageClass>(found, kinds);
}

/// A kind, its version, and the name of its schema.
struct Root {
    kind: GroupKind,
    version: &'static str,
    name: String,
}

fn add<K: Kind + JsonSchema>(generator: &mut SchemaGenerator, kinds: &mut Vec<Root>) {
    generator.subschema_for::<K>();
    let name = K::schema_name().into_owned();
    kinds.push(Root { kind: K::group_kind(), version: K::VERSION, name });
}

fn collect(definitions: Map<String, Value>, kinds: &[Root]) -> Schemas {
    let mut schemas = Schemas::new();
    for (name, mut schema) in definitions {
        tidy(&mut schema);
        schemas.add(name, schema);
    }
    for root in kinds {
        if let Some(schema) = schemas.component_mut(&root.name) {
            schema["x-kubernetes-group-version-kind"] = json!([
                { "group": root.kind.group, "version": root.version, "kind": root.kind.kind },
            ]);
        }
        schemas.root(root.kind.clone(), root.name.clone());
    }
    lists::annotate(&mut schemas);
    schemas
}

/// References that have siblings are wrapped, as the published documents have them.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.values_mut().for_each(tidy);
            if fields.len() > 1
                && let Some(reference @ Value::String(_)) = fields.remove("$ref")
            {
                fields.insert("allOf".to_owned(), json!([{ "$ref": reference }]));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
