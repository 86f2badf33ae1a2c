//! Kinds in an older version than the one they are stored in: `autoscaling/v1`, which
//! `kubectl autoscale` sends.
//!
//! A request in the older version becomes one in the stored version and its answer is turned back.
//! Creating and reading is all that anybody does in it; it does not appear in discovery.

use crate::call::Call;
use crate::failure::Failure;
use crate::reply::Reply;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Method;
use serde_json::{Value, json};
use std::borrow::Cow;

const OLD: &str = "/apis/autoscaling/v1/";
const NEW: &str = "/apis/autoscaling/v2/";
const KIND: &str = "HorizontalPodAutoscaler";

/// The path in the stored version: what is asked for, may be done and is done are one thing.
pub(crate) fn newer(path: &str) -> Cow<'_, str> {
    let scalers = |rest: &&str| rest.split('/').any(|part| part == "horizontalpodautoscalers");
    match path.strip_prefix(OLD).filter(scalers) {
        Some(rest) => format!("{NEW}{rest}").into(),
        None => path.into(),
    }
}

/// The same request in the stored version, if it is in an older one.
pub(crate) fn upgraded(call: &Call) -> Result<Option<Call>, Failure> {
    let Some(rest) = call.path.strip_prefix(OLD) else { return Ok(None) };
    if !rest.split('/').any(|part| part == "horizontalpodautoscalers") {
        return Ok(None);
    }
    let mut next = Call { path: format!("{NEW}{rest}"), ..call.clone() };
    match call.method {
        Method::GET if !call.query.flag("watch")? => {}
        Method::POST => {
            let body = upgrade(call.object()?);
            next.body = Bytes::from(body.to_string());
            "application/json".clone_into(&mut next.media_type);
        }
        _ => return Err(Failure::NoSuchVerb),
    }
    Ok(Some(next))
}

/// The answer as the older version has it.
pub(crate) async fn downgraded(reply: Reply) -> Reply {
    let (mut head, body) = reply.into_parts();
    let bytes = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let bytes = match serde_json::from_slice::<Value>(&bytes) {
        Ok(value) => Bytes::from(downgrade_all(value).to_string()),
        Err(_) => bytes,
    };
    head.headers.remove(hyper::header::CONTENT_LENGTH);
    Reply::from_parts(head, Full::new(bytes).boxed_unsync())
}

fn upgrade(mut scaler: Value) -> Value {
    if scaler.get("apiVersion").is_some() {
        scaler["apiVersion"] = json!("autoscaling/v2");
    }
    let spec = scaler.get_mut("spec").and_then(Value::as_object_mut);
    let percent = spec.and_then(|spec| spec.remove("targetCPUUtilizationPercentage"));
    if let Some(percent) = percent.filter(|percent| !percent.is_null()) {
        scaler["spec"]["metrics"] = json!([{ "type": "Resource", "resource": {
            "name": "cpu", "target": { "type": "Utilization", "averageUtilization": percent },
        } }]);
    }
    scaler
}

fn downgrade_all(mut value: Value) -> Value {
    let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    if kind == KIND {
        return downgrade(value);
    }
    if kind == format!("{KIND}List") {
        value["apiVersion"] = json!("autoscaling/v1");
        let items = value.get_mut("items").and_then(Value::as_array_mut);
        for item in items.into_iter().flatten() {
            *item = downgrade(item.take());
        }
    }
    value
}

/// What the older version has no place for is left out.
fn downgrade(mut scaler: Value) -> Value {
    scaler["apiVersion"] = json!("autoscaling/v1");
    let cpu = |list: &Value, figure: &str| {
        let mut metrics = list.as_array().into_iter().flatten();
        let cpu = metrics.find(|one| one.pointer("/resource/name") == Some(&json!("cpu")))?;
        cpu.pointer(figure).cloned()
    };
    let wanted = cpu(&scaler["spec"]["metrics"], "/resource/target/averageUtilization");
    let used = cpu(&scaler["status"]["currentMetrics"], "/resource/current/averageUtilization");
    let keep = |part: &mut Value, unkept: &[&str], name: &str, figure: Option<Value>| {
        let Some(fields) = part.as_object_mut() else { return };
        fields.retain(|field, _| !unkept.contains(&field.as_str()));
        fields.extend(figure.map(|figure| (name.to_owned(), figure)));
    };
    keep(&mut scaler["spec"], &["metrics", "behavior"], "targetCPUUtilizationPercentage", wanted);
    keep(
        &mut scaler["status"],
        &["currentMetrics", "conditions"],
        "currentCPUUtilizationPercentage",
        used,
    );
    if scaler["status"].is_null() {
        scaler["status"] = json!({ "currentReplicas": 0, "desiredReplicas": 0 });
    }
    scaler
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_becomes_a_metric_and_back() {
        let old = json!({ "apiVersion": "autoscaling/v1", "kind": KIND,
            "metadata": { "name": "web" },
            "spec": { "maxReplicas": 5, "targetCPUUtilizationPercentage": 70 },
            "status": { "currentReplicas": 1, "desiredReplicas": 2 } });
        let new = upgrade(old.clone());
        assert_eq!(new["apiVersion"], "autoscaling/v2");
        let aim = new.pointer("/spec/metrics/0/resource/target/averageUtilization");
        assert_eq!(aim, Some(&json!(70)));
        assert_eq!(downgrade_all(new.clone()), old);
        let list = json!({ "kind": "HorizontalPodAutoscalerList", "apiVersion": "autoscaling/v2",
            "items": [new] });
        assert_eq!(downgrade_all(list)["items"], json!([old]));
    }
}
