use quorate_resources::{FieldError, FieldReason, Object};
use serde_json::{Value, json};

pub(super) fn faults(value: Value, old: Option<Value>) -> Vec<FieldError> {
    let registry = crate::registry();
    let prepare = |value: Value| {
        let mut object = Object::from_value(value).unwrap();
        let info = registry.resolve(&object.api_version, &object.kind).unwrap();
        (info.check)(&object).unwrap();
        (info.default)(&mut object);
        (object, info)
    };
    let (object, info) = prepare(value);
    let old = old.map(|old| prepare(old).0);
    (info.validate)(&object, old.as_ref())
}

fn good(kind: &str) -> Value {
    let metadata = json!({ "name": "web", "namespace": "shop" });
    let template = json!({ "metadata": { "labels": { "app": "web" } }, "spec": { "containers": [{
        "name": "web", "image": "web:1", "ports": [{ "name": "http", "containerPort": 80 }],
        "env": [{ "name": "A", "value": "b" }], "volumeMounts": [{ "name": "v", "mountPath": "/v" }],
        "readinessProbe": { "httpGet": { "port": "http" } },
        "resources": { "limits": { "cpu": "1" }, "requests": { "cpu": "500m" } } }],
        "volumes": [{ "name": "v", "emptyDir": {} }] } });
    let selector = json!({ "matchLabels": { "app": "web" } });
    match kind {
        "Pod" => {
            json!({ "apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": template["spec"] })
        }
        "Service" => json!({ "apiVersion": "v1", "kind": kind, "metadata": metadata,
            "spec": { "selector": { "app": "web" }, "ports": [{ "port": 80, "targetPort": "http" }] } }),
        "ConfigMap" => {
            json!({ "apiVersion": "v1", "kind": kind, "metadata": metadata, "data": { "a": "b" } })
        }
        "EndpointSlice" => {
            json!({ "apiVersion": "discovery.k8s.io/v1", "kind": kind, "metadata": metadata,
            "addressType": "IPv4", "endpoints": [{ "addresses": ["127.0.0.1"] }], "ports": [{ "port": 80 }] })
        }
        _ => json!({ "apiVersion": "apps/v1", "kind": kind, "metadata": metadata,
            "spec": { "selector": selector, "template": template } }),
    }
}

/// The good object with one value replaced, or set.
fn with(kind: &str, pointer: &str, value: Value) -> Value {
    let mut object = good(kind);
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = object.pointer_mut(parent).unwrap();
    match parent {
        Value::Array(items) if name == "-" => items.push(value),
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        other => other[name] = value,
    }
    object
}

#[test]
fn good_objects_have_no_faults() {
    for kind in ["Pod", "Deployment", "ReplicaSet", "Service", "ConfigMap", "EndpointSlice"] {
        assert_eq!(faults(good(kind), None), [], "{kind}");
        assert_eq!(faults(good(kind), Some(good(kind))), [], "{kind}");
    }
}

#[test]
fn every_rule_names_its_field() {
    use FieldReason::{Duplicate, Invalid, NotSupported, Required};
    let second = json!({ "name": "web", "image": "x" });
    let c = "/spec/containers/0";
    let cases: Vec<(&str, String, Value, &str, FieldReason)> = vec![
        ("Pod", "/spec/containers".into(), json!([]), "spec.containers", Required),
        ("Pod", "/spec/containers/-".into(), second, "spec.containers[1].name", Duplicate),
        ("Pod", format!("{c}/name"), json!("Web"), "spec.containers[0].name", Invalid),
        ("Pod", format!("{c}/image"), json!(""), "spec.containers[0].image", Required),
        (
            "Pod",
            "/spec/restartPolicy".into(),
            json!("Sometimes"),
            "spec.restartPolicy",
            NotSupported,
        ),
        (
            "Pod",
            "/spec/nodeSelector".into(),
            json!({ "a b": "c" }),
            "spec.nodeSelector[\"a b\"]",
            Invalid,
        ),
        (
            "Pod",
            format!("{c}/ports/-"),
            json!({ "containerPort": 80 }),
            "spec.containers[0].ports[1].containerPort",
            Duplicate,
        ),
        (
            "Pod",
            format!("{c}/ports/-"),
            json!({ "containerPort": 81, "name": "http" }),
            "spec.containers[0].ports[1].name",
            Duplicate,
        ),
        (
            "Pod",
            format!("{c}/ports/0/containerPort"),
            json!(70000),
            "spec.containers[0].ports[0].containerPort",
            Invalid,
        ),
        (
            "Pod",
            format!("{c}/ports/0/protocol"),
            json!("FTP"),
            "spec.containers[0].ports[0].protocol",
            NotSupported,
        ),
        (
            "Pod",
            format!("{c}/env/-"),
            json!({ "name": "A" }),
            "spec.containers[0].env[1].name",
            Duplicate,
        ),
        ("Pod", format!("{c}/env/0/name"), json!("A=B"), "spec.containers[0].env[0].name", Invalid),
        (
            "Pod",
            format!("{c}/env/0/valueFrom"),
            json!({}),
            "spec.containers[0].env[0].valueFrom",
            Invalid,
        ),
        (
            "Pod",
            format!("{c}/resources/limits/memory"),
            json!("1Qi"),
            "spec.containers[0].resources.limits.memory",
            Invalid,
        ),
        (
            "Pod",
            format!("{c}/resources/requests/cpu"),
            json!("2"),
            "spec.containers[0].resources.requests.cpu",
            Invalid,
        ),
        (
            "Pod",
            format!("{c}/readinessProbe/exec"),
            json!({ "command": ["x"] }),
            "spec.containers[0].readinessProbe.httpGet",
            Invalid,
        ),
        (
            "Pod",
            format!("{c}/livenessProbe"),
            json!({}),
            "spec.containers[0].livenessProbe",
            Required,
        ),
        (
            "Pod",
            format!("{c}/readinessProbe/periodSeconds"),
            json!(0),
            "spec.containers[0].readinessProbe.periodSeconds",
            Invalid,
        ),
        (
            "Pod",
            format!("{c}/volumeMounts/0/name"),
            json!("w"),
            "spec.containers[0].volumeMounts[0].name",
            Invalid,
        ),
        (
            "Pod",
            "/spec/volumes/0/configMap".into(),
            json!({ "name": "c" }),
            "spec.volumes[0]",
            Invalid,
        ),
        ("Deployment", "/spec/replicas".into(), json!(-1), "spec.replicas", Invalid),
        ("Deployment", "/spec/selector".into(), json!({}), "spec.selector", Required),
        (
            "Deployment",
            "/spec/template/metadata/labels/app".into(),
            json!("db"),
            "spec.template.metadata.labels",
            Invalid,
        ),
        (
            "Deployment",
            "/spec/template/spec/restartPolicy".into(),
            json!("Never"),
            "spec.template.spec.restartPolicy",
            NotSupported,
        ),
        (
            "Deployment",
            "/spec/strategy".into(),
            json!({ "rollingUpdate": { "maxSurge": 0, "maxUnavailable": "0%" } }),
            "spec.strategy.rollingUpdate.maxUnavailable",
            Invalid,
        ),
        (
            "Deployment",
            "/spec/strategy".into(),
            json!({ "rollingUpdate": { "maxSurge": "many" } }),
            "spec.strategy.rollingUpdate.maxSurge",
            Invalid,
        ),
        (
            "Deployment",
            "/spec/strategy".into(),
            json!({ "type": "Recreate", "rollingUpdate": {} }),
            "spec.strategy.rollingUpdate",
            Invalid,
        ),
        ("Service", "/spec/ports".into(), json!([]), "spec.ports", Required),
        ("Service", "/spec/ports/0/port".into(), json!(0), "spec.ports[0].port", Required),
        ("Service", "/spec/ports/-".into(), json!({ "port": 81 }), "spec.ports[0].name", Required),
        ("Service", "/spec/type".into(), json!("Magic"), "spec.type", NotSupported),
        ("Service", "/spec/clusterIP".into(), json!("here"), "spec.clusterIP", Invalid),
        ("ConfigMap", "/data".into(), json!({ "a b": "c" }), "data[\"a b\"]", Invalid),
        (
            "EndpointSlice",
            "/endpoints/0/addresses".into(),
            json!(["::1"]),
            "endpoints[0].addresses[0]",
            Invalid,
        ),
    ];
    for (kind, pointer, value, path, reason) in cases {
        let found = faults(with(kind, &pointer, value), None);
        let first = found.first().unwrap_or_else(|| panic!("{kind} {pointer}: no fault"));
        assert_eq!(
            (first.path.as_str(), first.reason),
            (path, reason),
            "{kind} {pointer}: {first}"
        );
    }
}

#[test]
fn a_process_needs_no_image_but_an_absolute_command() {
    let pod = |command: Value| {
        let mut pod = good("Pod");
        pod["spec"]["runtimeClassName"] = json!("process");
        pod["spec"]["containers"][0]["image"] = json!("");
        pod["spec"]["containers"][0]["command"] = command;
        faults(pod, None)
    };
    assert_eq!(pod(json!(["/bin/web"])), []);
    assert_eq!(pod(json!(["web"]))[0].path, "spec.containers[0].command[0]");
    assert_eq!(pod(json!([]))[0].path, "spec.containers[0].command");
}

#[test]
fn what_may_not_change_is_refused() {
    let mut bound = good("Pod");
    bound["spec"]["nodeName"] = json!("n1");
    assert_eq!(faults(bound.clone(), Some(good("Pod"))), [], "a pod may be bound");
    let mut moved = good("Pod");
    moved["spec"]["nodeName"] = json!("n2");
    let fault = &faults(moved, Some(bound))[0];
    assert_eq!((fault.path.as_str(), fault.reason), ("spec.nodeName", FieldReason::Immutable));
    let image = with("Pod", "/spec/containers/0/image", json!("web:2"));
    assert_eq!(faults(image, Some(good("Pod"))), [], "an image may change");
    let mut addressed = good("Service");
    addressed["spec"]["clusterIP"] = json!("127.1.0.1");
    assert_eq!(faults(addressed.clone(), Some(good("Service"))), [], "an address may be given");
    let cases = [
        (with("Pod", "/spec/containers/0/env/0/value", json!("c")), good("Pod"), "spec.containers"),
        (with("Pod", "/spec/restartPolicy", json!("Never")), good("Pod"), "spec.restartPolicy"),
        (good("Service"), addressed, "spec.clusterIP"),
        (
            with(
                "Deployment",
                "/spec/selector/matchExpressions",
                json!([{ "key": "app", "operator": "Exists" }]),
            ),
            good("Deployment"),
            "spec.selector",
        ),
        (
            with("ConfigMap", "/data/a", json!("c")),
            with("ConfigMap", "/immutable", json!(true)),
            "data",
        ),
    ];
    for (new, old, path) in cases {
        let found = faults(new, Some(old));
        let fault = found.first().unwrap_or_else(|| panic!("{path}: no fault"));
        assert_eq!((fault.path.as_str(), fault.reason), (path, FieldReason::Immutable), "{fault}");
    }
}

fn paths(value: Value, old: Option<Value>) -> Vec<String> {
    faults(value, old).into_iter().map(|fault| fault.path).collect()
}

fn role_of(kind: &str, rule: Value) -> Value {
    json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
        "metadata": { "name": "system:x", "namespace": (kind == "Role").then_some("shop") },
        "rules": [rule] })
}

#[test]
fn a_rule_is_about_resources_or_about_paths() {
    let pods = json!({ "verbs": ["get"], "apiGroups": [""], "resources": ["pods"] });
    let logs = json!({ "verbs": ["get"], "nonResourceURLs": ["/logs/*"] });
    let both = json!({ "verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "nonResourceURLs": ["/x"] });
    let nothing = json!({ "verbs": [] });
    for kind in ["Role", "ClusterRole"] {
        assert_eq!(paths(role_of(kind, pods.clone()), None), [""; 0]);
        assert!(
            paths(role_of(kind, both.clone()), None)
                .contains(&"rules[0].nonResourceURLs".to_owned())
        );
        let missing = ["rules[0].verbs", "rules[0].apiGroups", "rules[0].resources"];
        assert_eq!(paths(role_of(kind, nothing.clone()), None), missing);
    }
    assert_eq!(paths(role_of("ClusterRole", logs.clone()), None), [""; 0]);
    assert_eq!(paths(role_of("Role", logs), None), ["rules[0].nonResourceURLs"]);
    let mut aggregated = role_of("ClusterRole", pods);
    aggregated["aggregationRule"] = json!({ "clusterRoleSelectors": [] });
    assert_eq!(paths(aggregated.clone(), None), ["aggregationRule.clusterRoleSelectors"]);
    aggregated["aggregationRule"] = json!({ "clusterRoleSelectors": [{ "matchExpressions": [{ "key": "a", "operator": "Near" }] }] });
    assert_eq!(
        paths(aggregated, None),
        ["aggregationRule.clusterRoleSelectors[0].matchExpressions[0]"]
    );
}

#[test]
fn a_binding_names_a_role_for_good_and_subjects_that_can_be() {
    let binding = |role: Value, subject: Value| {
        json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": { "name": "b", "namespace": "shop" }, "roleRef": role, "subjects": [subject] })
    };
    let view = json!({ "kind": "ClusterRole", "name": "view" });
    let alice = json!({ "kind": "User", "name": "alice" });
    let good = binding(view.clone(), alice.clone());
    assert_eq!(paths(good.clone(), Some(good.clone())), [""; 0]);
    let other = binding(json!({ "kind": "Role", "name": "view" }), alice.clone());
    assert_eq!(paths(other, Some(good)), ["roleRef"]);
    let wrong = binding(json!({ "apiGroup": "x", "kind": "Pod", "name": "" }), alice);
    assert_eq!(paths(wrong, None), ["roleRef.apiGroup", "roleRef.kind", "roleRef.name"]);
    let robot = json!({ "kind": "Robot", "name": "r2" });
    assert_eq!(paths(binding(view.clone(), robot), None), ["subjects[0].kind"]);
    let account = json!({ "kind": "ServiceAccount", "name": "Bad", "apiGroup": "x" });
    assert_eq!(
        paths(binding(view.clone(), account), None),
        ["subjects[0].name", "subjects[0].apiGroup"]
    );
    let mut cluster = binding(view, json!({ "kind": "ServiceAccount", "name": "default" }));
    cluster["kind"] = json!("ClusterRoleBinding");
    assert_eq!(paths(cluster, None), ["subjects[0].namespace"]);
}
