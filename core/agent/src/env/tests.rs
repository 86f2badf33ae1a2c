use super::source::Data;
use super::*;
use quorate_types::Quantity;
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};

struct Fixed;

impl Sources for Fixed {
    fn config_map(&self, name: &str) -> Option<Data> {
        let pairs = [("greeting", "hello"), ("bad=key", "x")];
        (name == "settings")
            .then(|| pairs.map(|(k, v)| (k.to_owned(), v.as_bytes().to_vec())).into())
    }

    fn secret(&self, name: &str) -> Option<Data> {
        let pairs = [("token", b"s3cret".to_vec()), ("raw", vec![0xff])];
        (name == "keys").then(|| pairs.map(|(k, v)| (k.to_owned(), v)).into())
    }
}

fn facts() -> Facts {
    Facts {
        node: "node-1".into(),
        host_ip: IpAddr::V4(Ipv4Addr::new(127, 10, 1, 1)),
        pod_ip: IpAddr::V4(Ipv4Addr::new(127, 10, 1, 2)),
        cpu: Quantity::from_units(4),
        memory: Quantity::from_units(1 << 30),
    }
}

fn resolved(container: Value) -> Result<Resolved, EnvError> {
    let pod = json!({
        "metadata": {
            "name": "web-0", "namespace": "shop", "uid": "u-1",
            "labels": {"app": "web"}, "annotations": {"example.org/team": "blue"},
        },
        "spec": {"containers": [container]},
    });
    let pod: Pod = serde_json::from_value(pod).unwrap();
    let container = pod.spec.as_ref().unwrap().containers[0].clone();
    resolve(&pod, &container, &facts(), &Fixed)
}

fn env_of(env: Value) -> Result<Vec<(String, String)>, EnvError> {
    resolved(json!({"name": "main", "env": env})).map(|resolved| resolved.env)
}

fn value_from(from: Value) -> Result<String, String> {
    env_of(json!([{"name": "X", "valueFrom": from}]))
        .map(|env| env[0].1.clone())
        .map_err(|error| error.to_string())
}

#[test]
fn the_downward_api_gives_the_published_fields() {
    for (path, wanted) in [
        ("metadata.name", "web-0"),
        ("metadata.namespace", "shop"),
        ("metadata.uid", "u-1"),
        ("metadata.labels['app']", "web"),
        ("metadata.annotations['example.org/team']", "blue"),
        ("metadata.labels['absent']", ""),
        ("spec.nodeName", "node-1"),
        ("status.podIP", "127.10.1.2"),
        ("status.hostIP", "127.10.1.1"),
    ] {
        assert_eq!(value_from(json!({"fieldRef": {"fieldPath": path}})).unwrap(), wanted, "{path}");
    }
    let error = value_from(json!({"fieldRef": {"fieldPath": "status.phase"}})).unwrap_err();
    assert!(error.contains("container \"main\": env \"X\": fieldPath \"status.phase\""), "{error}");
}

#[test]
fn resources_come_in_units_of_the_divisor_rounded_up() {
    let with = |resource: &str, divisor: &str| {
        let reference = json!({"resource": resource, "divisor": divisor});
        let container = json!({
            "name": "main",
            "resources": {"limits": {"cpu": "1500m"}, "requests": {"memory": "100Mi"}},
            "env": [{"name": "X", "valueFrom": {"resourceFieldRef": reference}}],
        });
        resolved(container).unwrap().env[0].1.clone()
    };
    assert_eq!(with("limits.cpu", "0"), "2");
    assert_eq!(with("limits.cpu", "1m"), "1500");
    assert_eq!(with("requests.memory", "1Mi"), "100");
    assert_eq!(with("limits.memory", "1Gi"), "1", "the node's memory stands in for a limit");
}

#[test]
fn config_maps_and_secrets_are_read_by_key_and_as_a_whole() {
    let key = |kind: &str, name: &str, key: &str| json!({kind: {"name": name, "key": key}});
    assert_eq!(value_from(key("configMapKeyRef", "settings", "greeting")).unwrap(), "hello");
    assert_eq!(value_from(key("secretKeyRef", "keys", "token")).unwrap(), "s3cret");
    let whole = resolved(json!({
        "name": "main",
        "envFrom": [{"configMapRef": {"name": "settings"}, "prefix": "APP_"}],
        "env": [{"name": "LINE", "value": "$(APP_greeting) $(NONE) $$(LINE)"}],
        "args": ["--say=$(LINE)"],
    }));
    let whole = whole.unwrap();
    assert_eq!(whole.env[0], ("APP_greeting".into(), "hello".into()));
    assert_eq!(whole.env.len(), 2, "a key that cannot be a name is left out");
    assert_eq!(whole.args, ["--say=hello $(NONE) $(LINE)"]);
}

#[test]
fn what_is_missing_is_named_unless_it_is_optional() {
    let error = value_from(json!({"configMapKeyRef": {"name": "nope", "key": "k"}})).unwrap_err();
    assert!(error.contains("ConfigMap \"nope\" does not exist"), "{error}");
    let error = value_from(json!({"configMapKeyRef": {"name": "settings", "key": "k"}}));
    assert!(error.unwrap_err().contains("ConfigMap \"settings\" has no key \"k\""));
    let error = value_from(json!({"secretKeyRef": {"name": "keys", "key": "raw"}})).unwrap_err();
    assert!(error.contains("not UTF-8"), "{error}");
    let optional = json!({"configMapKeyRef": {"name": "nope", "key": "k", "optional": true}});
    assert_eq!(env_of(json!([{"name": "X", "valueFrom": optional}])).unwrap(), []);
}

#[test]
fn a_later_entry_replaces_an_earlier_one_in_place() {
    let env = env_of(json!([
        {"name": "A", "value": "1"}, {"name": "B", "value": "$(A)"}, {"name": "A", "value": "2"},
    ]));
    let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
    assert_eq!(env.unwrap(), [pair("A", "2"), pair("B", "1")]);
}
