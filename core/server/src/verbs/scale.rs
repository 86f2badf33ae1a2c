//! The number of replicas of anything that can be scaled, as `autoscaling/v1` `Scale`.

use super::change;
use super::patch::Patch;
use crate::call::Call;
use crate::failure::Failure;
use crate::reply::{self, Reply};
use crate::route::Target;
use crate::served::Served;
use hyper::Method;
use quorate_resources::{Object, ObjectKey, ScalePaths};
use serde_json::{Map, Value, json};

pub(super) async fn scale(
    api: &Served,
    call: &Call,
    target: &Target<'_>,
    key: &ObjectKey,
) -> Result<Reply, Failure> {
    let Some(paths) = &target.info.scale else { return Err(Failure::NoSuchPath) };
    let object = match call.method {
        Method::GET => api.objects(false).get(&target.info.group_kind(), key).await?,
        Method::PUT => {
            let wanted = call.object()?;
            let edit = |live: &Value| scaled(live, &wanted, paths);
            change::edit(api, call, target, key, "scale", edit).await?.0
        }
        Method::PATCH => {
            let patch = Patch::read(call)?;
            let edit = |live: &Value| {
                let wanted = patch.apply(&of_value(live, paths)?, None)?;
                scaled(live, &wanted, paths)
            };
            change::edit(api, call, target, key, "scale", edit).await?.0
        }
        _ => return Err(Failure::NoSuchVerb),
    };
    Ok(reply::value(200, &view(&object, paths), call.accepted.encoding))
}

fn of_value(live: &Value, paths: &ScalePaths) -> Result<Value, Failure> {
    let object = Object::from_value(live.clone()).map_err(|it| Failure::bad(it.to_string()))?;
    Ok(view(&object, paths))
}

/// The scale of an object.
fn view(object: &Object, paths: &ScalePaths) -> Value {
    let metadata = &object.metadata;
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": metadata.name, "namespace": metadata.namespace, "uid": metadata.uid,
            "resourceVersion": metadata.resource_version.map(|version| version.to_string()),
            "creationTimestamp": metadata.creation_timestamp,
        },
        "spec": { "replicas": number(&paths.spec_replicas) },
        "status": {
            "replicas": number(&paths.status_replicas),
            "selector": selector(object.pointer(&paths.selector)),
        },
    })
}

/// A label selector in text form, as far as it is made of pairs.
fn selector(selector: Option<&Value>) -> String {
    if let Some(text) = selector.and_then(Value::as_str) {
        return text.to_owned();
    }
    let labels = selector.and_then(|it| it.get("matchLabels")).and_then(Value::as_object);
    let pair =
        |(key, value): (&String, &Value)| format!("{key}={}", value.as_str().unwrap_or_default());
    labels.into_iter().flatten().map(pair).collect::<Vec<_>>().join(",")
}

/// The object with the wanted number of replicas.
fn scaled(live: &Value, wanted: &Value, paths: &ScalePaths) -> Result<Value, Failure> {
    let replicas = match wanted.pointer("/spec/replicas") {
        None => 0,
        Some(value) => value.as_i64().filter(|number| *number >= 0).ok_or_else(|| {
            Failure::bad(format!("Scale is invalid: spec.replicas: Invalid value: {value}: must be a number and not negative"))
        })?,
    };
    let mut next = live.clone();
    if let Some(version) = wanted.pointer("/metadata/resourceVersion").filter(|it| !it.is_null()) {
        next["metadata"]["resourceVersion"] = version.clone();
    }
    set(&mut next, &paths.spec_replicas, json!(replicas));
    Ok(next)
}

/// Sets a value at a pointer, making the objects on the way.
fn set(value: &mut Value, pointer: &str, to: Value) {
    let mut at = value;
    for name in pointer.split('/').skip(1) {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        at = &mut at[name];
    }
    *at = to;
}
