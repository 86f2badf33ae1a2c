//! The list of built-in kinds and what is peculiar about each.

mod batch;
mod policy;
mod storage;
mod workload;

use crate::types::{
    ClusterRole, ClusterRoleBinding, ConfigMap, CustomResourceDefinition, Deployment,
    EndpointSlice, Event, Lease, Namespace, Node, Pod, ReplicaSet, Role, RoleBinding, RuntimeClass,
    Secret, Service, ServiceAccount,
};
use crate::{column, default, merge, validate};
use quorate_resources::{KindInfo, Object, Registry, ScalePaths};
use quorate_types::name;
use serde_json::Value;
use std::borrow::Cow;

/// All built-in kinds.
#[must_use]
pub fn registry() -> Registry {
    let mut registry = Registry::new();
    let core = [namespace(), node(), pod(), service(), config_map(), secret(), event()];
    let others =
        [deployment(), replica_set(), endpoint_slice(), lease(), runtime_class(), definition()];
    let access =
        [service_account(), role(), role_binding(), cluster_role(), cluster_role_binding()];
    let groups = [batch::kinds(), workload::kinds(), policy::kinds(), storage::kinds()];
    let all = core.into_iter().chain(others).chain(access);
    for info in all.chain(groups.into_iter().flatten()) {
        registry.register(info).expect("the built-in kinds have different names");
    }
    registry
}

/// Where workloads have their replicas.
const SCALE: ScalePaths = ScalePaths {
    spec_replicas: Cow::Borrowed("/spec/replicas"),
    status_replicas: Cow::Borrowed("/status/replicas"),
    selector: Cow::Borrowed("/spec/selector"),
};

const POD_FIELDS: &[&str] = &[
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
];
const EVENT_FIELDS: &[&str] = &[
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
];

fn short(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn namespace() -> KindInfo {
    KindInfo {
        short_names: short(&["ns"]),
        name_rule: name::check_dns_label,
        default: default::namespace,
        held: |object| {
            let finalizers = object.pointer("/spec/finalizers").and_then(Value::as_array);
            finalizers.is_some_and(|finalizers| !finalizers.is_empty())
        },
        columns: column::NAMESPACES,
        selectable: &["status.phase"],
        ..KindInfo::of::<Namespace>()
    }
}

fn node() -> KindInfo {
    KindInfo {
        short_names: short(&["no"]),
        validate: validate::node,
        columns: column::NODES,
        selectable: &["spec.unschedulable"],
        ..KindInfo::of::<Node>()
    }
}

fn pod() -> KindInfo {
    KindInfo {
        short_names: short(&["po"]),
        default: default::pod,
        validate: validate::pod,
        graceful_delete: pod_grace,
        merge_keys: merge::KEYS,
        categories: short(&["all"]),
        columns: column::PODS,
        selectable: POD_FIELDS,
        ..KindInfo::of::<Pod>()
    }
}

/// Grace seconds of a pod that an agent has to stop: bound to a node and not at its end.
fn pod_grace(pod: &Object) -> Option<i64> {
    let text = |pointer| pod.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let ended = matches!(text("/status/phase"), "Succeeded" | "Failed");
    if text("/spec/nodeName").is_empty() || ended {
        return None;
    }
    let own = pod.pointer("/spec/terminationGracePeriodSeconds").and_then(Value::as_i64);
    Some(own.unwrap_or(default::GRACE_SECONDS))
}

fn service() -> KindInfo {
    KindInfo {
        short_names: short(&["svc"]),
        name_rule: name::check_dns_1035_label,
        default: default::service,
        validate: validate::service,
        merge_keys: merge::KEYS,
        categories: short(&["all"]),
        columns: column::SERVICES,
        selectable: &["spec.clusterIP", "spec.type"],
        ..KindInfo::of::<Service>()
    }
}

fn config_map() -> KindInfo {
    KindInfo {
        short_names: short(&["cm"]),
        status: false,
        validate: validate::config_map,
        columns: column::CONFIG_MAPS,
        ..KindInfo::of::<ConfigMap>()
    }
}

fn secret() -> KindInfo {
    KindInfo {
        status: false,
        default: default::secret,
        validate: validate::secret,
        columns: column::SECRETS,
        selectable: &["type"],
        ..KindInfo::of::<Secret>()
    }
}

fn event() -> KindInfo {
    KindInfo {
        short_names: short(&["ev"]),
        status: false,
        columns: column::EVENTS,
        selectable: EVENT_FIELDS,
        ..KindInfo::of::<Event>()
    }
}

fn deployment() -> KindInfo {
    KindInfo {
        short_names: short(&["deploy"]),
        default: default::deployment,
        validate: validate::deployment,
        merge_keys: merge::KEYS,
        categories: short(&["all"]),
        columns: column::DEPLOYMENTS,
        scale: Some(SCALE),
        ..KindInfo::of::<Deployment>()
    }
}

fn replica_set() -> KindInfo {
    KindInfo {
        short_names: short(&["rs"]),
        default: default::replica_set,
        validate: validate::replica_set,
        merge_keys: merge::KEYS,
        categories: short(&["all"]),
        columns: column::REPLICA_SETS,
        selectable: &["status.replicas"],
        scale: Some(SCALE),
        ..KindInfo::of::<ReplicaSet>()
    }
}

fn endpoint_slice() -> KindInfo {
    KindInfo {
        status: false,
        default: default::endpoint_slice,
        validate: validate::endpoint_slice,
        columns: column::ENDPOINT_SLICES,
        ..KindInfo::of::<EndpointSlice>()
    }
}

fn lease() -> KindInfo {
    KindInfo { status: false, columns: column::LEASES, ..KindInfo::of::<Lease>() }
}

fn runtime_class() -> KindInfo {
    KindInfo {
        status: false,
        validate: validate::runtime_class,
        columns: column::RUNTIME_CLASSES,
        ..KindInfo::of::<RuntimeClass>()
    }
}

fn service_account() -> KindInfo {
    KindInfo {
        short_names: short(&["sa"]),
        status: false,
        columns: column::SERVICE_ACCOUNTS,
        ..KindInfo::of::<ServiceAccount>()
    }
}

fn role() -> KindInfo {
    KindInfo {
        status: false,
        name_rule: name::check_path_segment,
        validate: validate::role,
        columns: column::ROLES,
        ..KindInfo::of::<Role>()
    }
}

fn cluster_role() -> KindInfo {
    KindInfo {
        status: false,
        name_rule: name::check_path_segment,
        validate: validate::cluster_role,
        columns: column::ROLES,
        ..KindInfo::of::<ClusterRole>()
    }
}

fn role_binding() -> KindInfo {
    KindInfo {
        status: false,
        name_rule: name::check_path_segment,
        default: default::binding,
        validate: validate::role_binding,
        columns: column::ROLE_BINDINGS,
        ..KindInfo::of::<RoleBinding>()
    }
}

fn cluster_role_binding() -> KindInfo {
    KindInfo {
        status: false,
        name_rule: name::check_path_segment,
        default: default::binding,
        validate: validate::cluster_role_binding,
        columns: column::ROLE_BINDINGS,
        ..KindInfo::of::<ClusterRoleBinding>()
    }
}

fn definition() -> KindInfo {
    KindInfo {
        short_names: short(&["crd", "crds"]),
        default: default::definition,
        validate: validate::definition,
        categories: short(&["api-extensions"]),
        columns: column::DEFINITIONS,
        ..KindInfo::of::<CustomResourceDefinition>()
    }
}
