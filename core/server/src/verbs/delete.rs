//! Deleting objects.

use super::{list, render};
use crate::body;
use crate::call::Call;
use crate::failure::Failure;
use crate::reply::{self, Reply};
use crate::route::Target;
use crate::select::Selection;
use crate::served::{Served, definition_kind};
use quorate_resources::custom::define;
use quorate_resources::{
    DeleteOptions, Deleted, Error, KindInfo, Object, ObjectKey, PageRequest, Propagation, Revision,
    Uid,
};
use serde_json::{Value, json};

pub(super) async fn delete(
    api: &Served,
    call: &Call,
    target: &Target<'_>,
    key: &ObjectKey,
) -> Result<Reply, Failure> {
    let options = options(call)?;
    let kind = target.info.group_kind();
    let dry_run = is_dry(call)?;
    let objects = api.objects(dry_run);
    if kind == definition_kind() && !dry_run {
        empty(api, key).await?;
    }
    match objects.delete(&kind, key, options).await? {
        Deleted::Removed(object) => {
            Ok(reply::value(200, &success(target.info, &object), call.accepted.encoding))
        }
        Deleted::Terminating(object) => render::object(api, call, target.info, &object, 200),
    }
}

/// Requests the deletion of all objects of the kind that a definition defines: without it nobody could
/// reach them any more.
async fn empty(api: &Served, definition: &ObjectKey) -> Result<(), Failure> {
    let object = api.objects(false).get(&definition_kind(), definition).await?;
    let Ok(info) = define(&object) else { return Ok(()) };
    let kind = info.group_kind();
    if api.registry().kind(&kind).is_none_or(|info| info.custom.is_none()) {
        return Ok(());
    }
    let found = api.objects(false).page(PageRequest::new(kind.clone(), None)).await?;
    for object in &found.items {
        match api.objects(false).delete(&kind, &object.key(), DeleteOptions::default()).await {
            Ok(_) | Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Deletes all objects that the selectors choose; answers with them as they were.
pub(super) async fn collection(
    api: &Served,
    call: &Call,
    target: &Target<'_>,
) -> Result<Reply, Failure> {
    let options = options(call)?;
    let selection = Selection::parse(&call.query, target.info)?;
    let kind = target.info.group_kind();
    let objects = api.objects(is_dry(call)?);
    let (revision, found) = list::all(api, target, &selection).await?;
    for object in &found {
        match objects.delete(&kind, &object.key(), options.clone()).await {
            Ok(_) | Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let metadata = json!({ "resourceVersion": revision.to_string() });
    render::list(api, call, target.info, &found, &metadata)
}

fn success(info: &KindInfo, object: &Object) -> Value {
    let mut details = json!({
        "name": object.metadata.name, "kind": info.plural, "uid": object.metadata.uid,
    });
    if !info.group.is_empty() {
        details["group"] = json!(info.group);
    }
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": details,
    })
}

/// The options in the body, as far as there is one.
fn sent(call: &Call) -> Result<Value, Failure> {
    if call.body.is_empty() {
        return Ok(Value::Null);
    }
    let value = body::object(&call.media_type, &call.body)?;
    match value.get("kind").and_then(Value::as_str) {
        None | Some("" | "DeleteOptions") => Ok(value),
        Some(other) => Err(Failure::bad(format!("expected DeleteOptions, got kind {other:?}"))),
    }
}

fn is_dry(call: &Call) -> Result<bool, Failure> {
    let in_body =
        sent(call)?.get("dryRun").and_then(Value::as_array).is_some_and(|it| !it.is_empty());
    Ok(in_body || call.dry_run()?)
}

/// How to delete: from the body, or else from the parameters.
pub(super) fn options(call: &Call) -> Result<DeleteOptions, Failure> {
    from_value(&sent(call)?, call)
}

/// How to delete, from a value and the parameters.
pub(super) fn from_value(value: &Value, call: &Call) -> Result<DeleteOptions, Failure> {
    let integer = |name: &str| value.get(name).and_then(Value::as_i64);
    let grace = match integer("gracePeriodSeconds") {
        Some(seconds) => Some(seconds),
        None => call.query.number("gracePeriodSeconds")?,
    };
    let orphan = match value.get("orphanDependents").and_then(Value::as_bool) {
        Some(orphan) => orphan,
        None => call.query.flag("orphanDependents")?,
    };
    let policy = value.get("propagationPolicy").and_then(Value::as_str);
    let propagation = match policy.or_else(|| call.query.text("propagationPolicy")) {
        None if orphan => Propagation::Orphan,
        None | Some("Background") => Propagation::Background,
        Some("Foreground") => Propagation::Foreground,
        Some("Orphan") => Propagation::Orphan,
        Some(text) => {
            let rule = "must be Background, Foreground or Orphan";
            return Err(Failure::parameter("propagationPolicy", text, rule));
        }
    };
    let condition =
        |name: &str| value.pointer(&format!("/preconditions/{name}")).and_then(Value::as_str);
    let version = match condition("resourceVersion") {
        None => None,
        Some(text) => Some(text.parse().map(Revision).map_err(|_| {
            Failure::parameter("preconditions.resourceVersion", text, "must be a number")
        })?),
    };
    Ok(DeleteOptions {
        grace_seconds: grace,
        propagation,
        uid: condition("uid").map(Uid::from_stored),
        resource_version: version,
    })
}
