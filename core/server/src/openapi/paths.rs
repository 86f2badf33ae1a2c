//! The operations on the objects of one kind, as far as clients look at them: which verbs there are,
//! which forms patches have, which parameters are understood.

use quorate_resources::KindInfo;
use quorate_resources::schema::REFERENCE;
use serde_json::{Map, Value, json};

const PATCHES: &[&str] = &[
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
];
const WRITES: &[(&str, &str)] =
    &[("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string")];
const LISTS: &[(&str, &str)] = &[
    ("allowWatchBookmarks", "boolean"),
    ("continue", "string"),
    ("fieldSelector", "string"),
    ("labelSelector", "string"),
    ("limit", "integer"),
    ("resourceVersion", "string"),
    ("resourceVersionMatch", "string"),
    ("sendInitialEvents", "boolean"),
    ("timeoutSeconds", "integer"),
    ("watch", "boolean"),
];
const DELETES: &[(&str, &str)] = &[
    ("dryRun", "string"),
    ("gracePeriodSeconds", "integer"),
    ("orphanDependents", "boolean"),
    ("propagationPolicy", "string"),
];

/// Adds the paths of a kind.
pub(super) fn add(paths: &mut Map<String, Value>, place: &str, info: &KindInfo, schema: &str) {
    let scope = if info.namespaced { "/namespaces/{namespace}" } else { "" };
    let all = format!("/{place}{scope}/{}", info.plural);
    let one = format!("{all}/{{name}}");
    let of = |action, parameters| operation(info, action, parameters, schema);
    paths.insert(
        all,
        json!({
            "get": of("list", LISTS), "post": of("post", WRITES),
            "delete": of("deletecollection", DELETES),
        }),
    );
    let item = json!({
        "get": of("get", &[]), "put": of("put", WRITES),
        "patch": of("patch", WRITES), "delete": of("delete", DELETES),
    });
    if info.status {
        let mut status = item.clone();
        if let Some(status) = status.as_object_mut() {
            status.remove("delete");
        }
        paths.insert(format!("{one}/status"), status);
    }
    paths.insert(one, item);
}

fn operation(info: &KindInfo, action: &str, query: &[(&str, &str)], schema: &str) -> Value {
    let reference = json!({ "$ref": format!("{REFERENCE}{schema}") });
    let mut parameters: Vec<Value> = query.iter().map(parameter).collect();
    if action == "patch" {
        parameters.push(parameter(&("force", "boolean")));
    }
    let answer = json!({
        "description": "OK", "content": { "application/json": { "schema": reference } },
    });
    let mut operation = json!({
        "parameters": parameters,
        "responses": { "200": answer },
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind":
            { "group": info.group, "version": info.version, "kind": info.kind },
    });
    let body = |kinds: &[&str], schema: &Value| -> Value {
        let content: Map<String, Value> =
            kinds.iter().map(|kind| ((*kind).to_owned(), json!({ "schema": schema }))).collect();
        json!({ "content": content, "required": true })
    };
    match action {
        "patch" => {
            let known = |form: &&&str| info.custom.is_none() || !form.contains("strategic");
            let forms: Vec<&str> = PATCHES.iter().filter(known).copied().collect();
            operation["requestBody"] = body(&forms, &json!({ "type": "object" }));
        }
        "post" | "put" => operation["requestBody"] = body(&["application/json"], &reference),
        _ => {}
    }
    operation
}

fn parameter((name, kind): &(&str, &str)) -> Value {
    json!({ "name": name, "in": "query", "schema": { "type": kind, "uniqueItems": true } })
}
