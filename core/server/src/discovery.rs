//! What is served: lists of groups and resources, plain and aggregated. Both come from one table.

use crate::reply::{self, Reply};
use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use quorate_resources::{KindInfo, Registry};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const ALL_VERBS: &[&str] =
    &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const PART_VERBS: &[&str] = &["get", "patch", "update"];
const CREATE: &[&str] = &["create"];

/// One resource that is served.
#[derive(Clone, Debug)]
struct Resource {
    name: String,
    singular: String,
    kind: String,
    namespaced: bool,
    verbs: &'static [&'static str],
    short_names: Vec<String>,
    categories: Vec<String>,
    parts: Vec<Part>,
}

/// A subresource; group, version and kind are those of what it takes.
#[derive(Clone, Debug)]
struct Part {
    name: &'static str,
    group: String,
    version: String,
    kind: String,
    verbs: &'static [&'static str],
}

/// Resources by group and version.
type Table = BTreeMap<(String, String), Vec<Resource>>;

fn table(registry: &Registry) -> Table {
    let mut table = Table::new();
    for info in registry.kinds() {
        let key = (info.group.clone(), info.version.clone());
        table.entry(key).or_default().push(resource(info));
    }
    for review in crate::verbs::REVIEWS {
        let key = (review.group.to_owned(), "v1".to_owned());
        table.entry(key).or_default().push(of_review(review));
    }
    for resources in table.values_mut() {
        resources.sort_by(|a, b| a.name.cmp(&b.name));
    }
    table
}

fn resource(info: &KindInfo) -> Resource {
    Resource {
        name: info.plural.clone(),
        singular: info.singular(),
        kind: info.kind.clone(),
        namespaced: info.namespaced,
        verbs: ALL_VERBS,
        short_names: info.short_names.clone(),
        categories: info.categories.clone(),
        parts: parts(info),
    }
}

fn of_review(review: &crate::verbs::Review) -> Resource {
    Resource {
        name: review.plural.to_owned(),
        singular: review.kind.to_lowercase(),
        kind: review.kind.to_owned(),
        namespaced: review.namespaced,
        verbs: CREATE,
        short_names: Vec::new(),
        categories: Vec::new(),
        parts: Vec::new(),
    }
}

fn parts(info: &KindInfo) -> Vec<Part> {
    let part = |name, group: &str, version: &str, kind: &str, verbs| Part {
        name,
        group: group.to_owned(),
        version: version.to_owned(),
        kind: kind.to_owned(),
        verbs,
    };
    let own = |name, verbs| part(name, &info.group, &info.version, &info.kind, verbs);
    let mut parts = Vec::new();
    if info.group.is_empty() && info.kind == "Pod" {
        parts.push(part("binding", "", "v1", "Binding", CREATE));
        parts.push(part("eviction", "policy", "v1", "Eviction", CREATE));
        parts.push(part("log", "", "v1", "Pod", &["get"]));
    }
    if info.group.is_empty() && info.kind == "ServiceAccount" {
        parts.push(part("token", "authentication.k8s.io", "v1", "TokenRequest", CREATE));
    }
    if info.group.is_empty() && info.kind == "Namespace" {
        parts.push(own("finalize", &["update"]));
    }
    if info.scale.is_some() {
        parts.push(part("scale", "autoscaling", "v1", "Scale", PART_VERBS));
    }
    if info.status {
        parts.push(own("status", PART_VERBS));
    }
    parts
}

/// `/api`.
pub(crate) fn core() -> Value {
    json!({
        "kind": "APIVersions", "versions": ["v1"],
        "serverAddressByClientCIDRs": [],
    })
}

/// `/apis`.
pub(crate) fn groups(registry: &Registry) -> Value {
    let table = table(registry);
    let groups: Vec<Value> =
        names(&table).into_iter().map(|name| group_value(&table, name)).collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

/// `/apis/<group>`.
pub(crate) fn group(registry: &Registry, name: &str) -> Option<Value> {
    let table = table(registry);
    names(&table).contains(&name).then(|| {
        let mut group = group_value(&table, name);
        group["kind"] = json!("APIGroup");
        group["apiVersion"] = json!("v1");
        group
    })
}

fn names(table: &Table) -> Vec<&str> {
    let mut names: Vec<&str> =
        table.keys().map(|(group, _)| group.as_str()).filter(|group| !group.is_empty()).collect();
    names.dedup();
    names
}

fn group_value(table: &Table, name: &str) -> Value {
    let versions: Vec<Value> = table
        .keys()
        .filter(|(group, _)| group == name)
        .map(|(group, version)| {
            json!({ "groupVersion": format!("{group}/{version}"), "version": version })
        })
        .collect();
    json!({ "name": name, "versions": versions, "preferredVersion": versions.first() })
}

/// `/api/<version>` and `/apis/<group>/<version>`.
pub(crate) fn resources(registry: &Registry, group: &str, version: &str) -> Option<Value> {
    let table = table(registry);
    let resources = table.get(&(group.to_owned(), version.to_owned()))?;
    let group_version =
        if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    let list: Vec<Value> = resources.iter().flat_map(plain).collect();
    Some(json!({
        "kind": "APIResourceList", "apiVersion": "v1",
        "groupVersion": group_version, "resources": list,
    }))
}

fn plain(resource: &Resource) -> Vec<Value> {
    let mut own = json!({
        "name": resource.name, "singularName": resource.singular, "kind": resource.kind,
        "namespaced": resource.namespaced, "verbs": resource.verbs,
    });
    if !resource.short_names.is_empty() {
        own["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        own["categories"] = json!(resource.categories);
    }
    let parts = resource.parts.iter().map(|part| {
        json!({
            "name": format!("{}/{}", resource.name, part.name), "singularName": "",
            "namespaced": resource.namespaced, "kind": part.kind, "group": part.group,
            "version": part.version, "verbs": part.verbs,
        })
    });
    std::iter::once(own).chain(parts).collect()
}

/// Everything in one document, for `/api` or `/apis`.
pub(crate) fn aggregated(registry: &Registry, core: bool, version: &'static str) -> Reply {
    let table = table(registry);
    let wanted = if core { vec![""] } else { names(&table) };
    let items: Vec<Value> = wanted.into_iter().map(|name| aggregated_group(&table, name)).collect();
    let document = json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": format!("apidiscovery.k8s.io/{version}"),
        "metadata": {}, "items": items,
    });
    let mut reply = reply::bytes("application/json", Bytes::from(document.to_string()));
    let media_type =
        format!("application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList");
    if let Ok(value) = HeaderValue::from_str(&media_type) {
        reply.headers_mut().insert(CONTENT_TYPE, value);
    }
    reply
}

fn aggregated_group(table: &Table, name: &str) -> Value {
    let versions: Vec<Value> = table
        .iter()
        .filter(|((group, _), _)| group == name)
        .map(|((group, version), resources)| {
            let resources: Vec<Value> =
                resources.iter().map(|it| aggregated_resource(group, version, it)).collect();
            json!({ "version": version, "resources": resources, "freshness": "Current" })
        })
        .collect();
    let metadata = if name.is_empty() { json!({}) } else { json!({ "name": name }) };
    json!({ "metadata": metadata, "versions": versions })
}

fn aggregated_resource(group: &str, version: &str, resource: &Resource) -> Value {
    let parts: Vec<Value> = resource
        .parts
        .iter()
        .map(|part| {
            json!({
                "subresource": part.name, "verbs": part.verbs,
                "responseKind": { "group": part.group, "version": part.version, "kind": part.kind },
            })
        })
        .collect();
    let mut value = json!({
        "resource": resource.name, "singularResource": resource.singular,
        "responseKind": { "group": group, "version": version, "kind": resource.kind },
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "verbs": resource.verbs,
    });
    if !resource.short_names.is_empty() {
        value["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        value["categories"] = json!(resource.categories);
    }
    if !parts.is_empty() {
        value["subresources"] = json!(parts);
    }
    value
}
