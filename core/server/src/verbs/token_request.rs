//! Tokens of service accounts: `kubectl create token`.

use crate::access::{BoundObject, TokenError};
use crate::call::Call;
use crate::failure::Failure;
use crate::reply::{self, Reply};
use crate::route::Target;
use crate::served::Served;
use quorate_resources::{Error, FieldError, GroupKind, ObjectKey, timestamp};
use serde_json::{Value, json};

/// Makes a token as the body wants it.
pub(super) async fn create(
    api: &Served,
    call: &Call,
    target: &Target<'_>,
    key: &ObjectKey,
) -> Result<Reply, Failure> {
    let accounts = call.caller.access.accounts().ok_or(Failure::NoSuchPath)?;
    let request = call.object()?;
    let audiences = request.pointer("/spec/audiences").and_then(Value::as_array);
    let audiences = audiences.into_iter().flatten().filter_map(Value::as_str);
    let audiences: Vec<String> = audiences.map(str::to_owned).collect();
    let seconds = request.pointer("/spec/expirationSeconds").and_then(Value::as_i64);
    let reference = request.pointer("/spec/boundObjectRef").filter(|it| it.is_object());
    let bound = reference.map(bound);
    let issued = accounts.issue(key, &audiences, seconds, bound.as_ref()).await;
    let issued = issued.map_err(|error| failure(error, target, key))?;
    let now = timestamp::format(api.objects(false).seams().clock.wall());
    let answer = json!({
        "kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1",
        "metadata": { "name": key.name, "namespace": key.namespace, "creationTimestamp": now },
        "spec": {
            "audiences": issued.audiences, "expirationSeconds": issued.seconds,
            "boundObjectRef": reference,
        },
        "status": {
            "token": issued.token, "expirationTimestamp": timestamp::from_unix(issued.ends),
        },
    });
    Ok(reply::value(201, &answer, call.accepted.encoding))
}

fn bound(reference: &Value) -> BoundObject {
    let text =
        |field: &str| reference.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    BoundObject { kind: text("kind"), name: text("name"), uid: text("uid") }
}

fn failure(error: TokenError, target: &Target<'_>, key: &ObjectKey) -> Failure {
    let reason = error.to_string();
    match error {
        TokenError::Objects(error) => Failure::Objects(error),
        TokenError::Life { .. } => Failure::Objects(Error::Invalid {
            kind: GroupKind::new("authentication.k8s.io", "TokenRequest"),
            key: ObjectKey::cluster(""),
            causes: vec![FieldError::invalid("spec.expirationSeconds", reason)],
        }),
        TokenError::Uid { .. } => Failure::Objects(Error::Conflict {
            kind: target.info.group_kind(),
            key: key.clone(),
            reason,
        }),
        TokenError::Bound { .. } => Failure::BadRequest(reason),
        TokenError::Sign(_) => {
            Failure::Objects(Error::Malformed { what: "the token".to_owned(), message: reason })
        }
    }
}
