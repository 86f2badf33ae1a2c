//! The rules of the kinds that run pods to their end, on every node, in order, and of what bounds
//! them.

use super::tests::faults;
use quorate_resources::FieldReason::{self, Immutable, Invalid, NotSupported, Required};
use serde_json::{Value, json};

fn pod_template(policy: &str) -> Value {
    json!({ "metadata": { "labels": { "app": "web" } }, "spec": {
        "restartPolicy": policy,
        "containers": [{ "name": "web", "image": "web:1",
            "volumeMounts": [{ "name": "data", "mountPath": "/data" }] }],
        "volumes": [{ "name": "data", "emptyDir": {} }] } })
}

fn good(kind: &str) -> Value {
    let selector = json!({ "matchLabels": { "app": "web" } });
    let (version, spec) = match kind {
        "Job" => ("batch/v1", json!({ "template": pod_template("Never") })),
        "CronJob" => (
            "batch/v1",
            json!({ "schedule": "@hourly",
                "jobTemplate": { "spec": { "template": pod_template("OnFailure") } } }),
        ),
        "DaemonSet" => {
            ("apps/v1", json!({ "selector": selector, "template": pod_template("Always") }))
        }
        "StatefulSet" => {
            let mut template = pod_template("Always");
            template["spec"].as_object_mut().unwrap().remove("volumes");
            let claims = json!([{ "metadata": { "name": "data" }, "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": { "requests": { "storage": "1Gi" } } } }]);
            (
                "apps/v1",
                json!({ "selector": selector, "template": template, "serviceName": "web",
                    "volumeClaimTemplates": claims }),
            )
        }
        "PodDisruptionBudget" => ("policy/v1", json!({ "minAvailable": 1, "selector": selector })),
        "HorizontalPodAutoscaler" => (
            "autoscaling/v2",
            json!({ "maxReplicas": 3, "scaleTargetRef": { "kind": "Deployment", "name": "web",
                "apiVersion": "apps/v1" }, "behavior": { "scaleDown": {} } }),
        ),
        "ResourceQuota" => ("v1", json!({ "hard": { "pods": "3" } })),
        "LimitRange" => (
            "v1",
            json!({ "limits": [{ "type": "Container", "max": { "cpu": "2" }, "min": { "cpu": "1" } }] }),
        ),
        "PersistentVolumeClaim" => (
            "v1",
            json!({ "accessModes": ["ReadWriteOnce"],
                "resources": { "requests": { "storage": "1Gi" } } }),
        ),
        "PersistentVolume" => (
            "v1",
            json!({ "accessModes": ["ReadWriteOnce"], "capacity": { "storage": "1Gi" },
                "hostPath": { "path": "/data" } }),
        ),
        other => panic!("{other}"),
    };
    let metadata = json!({ "name": "web", "namespace": "shop", "uid": "u" });
    json!({ "apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec })
}

const KINDS: &[&str] = &[
    "Job",
    "CronJob",
    "DaemonSet",
    "StatefulSet",
    "PodDisruptionBudget",
    "HorizontalPodAutoscaler",
    "ResourceQuota",
    "LimitRange",
    "PersistentVolumeClaim",
    "PersistentVolume",
];

/// The good object with a field below its spec set.
fn with(kind: &str, pointer: &str, value: Value) -> Value {
    let mut object = good(kind);
    let mut at = &mut object["spec"];
    for name in pointer.split('/') {
        at = match name.parse::<usize>() {
            Ok(index) => &mut at[index],
            Err(_) => &mut at[name],
        };
    }
    *at = value;
    object
}

#[test]
fn good_objects_have_no_faults() {
    for kind in KINDS {
        assert_eq!(faults(good(kind), None), [], "{kind}");
        assert_eq!(faults(good(kind), Some(good(kind))), [], "{kind}");
    }
}

#[test]
fn every_rule_names_its_field() {
    let cases: Vec<(&str, &str, Value, &str, FieldReason)> = vec![
        ("Job", "parallelism", json!(-1), "spec.parallelism", Invalid),
        ("Job", "completionMode", json!("Odd"), "spec.completionMode", NotSupported),
        (
            "Job",
            "template/spec/restartPolicy",
            json!("Always"),
            "spec.template.spec.restartPolicy",
            NotSupported,
        ),
        ("Job", "backoffLimitPerIndex", json!(1), "spec.backoffLimitPerIndex", Invalid),
        (
            "Job",
            "podFailurePolicy",
            json!({ "rules": [{ "action": "Run", "onExitCodes": { "operator": "In", "values": [1] } }] }),
            "spec.podFailurePolicy.rules[0].action",
            NotSupported,
        ),
        (
            "Job",
            "podFailurePolicy",
            json!({ "rules": [{ "action": "Ignore", "onExitCodes": { "operator": "In", "values": [0] } }] }),
            "spec.podFailurePolicy.rules[0].onExitCodes.values[0]",
            Invalid,
        ),
        (
            "Job",
            "podFailurePolicy",
            json!({ "rules": [{ "action": "Ignore" }] }),
            "spec.podFailurePolicy.rules[0]",
            Invalid,
        ),
        ("CronJob", "schedule", json!("* *"), "spec.schedule", Invalid),
        ("CronJob", "timeZone", json!("Mars/Base"), "spec.timeZone", Invalid),
        ("CronJob", "concurrencyPolicy", json!("Maybe"), "spec.concurrencyPolicy", NotSupported),
        (
            "CronJob",
            "jobTemplate/spec/parallelism",
            json!(-1),
            "spec.jobTemplate.spec.parallelism",
            Invalid,
        ),
        (
            "DaemonSet",
            "updateStrategy",
            json!({ "rollingUpdate": { "maxUnavailable": 0 } }),
            "spec.updateStrategy.rollingUpdate.maxUnavailable",
            Invalid,
        ),
        (
            "DaemonSet",
            "updateStrategy",
            json!({ "rollingUpdate": { "maxSurge": 1 } }),
            "spec.updateStrategy.rollingUpdate.maxSurge",
            Invalid,
        ),
        (
            "DaemonSet",
            "template/metadata/labels/app",
            json!("db"),
            "spec.template.metadata.labels",
            Invalid,
        ),
        ("StatefulSet", "replicas", json!(-1), "spec.replicas", Invalid),
        (
            "StatefulSet",
            "podManagementPolicy",
            json!("Random"),
            "spec.podManagementPolicy",
            NotSupported,
        ),
        (
            "StatefulSet",
            "updateStrategy",
            json!({ "rollingUpdate": { "partition": -1 } }),
            "spec.updateStrategy.rollingUpdate.partition",
            Invalid,
        ),
        (
            "StatefulSet",
            "volumeClaimTemplates/0/metadata/name",
            json!("other"),
            "spec.template.spec.containers[0].volumeMounts[0].name",
            Invalid,
        ),
        (
            "StatefulSet",
            "volumeClaimTemplates/0/spec/accessModes",
            json!([]),
            "spec.volumeClaimTemplates[0].spec.accessModes",
            Required,
        ),
        ("PodDisruptionBudget", "maxUnavailable", json!(1), "spec", Invalid),
        ("PodDisruptionBudget", "minAvailable", json!("many"), "spec.minAvailable", Invalid),
        ("PodDisruptionBudget", "minAvailable", json!("120%"), "spec.minAvailable", Invalid),
        ("HorizontalPodAutoscaler", "maxReplicas", json!(0), "spec.maxReplicas", Invalid),
        ("HorizontalPodAutoscaler", "minReplicas", json!(4), "spec.maxReplicas", Invalid),
        (
            "HorizontalPodAutoscaler",
            "scaleTargetRef/name",
            json!(""),
            "spec.scaleTargetRef.name",
            Required,
        ),
        (
            "HorizontalPodAutoscaler",
            "metrics",
            json!([{ "type": "Resource" }]),
            "spec.metrics[0].resource",
            Required,
        ),
        (
            "HorizontalPodAutoscaler",
            "metrics",
            json!([{ "type": "Resource", "resource": { "name": "cpu", "target": { "type": "Utilization" } } }]),
            "spec.metrics[0].resource.target.averageUtilization",
            Required,
        ),
        (
            "HorizontalPodAutoscaler",
            "behavior/scaleDown/stabilizationWindowSeconds",
            json!(4000),
            "spec.behavior.scaleDown.stabilizationWindowSeconds",
            Invalid,
        ),
        ("ResourceQuota", "hard/pods", json!("-1"), "spec.hard.pods", Invalid),
        ("ResourceQuota", "scopes", json!(["Sometimes"]), "spec.scopes[0]", NotSupported),
        ("LimitRange", "limits/0/min/cpu", json!("3"), "spec.limits[0].min.cpu", Invalid),
        (
            "PersistentVolumeClaim",
            "resources/requests",
            json!({}),
            "spec.resources.requests.storage",
            Required,
        ),
        (
            "PersistentVolumeClaim",
            "accessModes",
            json!(["Some"]),
            "spec.accessModes[0]",
            NotSupported,
        ),
        ("PersistentVolume", "local", json!({ "path": "/x" }), "spec", Invalid),
    ];
    for (kind, pointer, value, path, reason) in cases {
        let found = faults(with(kind, pointer, value), None);
        let first = found.first().unwrap_or_else(|| panic!("{kind} {pointer}: no fault"));
        assert_eq!(
            (first.path.as_str(), first.reason),
            (path, reason),
            "{kind} {pointer}: {first}"
        );
    }
}

#[test]
fn what_may_not_change_is_refused() {
    let cases: Vec<(&str, &str, Value, &str)> = vec![
        ("Job", "completions", json!(2), "spec.completions"),
        ("Job", "template/spec/containers/0/image", json!("web:2"), "spec.template"),
        ("StatefulSet", "serviceName", json!("db"), "spec.serviceName"),
        ("StatefulSet", "podManagementPolicy", json!("Parallel"), "spec.podManagementPolicy"),
        (
            "PersistentVolumeClaim",
            "resources/requests/storage",
            json!("1Mi"),
            "spec.resources.requests.storage",
        ),
        ("PersistentVolume", "hostPath/path", json!("/other"), "spec.hostPath"),
    ];
    for (kind, pointer, value, path) in cases {
        let found = faults(with(kind, pointer, value), Some(good(kind)));
        let first = found.first().unwrap_or_else(|| panic!("{kind} {pointer}: no fault"));
        assert_eq!((first.path.as_str(), first.reason), (path, Immutable), "{first}");
    }
    for (kind, pointer, value) in [
        ("Job", "backoffLimit", json!(3)),
        ("Job", "suspend", json!(true)),
        ("StatefulSet", "replicas", json!(5)),
        ("StatefulSet", "template/spec/containers/0/image", json!("web:2")),
        ("PersistentVolumeClaim", "resources/requests/storage", json!("2Gi")),
        ("PersistentVolumeClaim", "volumeName", json!("v1")),
    ] {
        assert_eq!(faults(with(kind, pointer, value), Some(good(kind))), [], "{kind} {pointer}");
    }
}

#[test]
fn an_indexed_job_says_how_many_indexes_it_has() {
    let mut job = with("Job", "completionMode", json!("Indexed"));
    assert_eq!(faults(job.clone(), None), [], "one, if nothing is said");
    job["spec"]["parallelism"] = json!(2);
    let found = &faults(job, None)[0];
    assert_eq!((found.path.as_str(), found.reason), ("spec.completions", Required));
}

#[test]
fn a_suspended_job_that_has_not_begun_may_be_placed_anew() {
    let suspended = |label: &str| {
        let mut job = with("Job", "suspend", json!(true));
        job["spec"]["template"]["spec"]["nodeSelector"] = json!({ "zone": label });
        job
    };
    assert_eq!(faults(suspended("b"), Some(suspended("a"))), []);
    let mut begun = suspended("a");
    begun["status"] = json!({ "startTime": "2026-01-01T00:00:00Z" });
    assert_eq!(faults(suspended("b"), Some(begun))[0].path, "spec.template");
}

#[test]
fn the_systems_priorities_are_its_own() {
    let class = |name: &str, value: i64| {
        faults(
            json!({ "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
                "metadata": { "name": name }, "value": value }),
            None,
        )
    };
    assert_eq!(class("high", 1000), []);
    assert_eq!(class("high", 1_000_000_001)[0].path, "value");
    assert_eq!(class("system-mine", 5)[0].path, "metadata.name");
    assert_eq!(class("system-node-critical", 2_000_001_000), []);
}
