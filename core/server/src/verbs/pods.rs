//! What is asked of pods only: to bind them to a node.

use super::change;
use crate::call::Call;
use crate::failure::Failure;
use crate::reply::{self, Reply};
use crate::route::Target;
use crate::served::Served;
use quorate_resources::ObjectKey;
use serde_json::{Value, json};

/// The answer to what has been done to a pod.
pub(super) fn done() -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201,
    })
}

/// Binds a pod to the node that the body names.
pub(super) async fn bind(
    api: &Served,
    call: &Call,
    target: &Target<'_>,
    key: &ObjectKey,
) -> Result<Reply, Failure> {
    let binding = call.object()?;
    let node = binding.pointer("/target/name").and_then(Value::as_str).unwrap_or_default();
    if node.is_empty() {
        return Err(Failure::bad("Binding is invalid: target.name: Required value: name the node"));
    }
    let edit = |live: &Value| {
        let mut pod = live.clone();
        if pod.pointer("/spec/nodeName").and_then(Value::as_str).is_some_and(|it| !it.is_empty()) {
            return Err(Failure::Objects(quorate_resources::Error::Conflict {
                kind: target.info.group_kind(),
                key: key.clone(),
                reason: "it is bound to a node already".to_owned(),
            }));
        }
        pod["spec"]["nodeName"] = json!(node);
        Ok(pod)
    };
    change::edit(api, call, target, key, "", edit).await?;
    Ok(reply::value(201, &done(), call.accepted.encoding))
}
