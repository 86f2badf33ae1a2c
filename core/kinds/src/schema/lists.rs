//! How the lists and maps of Kubernetes' types belong together.
//!
//! Source: the extensions `x-kubernetes-list-type`, `-list-map-keys`, `-map-type`, `-patch-strategy`
//! and `-patch-merge-key` of Kubernetes' published OpenAPI documents.

use quorate_resources::schema::Schemas;
use serde_json::{Value, json};

/// A list: schema, field, strategy of strategic merge patches, their merge key, and how
/// server-side apply tells its items apart (`set`, or names of fields).
type List = (&'static str, &'static str, &'static str, &'static str, &'static str);

const CORE: &str = "io.k8s.api.core.v1.";

/// Lists of `io.k8s.api.core.v1`.
const LISTS: &[List] = &[
    ("PodSpec", "containers", "merge", "name", "name"),
    ("PodSpec", "initContainers", "merge", "name", "name"),
    ("PodSpec", "ephemeralContainers", "merge", "name", "name"),
    ("PodSpec", "volumes", "merge,retainKeys", "name", "name"),
    ("PodSpec", "imagePullSecrets", "merge", "name", "name"),
    ("PodSpec", "hostAliases", "merge", "ip", "ip"),
    ("PodSpec", "resourceClaims", "merge,retainKeys", "name", "name"),
    ("PodSpec", "schedulingGates", "merge", "name", "name"),
    (
        "PodSpec",
        "topologySpreadConstraints",
        "merge",
        "topologyKey",
        "topologyKey,whenUnsatisfiable",
    ),
    ("PodStatus", "conditions", "merge", "type", "type"),
    ("PodStatus", "podIPs", "merge", "ip", "ip"),
    ("PodStatus", "hostIPs", "merge", "ip", ""),
    ("PodStatus", "resourceClaimStatuses", "merge,retainKeys", "name", "name"),
    ("Container", "env", "merge", "name", "name"),
    ("Container", "ports", "merge", "containerPort", "containerPort,protocol"),
    ("Container", "volumeMounts", "merge", "mountPath", "mountPath"),
    ("Container", "volumeDevices", "merge", "devicePath", "devicePath"),
    ("EphemeralContainer", "env", "merge", "name", "name"),
    ("EphemeralContainer", "ports", "merge", "containerPort", "containerPort,protocol"),
    ("EphemeralContainer", "volumeMounts", "merge", "mountPath", "mountPath"),
    ("EphemeralContainer", "volumeDevices", "merge", "devicePath", "devicePath"),
    ("ResourceRequirements", "claims", "", "", "name"),
    ("NodeSpec", "podCIDRs", "merge", "", "set"),
    ("NodeStatus", "addresses", "merge", "type", "type"),
    ("NodeStatus", "conditions", "merge", "type", "type"),
    ("NamespaceStatus", "conditions", "merge", "type", "type"),
    ("ServiceAccount", "secrets", "merge", "name", "name"),
    ("ServiceSpec", "ports", "merge", "port", "port,protocol"),
    ("ServiceStatus", "conditions", "merge", "type", "type"),
    ("PersistentVolumeClaimStatus", "conditions", "merge", "type", "type"),
];

/// Lists of other groups, by the whole name of the schema.
const OTHERS: &[List] = &[
    ("io.k8s.api.apps.v1.DeploymentStatus", "conditions", "merge", "type", "type"),
    ("io.k8s.api.apps.v1.ReplicaSetStatus", "conditions", "merge", "type", "type"),
    ("io.k8s.api.apps.v1.DaemonSetStatus", "conditions", "merge", "type", "type"),
    ("io.k8s.api.apps.v1.StatefulSetStatus", "conditions", "merge", "type", "type"),
    ("io.k8s.api.batch.v1.JobStatus", "conditions", "merge", "type", ""),
    ("io.k8s.api.batch.v1.UncountedTerminatedPods", "succeeded", "", "", "set"),
    ("io.k8s.api.batch.v1.UncountedTerminatedPods", "failed", "", "", "set"),
    ("io.k8s.api.batch.v1.PodFailurePolicyOnExitCodesRequirement", "values", "", "", "set"),
    ("io.k8s.api.policy.v1.PodDisruptionBudgetStatus", "conditions", "merge", "type", "type"),
    (
        "io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerStatus",
        "conditions",
        "merge",
        "type",
        "type",
    ),
    ("io.k8s.api.discovery.v1.Endpoint", "addresses", "", "", "set"),
    ("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta", "finalizers", "merge", "", "set"),
    ("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta", "ownerReferences", "merge", "uid", "uid"),
];

/// Objects of which a strategic merge patch keeps only the fields it names.
const RETAINED: &[(&str, &str)] = &[("io.k8s.api.apps.v1.DeploymentSpec", "strategy")];
/// Selectors that a strategic merge patch replaces as a whole.
const REPLACED: &[(&str, &str)] = &[("io.k8s.api.policy.v1.PodDisruptionBudgetSpec", "selector")];

/// Types that server-side apply treats as one value.
const ATOMIC_TYPES: &[&str] = &[
    "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector",
    "io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference",
    "io.k8s.api.core.v1.ConfigMapKeySelector",
    "io.k8s.api.core.v1.LocalObjectReference",
    "io.k8s.api.core.v1.NodeSelector",
    "io.k8s.api.core.v1.NodeSelectorTerm",
    "io.k8s.api.core.v1.ObjectFieldSelector",
    "io.k8s.api.core.v1.ObjectReference",
    "io.k8s.api.core.v1.ResourceFieldSelector",
    "io.k8s.api.core.v1.SecretKeySelector",
    "io.k8s.api.core.v1.SecretReference",
    "io.k8s.api.core.v1.TypedLocalObjectReference",
    "io.k8s.api.rbac.v1.RoleRef",
    "io.k8s.api.rbac.v1.Subject",
    "io.k8s.api.core.v1.ScopeSelector",
];

/// Fields that server-side apply treats as one value.
const ATOMIC_FIELDS: &[(&str, &str)] = &[
    ("io.k8s.api.core.v1.PodSpec", "nodeSelector"),
    ("io.k8s.api.core.v1.ServiceSpec", "selector"),
];

/// Keys of list items that may be left out, and what they are then.
const KEY_DEFAULTS: &[(&str, &str, &str)] = &[
    ("io.k8s.api.core.v1.ContainerPort", "protocol", "TCP"),
    ("io.k8s.api.core.v1.ServicePort", "protocol", "TCP"),
];

/// Writes the table into the schemas.
pub(super) fn annotate(schemas: &mut Schemas) {
    for (schema, field, strategy, merge_key, list) in LISTS {
        annotate_list(schemas, &format!("{CORE}{schema}"), field, strategy, merge_key, list);
    }
    for (schema, field, strategy, merge_key, list) in OTHERS {
        annotate_list(schemas, schema, field, strategy, merge_key, list);
    }
    for (schema, field) in RETAINED {
        set(schemas, schema, field, "x-kubernetes-patch-strategy", json!("retainKeys"));
    }
    for (schema, field) in REPLACED {
        set(schemas, schema, field, "x-kubernetes-patch-strategy", json!("replace"));
    }
    for (schema, field) in ATOMIC_FIELDS {
        set(schemas, schema, field, "x-kubernetes-map-type", json!("atomic"));
    }
    for name in ATOMIC_TYPES {
        if let Some(schema) = schemas.component_mut(name) {
            schema["x-kubernetes-map-type"] = json!("atomic");
        }
    }
    for (schema, field, value) in KEY_DEFAULTS {
        set(schemas, schema, field, "default", json!(value));
    }
}

fn annotate_list(
    schemas: &mut Schemas,
    schema: &str,
    field: &str,
    strategy: &str,
    merge_key: &str,
    list: &str,
) {
    if !strategy.is_empty() {
        set(schemas, schema, field, "x-kubernetes-patch-strategy", json!(strategy));
    }
    if !merge_key.is_empty() {
        set(schemas, schema, field, "x-kubernetes-patch-merge-key", json!(merge_key));
    }
    match list {
        "" => {}
        "set" => set(schemas, schema, field, "x-kubernetes-list-type", json!("set")),
        keys => {
            let keys: Vec<&str> = keys.split(',').collect();
            set(schemas, schema, field, "x-kubernetes-list-type", json!("map"));
            set(schemas, schema, field, "x-kubernetes-list-map-keys", json!(keys));
        }
    }
}

/// Fields that the types do not have (any more) are passed over.
fn set(schemas: &mut Schemas, schema: &str, field: &str, extension: &str, value: Value) {
    let schema = schemas.component_mut(schema);
    let field = schema
        .and_then(|schema| schema.get_mut("properties"))
        .and_then(|fields| fields.get_mut(field));
    if let Some(Value::Object(node)) = field {
        node.insert(extension.to_owned(), value);
    }
}
