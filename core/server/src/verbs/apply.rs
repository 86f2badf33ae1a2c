//! Server-side apply.

use super::change::{MAX_ATTEMPTS, manager, store};
use super::incoming::{self, Incoming};
use super::render;
use crate::access::{self, may_write};
use crate::body;
use crate::call::Call;
use crate::failure::Failure;
use crate::reply::{self, Reply};
use crate::route::Target;
use crate::served::Served;
use quorate_resources::{Error, FieldError, Object, ObjectKey, ownership};
use serde_json::{Value, json};

/// Creates the object or lays what is said over it.
pub(super) async fn apply(
    api: &Served,
    call: &Call,
    target: &Target<'_>,
    key: &ObjectKey,
    part: &str,
) -> Result<Reply, Failure> {
    let (config, warnings) = config(api, call, target, key)?;
    let force = call.query.flag("force")?;
    let mut attempts = 0;
    loop {
        attempts += 1;
        let outcome = once(api, call, target, key, part, &config, force).await;
        match outcome {
            Err(Failure::Objects(Error::Conflict { .. } | Error::AlreadyExists { .. }))
                if attempts < MAX_ATTEMPTS
                    && config.pointer("/metadata/resourceVersion").is_none() => {}
            Err(failure) => return Err(failure),
            Ok((object, code)) => {
                let answer = render::object(api, call, target.info, &object, code)?;
                return Ok(reply::warn(answer, &warnings));
            }
        }
    }
}

/// The applied configuration, checked, without what the client did not say.
fn config(
    api: &Served,
    call: &Call,
    target: &Target<'_>,
    key: &ObjectKey,
) -> Result<(Value, Vec<String>), Failure> {
    if call.query.text("fieldManager").is_none() {
        return Err(Failure::bad(
            "PatchOptions.meta.k8s.io is invalid: fieldManager: Required value: is required for apply patch",
        ));
    }
    let mut value = body::yaml(&call.body)?;
    if value.pointer("/metadata/managedFields").is_some_and(|it| !it.is_null()) {
        return Err(Failure::bad("metadata.managedFields must be nil"));
    }
    drop_nulls(&mut value);
    let Incoming { object, warnings } = incoming::object(api, call, target, value)?;
    let mut object = object;
    if object.metadata.name.is_empty() {
        object.metadata.name.clone_from(&key.name);
    }
    if object.metadata.name != key.name {
        let message = "the name of the object does not match the name on the URL";
        let fault = FieldError::invalid("metadata.name", message);
        return Err(Failure::bad(fault.to_string()));
    }
    Ok((json!(object), warnings))
}

/// A field that is null is not said.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

async fn once(
    api: &Served,
    call: &Call,
    target: &Target<'_>,
    key: &ObjectKey,
    part: &str,
    config: &Value,
    force: bool,
) -> Result<(Object, u16), Failure> {
    let kind = target.info.group_kind();
    let live = match api.objects(false).get(&kind, key).await {
        Ok(live) => Some(live),
        Err(Error::NotFound { .. }) if part.is_empty() => None,
        Err(error) => return Err(error.into()),
    };
    let before = live.as_ref().map_or(Value::Null, |live| json!(live));
    let entries = live.as_ref().map(|it| it.metadata.managed_fields.clone()).unwrap_or_default();
    let manager = manager(api, call, target.info, part);
    let schema = api.schemas().of(&kind);
    let (merged, entries) = ownership::apply(entries, &before, config, schema, &manager, force)
        .map_err(Failure::Apply)?;
    let mut object = Object::from_value(merged).map_err(|fault| Failure::bad(fault.to_string()))?;
    object.metadata.managed_fields = entries;
    match live {
        Some(live) => Ok((store(api, call, target.info, part, object, &live).await?, 200)),
        None => {
            call.caller.may(&creation(target, key)).await?;
            may_write(&call.caller, target.info, &object, None).await?;
            let dry_run = call.dry_run()?;
            let mut created = api.objects(dry_run).create(object).await?;
            if dry_run {
                created.metadata.resource_version = None;
            }
            Ok((created, 201))
        }
    }
}

/// What an apply of an object that does not exist is besides a patch.
fn creation(target: &Target<'_>, key: &ObjectKey) -> access::Action {
    let info = target.info;
    let create = access::Action::resource("create", &info.group, &info.plural).on(&key.name);
    create.in_namespace(key.namespace.as_deref().unwrap_or_default())
}
