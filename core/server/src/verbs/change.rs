//! Changing objects: reading, editing, and writing on condition that nothing has changed meanwhile.

use super::incoming::Incoming;
use super::{incoming, render};
use crate::access::may_write;
use crate::call::Call;
use crate::failure::Failure;
use crate::reply::{self, Reply};
use crate::route::Target;
use crate::served::Served;
use quorate_resources::ownership::{ManagedFields, Manager, write};
use quorate_resources::{Error, KindInfo, Object, ObjectKey, timestamp};
use serde_json::{Value, json};

/// Attempts before a change gives up because others keep changing the object.
pub(super) const MAX_ATTEMPTS: u32 = 8;

/// Replaces an object, or one part of it.
pub(super) async fn put(
    api: &Served,
    call: &Call,
    target: &Target<'_>,
    key: &ObjectKey,
    part: &str,
) -> Result<Reply, Failure> {
    let body = call.object()?;
    let (object, warnings) = edit(api, call, target, key, part, |_| Ok(body.clone())).await?;
    let answer = render::object(api, call, target.info, &object, 200)?;
    Ok(reply::warn(answer, &warnings))
}

/// Edits the object as it is now and writes the result; if others were faster, edits anew, unless the
/// edit itself names the version that it builds on.
pub(super) async fn edit(
    api: &Served,
    call: &Call,
    target: &Target<'_>,
    key: &ObjectKey,
    part: &str,
    change: impl Fn(&Value) -> Result<Value, Failure>,
) -> Result<(Object, Vec<String>), Failure> {
    let kind = target.info.group_kind();
    let mut attempts = 0;
    loop {
        attempts += 1;
        let live = api.objects(false).get(&kind, key).await?;
        let before = json!(live);
        let incoming = incoming::object(api, call, target, change(&before)?)?;
        let own = live.metadata.resource_version;
        let given = incoming.object.metadata.resource_version;
        let pinned = given.is_some() && given != own;
        let Incoming { mut object, warnings } = incoming;
        same_name(&object, key)?;
        if given.is_none() {
            object.metadata.resource_version = own;
        }
        let manager = manager(api, call, target.info, part);
        let base = std::mem::take(&mut object.metadata.managed_fields);
        let base = if base.is_empty() { live.metadata.managed_fields.clone() } else { base };
        object.metadata.managed_fields = owned(api, target.info, base, &before, &object, &manager);
        match store(api, call, target.info, part, object, &live).await {
            Err(Failure::Objects(Error::Conflict { .. })) if !pinned && attempts < MAX_ATTEMPTS => {
            }
            result => return result.map(|object| (object, warnings)),
        }
    }
}

/// Writes the object, or its status.
pub(super) async fn store(
    api: &Served,
    call: &Call,
    info: &KindInfo,
    part: &str,
    object: Object,
    live: &Object,
) -> Result<Object, Failure> {
    may_write(&call.caller, info, &object, Some(live)).await?;
    let dry_run = call.dry_run()?;
    let objects = api.objects(dry_run);
    let mut stored = if part == "status" {
        objects.update_status(object).await?
    } else {
        objects.update(object).await?
    };
    if dry_run {
        stored.metadata.resource_version = live.metadata.resource_version;
    }
    Ok(stored)
}

fn same_name(object: &Object, key: &ObjectKey) -> Result<(), Failure> {
    let name = &object.metadata.name;
    if *name == key.name {
        return Ok(());
    }
    Err(Failure::bad(format!(
        "the name of the object ({name}) does not match the name on the URL ({})",
        key.name
    )))
}

/// Who writes.
pub(super) fn manager(api: &Served, call: &Call, info: &KindInfo, part: &str) -> Manager {
    Manager {
        name: call.manager(),
        api_version: info.api_version(),
        subresource: part.to_owned(),
        now: timestamp::format(api.objects(false).seams().clock.wall()),
    }
}

/// The owners of fields after a write, defaults counted in.
pub(super) fn owned(
    api: &Served,
    info: &KindInfo,
    entries: Vec<ManagedFields>,
    before: &Value,
    after: &Object,
    manager: &Manager,
) -> Vec<ManagedFields> {
    let mut after = after.clone();
    info.fill(&mut after);
    let schema = api.schemas().of(&info.group_kind());
    write(entries, before, &json!(after), schema, manager)
}
