use super::*;
use serde_json::json;

fn definition() -> Object {
    Object::from_value(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "sites.example.com" },
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": { "plural": "sites", "kind": "Site", "shortNames": ["si"] },
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "subresources": { "status": {}, "scale": {
                    "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas" } },
                "additionalPrinterColumns": [
                    { "name": "Domain", "type": "string", "jsonPath": ".spec.domain" },
                    { "name": "Up", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Up\")].status" },
                ],
                "schema": { "openAPIV3Schema": { "type": "object", "required": ["spec"], "properties": {
                    "spec": { "type": "object", "required": ["domain"], "properties": {
                        "domain": { "type": "string", "maxLength": 10 },
                        "replicas": { "type": "integer", "minimum": 1, "default": 2 },
                        "mode": { "type": "string", "enum": ["a", "b"] },
                    } },
                    "status": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
                } } },
            }],
        },
    }))
    .unwrap()
}

fn site(spec: Value) -> Object {
    Object::from_value(json!({
        "apiVersion": "example.com/v1", "kind": "Site", "metadata": { "name": "s" }, "spec": spec,
    }))
    .unwrap()
}

#[test]
fn a_definition_becomes_a_kind() {
    let info = define(&definition()).unwrap();
    assert_eq!((info.api_version().as_str(), info.plural.as_str()), ("example.com/v1", "sites"));
    assert!(info.namespaced && info.status);
    assert_eq!(info.scale.as_ref().unwrap().spec_replicas, "/spec/replicas");
    let custom = info.custom.as_ref().unwrap();
    let mut object = site(json!({ "domain": "a.b" }));
    custom.fill(&mut object);
    assert_eq!(object.body["spec"]["replicas"], 2);
    object
        .body
        .insert("status".into(), json!({ "conditions": [{ "type": "Up", "status": "True" }] }));
    let cells: Vec<Value> = custom.columns.iter().map(|column| column.cell(&object, 0)).collect();
    assert_eq!(cells, [json!("s"), json!("a.b"), json!("True")]);
}

#[test]
fn faults_are_found_by_path() {
    let custom = define(&definition()).unwrap().custom.unwrap();
    let faults = |spec: Value| -> Vec<String> {
        custom.faults(&site(spec)).into_iter().map(|fault| fault.path).collect()
    };
    assert_eq!(faults(json!({ "domain": "a" })), Vec::<String>::new());
    assert_eq!(faults(json!({})), ["spec.domain"]);
    assert_eq!(
        faults(json!({ "domain": "much too long", "mode": "c", "replicas": 0 })),
        ["spec.domain", "spec.mode", "spec.replicas"]
    );
    assert_eq!(faults(json!({ "domain": 1 })), ["spec.domain"]);
    let mut broken = definition();
    broken.body["spec"]["versions"] = json!([]);
    assert_eq!(define(&broken).unwrap_err().path, "spec.versions");
}
