//! What one may, or somebody else.

use super::{Review, invalid, text, texts};
use crate::access::{Action, ResourceAction, Target, User, Verdict};
use crate::call::Call;
use crate::failure::Failure;
use serde_json::{Value, json};

/// Whether who asks may do something.
pub(super) async fn own(call: &Call, review: &Review, spec: &Value) -> Result<Value, Failure> {
    answer(call, &call.caller.user, &action(review, spec)?).await
}

/// Whether a user may do something, within a namespace if one is given.
pub(super) async fn of_user(
    call: &Call,
    review: &Review,
    spec: &Value,
    namespace: Option<&str>,
) -> Result<Value, Failure> {
    let action = action(review, spec)?;
    if let Some(namespace) = namespace {
        let own = matches!(&action.target, Target::Resource(it) if it.namespace == namespace);
        if !own {
            let message = "must be about resources of the namespace in the path";
            return Err(invalid(review, "spec.resourceAttributes.namespace", message));
        }
    }
    let user = User {
        name: text(spec, "user"),
        uid: text(spec, "uid"),
        groups: texts(spec, "groups"),
        extra: spec
            .get("extra")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(key, _)| (key.clone(), texts(&spec["extra"], key)))
            .collect(),
    };
    if user.name.is_empty() && user.groups.is_empty() {
        return Err(invalid(
            review,
            "spec.user",
            "at least one of user or group must be specified",
        ));
    }
    answer(call, &user, &action).await
}

async fn answer(call: &Call, user: &User, action: &Action) -> Result<Value, Failure> {
    let (allowed, denied, reason) = match call.caller.access.judge(user, action).await? {
        Verdict::Allow(reason) => (true, false, reason),
        Verdict::Deny(reason) => (false, true, reason),
        Verdict::NoOpinion(reason) => (false, false, reason),
    };
    let mut status = json!({ "allowed": allowed });
    if denied {
        status["denied"] = json!(true);
    }
    if !reason.is_empty() {
        status["reason"] = json!(reason);
    }
    Ok(status)
}

/// What a review asks about: objects or a path.
fn action(review: &Review, spec: &Value) -> Result<Action, Failure> {
    let of = |field: &str| spec.get(field).filter(|value| value.is_object());
    match (of("resourceAttributes"), of("nonResourceAttributes")) {
        (Some(it), None) => {
            let target = ResourceAction {
                group: text(it, "group"),
                version: text(it, "version"),
                resource: text(it, "resource"),
                subresource: text(it, "subresource"),
                namespace: text(it, "namespace"),
                name: text(it, "name"),
            };
            Ok(Action { verb: text(it, "verb"), target: Target::Resource(target) })
        }
        (None, Some(it)) => Ok(Action::path(&text(it, "verb"), text(it, "path"))),
        _ => {
            let message =
                "exactly one of nonResourceAttributes or resourceAttributes must be specified";
            Err(invalid(review, "spec.resourceAttributes", message))
        }
    }
}

/// Everything that who asks may do in a namespace.
pub(super) async fn rules(call: &Call, spec: &Value) -> Result<Value, Failure> {
    let namespace = text(spec, "namespace");
    if namespace.is_empty() {
        return Err(Failure::bad("no namespace on request: name one in spec.namespace"));
    }
    let caller = &call.caller;
    let (rules, complete) = caller.access.rules(&caller.user, &namespace).await?;
    let of_paths = |paths: bool| -> Vec<Value> {
        rules.iter().filter(|it| it.paths.is_empty() != paths).map(|it| json!(it)).collect()
    };
    Ok(json!({
        "resourceRules": of_paths(false), "nonResourceRules": of_paths(true),
        "incomplete": !complete,
    }))
}
