use quorate_resources::Object;
use serde_json::{Value, json};

fn defaulted(value: Value) -> Object {
    let mut object = Object::from_value(value).unwrap();
    let registry = crate::registry();
    let info = registry.resolve(&object.api_version, &object.kind).unwrap();
    (info.default)(&mut object);
    let once = object.clone();
    (info.default)(&mut object);
    assert_eq!(object, once, "defaults are idempotent");
    (info.check)(&object).unwrap();
    object
}

fn get<'o>(object: &'o Object, pointer: &str) -> &'o Value {
    object.pointer(pointer).unwrap_or(&Value::Null)
}

fn metadata() -> Value {
    json!({ "name": "web", "namespace": "shop" })
}

#[test]
fn a_pod_gets_what_kubernetes_fills_in() {
    let pod = defaulted(
        json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata(), "spec": {
        "containers": [{ "name": "a", "image": "web", "ports": [{ "containerPort": 80 }],
            "readinessProbe": { "httpGet": { "port": 80 } },
            "env": [{ "name": "IP", "valueFrom": { "fieldRef": { "fieldPath": "status.podIP" } } }],
            "resources": { "limits": { "cpu": "1", "memory": "1Gi" }, "requests": { "cpu": "250m" } } },
          { "name": "b", "image": "host:5000/web:1.2", "imagePullPolicy": "Never" }],
        "volumes": [{ "name": "v", "configMap": { "name": "c" } }] } }),
    );
    for (pointer, expected) in [
        ("/spec/restartPolicy", json!("Always")),
        ("/spec/terminationGracePeriodSeconds", json!(30)),
        ("/spec/dnsPolicy", json!("ClusterFirst")),
        ("/spec/schedulerName", json!("default-scheduler")),
        ("/spec/containers/0/imagePullPolicy", json!("Always")),
        ("/spec/containers/0/terminationMessagePath", json!("/dev/termination-log")),
        ("/spec/containers/0/ports/0/protocol", json!("TCP")),
        ("/spec/containers/0/readinessProbe/timeoutSeconds", json!(1)),
        ("/spec/containers/0/readinessProbe/periodSeconds", json!(10)),
        ("/spec/containers/0/readinessProbe/successThreshold", json!(1)),
        ("/spec/containers/0/readinessProbe/failureThreshold", json!(3)),
        ("/spec/containers/0/readinessProbe/httpGet/path", json!("/")),
        ("/spec/containers/0/readinessProbe/httpGet/scheme", json!("HTTP")),
        ("/spec/containers/0/env/0/valueFrom/fieldRef/apiVersion", json!("v1")),
        ("/spec/containers/0/resources/requests", json!({ "cpu": "250m", "memory": "1Gi" })),
        ("/spec/containers/1/imagePullPolicy", json!("Never")),
        ("/spec/volumes/0/configMap/defaultMode", json!(420)),
        ("/status/phase", json!("Pending")),
    ] {
        assert_eq!(get(&pod, pointer), &expected, "{pointer}");
    }
}

#[test]
fn the_pull_policy_follows_the_tag() {
    for (image, policy) in [
        ("web", "Always"),
        ("web:latest", "Always"),
        ("web:1", "IfNotPresent"),
        ("host:5000/web", "Always"),
        ("web@sha256:00", "IfNotPresent"),
    ] {
        let pod = defaulted(json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata(),
            "spec": { "containers": [{ "name": "a", "image": image }] } }));
        assert_eq!(get(&pod, "/spec/containers/0/imagePullPolicy"), policy, "{image}");
    }
}

#[test]
fn a_deployment_and_its_template_are_filled_in() {
    let deployment = defaulted(
        json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata(),
        "spec": { "selector": { "matchLabels": { "a": "b" } }, "template": {
            "metadata": { "labels": { "a": "b" } }, "spec": { "containers": [{ "name": "a" }] } } } }),
    );
    assert_eq!(get(&deployment, "/spec/replicas"), 1);
    assert_eq!(get(&deployment, "/spec/revisionHistoryLimit"), 10);
    assert_eq!(get(&deployment, "/spec/progressDeadlineSeconds"), 600);
    let rolling = json!({ "type": "RollingUpdate", "rollingUpdate": { "maxSurge": "25%", "maxUnavailable": "25%" } });
    assert_eq!(get(&deployment, "/spec/strategy"), &rolling);
    assert_eq!(get(&deployment, "/spec/template/spec/restartPolicy"), "Always");
}

#[test]
fn what_was_written_is_not_overridden() {
    let deployment = defaulted(
        json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata(),
        "spec": { "replicas": 0, "strategy": { "type": "Recreate" },
            "selector": {}, "template": { "spec": { "containers": [], "terminationGracePeriodSeconds": 0 } } } }),
    );
    assert_eq!(get(&deployment, "/spec/replicas"), 0);
    assert_eq!(get(&deployment, "/spec/strategy"), &json!({ "type": "Recreate" }));
    assert_eq!(get(&deployment, "/spec/template/spec/terminationGracePeriodSeconds"), 0);
}

#[test]
fn a_service_targets_the_port_it_offers() {
    let service = defaulted(json!({ "apiVersion": "v1", "kind": "Service", "metadata": metadata(),
        "spec": { "ports": [{ "port": 80 }, { "name": "x", "port": 81, "targetPort": "http" }] } }));
    assert_eq!(get(&service, "/spec/type"), "ClusterIP");
    assert_eq!(get(&service, "/spec/sessionAffinity"), "None");
    assert_eq!(
        get(&service, "/spec/ports/0"),
        &json!({ "port": 80, "protocol": "TCP", "targetPort": 80 })
    );
    assert_eq!(get(&service, "/spec/ports/1/targetPort"), "http");
}

#[test]
fn plain_secret_data_is_encoded() {
    let secret = defaulted(json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata(),
        "data": { "a": "YQ==" }, "stringData": { "b": "hi" } }));
    assert_eq!(get(&secret, "/data"), &json!({ "a": "YQ==", "b": "aGk=" }));
    assert!(!secret.body.contains_key("stringData"));
}

#[test]
fn a_job_selects_the_pods_of_its_own() {
    let mut metadata = metadata();
    metadata["uid"] = json!("u1");
    let template = json!({ "spec": { "restartPolicy": "Never", "containers": [{ "name": "a" }] } });
    let job = |spec: Value| {
        defaulted(json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": metadata,
            "spec": spec }))
    };
    let plain = job(json!({ "template": template }));
    for (pointer, expected) in [
        ("/spec/completions", json!(1)),
        ("/spec/parallelism", json!(1)),
        ("/spec/backoffLimit", json!(6)),
        ("/spec/completionMode", json!("NonIndexed")),
        ("/spec/suspend", json!(false)),
        ("/spec/selector/matchLabels/batch.kubernetes.io~1controller-uid", json!("u1")),
        ("/spec/template/metadata/labels/batch.kubernetes.io~1job-name", json!("web")),
    ] {
        assert_eq!(get(&plain, pointer), &expected, "{pointer}");
    }
    let queue = job(json!({ "parallelism": 3, "template": template }));
    assert_eq!(get(&queue, "/spec/completions"), &Value::Null, "a work queue has none");
    let manual = job(json!({ "manualSelector": true, "template": template }));
    assert_eq!(get(&manual, "/spec/selector"), &Value::Null);
}

#[test]
fn limits_of_containers_follow_from_each_other() {
    let range = defaulted(
        json!({ "apiVersion": "v1", "kind": "LimitRange", "metadata": metadata(),
        "spec": { "limits": [{ "type": "Container", "max": { "cpu": "2" }, "min": { "memory": "1Mi" } }] } }),
    );
    let limit = get(&range, "/spec/limits/0");
    assert_eq!(limit["default"], json!({ "cpu": "2" }));
    assert_eq!(limit["defaultRequest"], json!({ "cpu": "2", "memory": "1Mi" }));
}
