//! The rules by which an object comes about and changes. Pure: no store, no clock, no randomness.
//!
//! Two steps with admission between them: `create`, `update`, `status` and [`remove::delete`] form
//! the object as it shall be; [`finish`] validates it and decides what is written.

use super::remove;
use crate::{Error, FieldError, KindInfo, Metadata, Object, Operation, Uid, metadata, validate};
use serde_json::{Map, Value};
use std::sync::Arc;

/// What one change does to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// The object is written.
    Put,
    /// The object goes.
    Remove,
    /// The object is already as it shall be.
    Keep,
}

/// One change between its forming and its transaction.
#[derive(Clone, Debug)]
pub(super) struct Step<'i> {
    /// The kind's rules.
    pub(super) info: &'i KindInfo,
    /// What admission sees; `None` for status updates, which it does not see.
    pub(super) operation: Option<Operation>,
    /// The object before; `None` for creations.
    pub(super) old: Option<Arc<Object>>,
    /// The object after; the last state for removals.
    pub(super) next: Object,
    /// Whether the caller named the version it builds on, so that a change since is its conflict.
    pub(super) pinned: bool,
    /// Whether the name was drawn, so that a collision is nobody's fault.
    pub(super) generated: bool,
}

/// What a creation draws.
#[derive(Clone, Debug)]
pub(super) struct Drawn {
    pub(super) uid: Uid,
    pub(super) suffix: String,
    pub(super) now: String,
}

/// Longest prefix of a generated name: 63 less the suffix of five.
const MAX_GENERATED_BASE: usize = 58;

pub(super) fn create(info: &KindInfo, mut object: Object, drawn: Drawn) -> Result<Step<'_>, Error> {
    if object.metadata.resource_version.is_some() {
        let message = "must not be set on objects to be created";
        let fault = FieldError::invalid("metadata.resourceVersion", message);
        return Err(Error::invalid(&object, vec![fault]));
    }
    let generated = generate_name(&mut object.metadata, &drawn.suffix);
    object.metadata.uid = Some(drawn.uid);
    object.metadata.creation_timestamp = Some(drawn.now);
    object.metadata.generation = Some(1);
    object.metadata.deletion_timestamp = None;
    object.metadata.deletion_grace_period_seconds = None;
    if info.status {
        object.body.remove("status");
    }
    complete(info, &mut object)?;
    let operation = Some(Operation::Create);
    Ok(Step { info, operation, old: None, next: object, pinned: true, generated })
}

fn generate_name(metadata: &mut Metadata, suffix: &str) -> bool {
    let Some(base) = metadata.generate_name.as_ref().filter(|_| metadata.name.is_empty()) else {
        return false;
    };
    let base: String = base.chars().take(MAX_GENERATED_BASE).collect();
    metadata.name = base + suffix;
    true
}

pub(super) fn update<'i>(
    info: &'i KindInfo,
    mut object: Object,
    old: Arc<Object>,
    given_old: bool,
) -> Result<Step<'i>, Error> {
    let pinned = given_old || object.metadata.resource_version.is_some();
    same_version(&object, &old)?;
    let (new, before) = (&mut object.metadata, &old.metadata);
    new.uid.clone_from(&before.uid);
    new.resource_version = before.resource_version;
    new.creation_timestamp.clone_from(&before.creation_timestamp);
    new.generation = before.generation;
    new.deletion_timestamp.clone_from(&before.deletion_timestamp);
    new.deletion_grace_period_seconds = before.deletion_grace_period_seconds;
    if new.generate_name.is_none() {
        new.generate_name.clone_from(&before.generate_name);
    }
    if new.managed_fields.is_empty() {
        new.managed_fields.clone_from(&before.managed_fields);
    }
    if info.status {
        set_status(&mut object.body, old.body.get("status"));
    }
    complete(info, &mut object)?;
    let operation = Some(Operation::Update);
    Ok(Step { info, operation, old: Some(old), next: object, pinned, generated: false })
}

pub(super) fn status<'i>(
    info: &'i KindInfo,
    object: &Object,
    old: Arc<Object>,
    given_old: bool,
) -> Result<Step<'i>, Error> {
    let pinned = given_old || object.metadata.resource_version.is_some();
    same_version(object, &old)?;
    let mut next = Object::clone(&old);
    if !object.metadata.managed_fields.is_empty() {
        next.metadata.managed_fields.clone_from(&object.metadata.managed_fields);
    }
    if info.status {
        set_status(&mut next.body, object.body.get("status"));
    } else {
        let message = format!("objects of kind {} have no status", info.kind);
        return Err(Error::invalid(object, vec![FieldError::invalid("status", message)]));
    }
    complete(info, &mut next)?;
    Ok(Step { info, operation: None, old: Some(old), next, pinned, generated: false })
}

fn set_status(body: &mut Map<String, Value>, status: Option<&Value>) {
    match status {
        Some(status) => drop(body.insert("status".to_owned(), status.clone())),
        None => drop(body.remove("status")),
    }
}

/// Refuses an object that is not the one that was read.
fn same_version(object: &Object, old: &Object) -> Result<(), Error> {
    let (new, before) = (&object.metadata, &old.metadata);
    if new.uid.is_some() && new.uid != before.uid {
        return Err(Error::conflict(object, "it was deleted and created anew (uid differs)"));
    }
    match (new.resource_version, before.resource_version) {
        (Some(given), Some(current)) if given != current => {
            let reason = format!("resource version is {current}, {given} was given");
            Err(Error::conflict(object, reason))
        }
        _ => Ok(()),
    }
}

/// Brings what users wrote into the stored form: no nulls, no fields nobody keeps, defaults filled
/// in; refuses unknown and mistyped fields.
fn complete(info: &KindInfo, object: &mut Object) -> Result<(), Error> {
    object.api_version = info.api_version();
    for name in metadata::UNKEPT {
        object.metadata.other.remove(*name);
    }
    prune_nulls(&mut object.body);
    (info.check)(object).map_err(|fault| Error::invalid(object, vec![fault]))?;
    info.fill(object);
    Ok(())
}

fn prune_nulls(map: &mut Map<String, Value>) {
    map.retain(|_, value| !value.is_null());
    map.values_mut().for_each(prune_value);
}

fn prune_value(value: &mut Value) {
    match value {
        Value::Object(map) => prune_nulls(map),
        Value::Array(items) => items.iter_mut().for_each(prune_value),
        _ => {}
    }
}

/// Validates the object and decides what is written.
pub(super) fn finish(step: &mut Step<'_>) -> Result<Effect, Error> {
    let effect = match (step.operation, &step.old) {
        (Some(Operation::Delete), Some(old)) => {
            return Ok(remove::effect(step.info, old, &step.next));
        }
        (Some(_), Some(old)) => {
            let old = old.clone();
            finish_update(step.info, &mut step.next, &old)
        }
        (None, Some(old)) if step.next == **old => Effect::Keep,
        _ => Effect::Put,
    };
    if effect == Effect::Put && step.operation.is_some() {
        let faults = faults(step);
        if !faults.is_empty() {
            return Err(Error::invalid(&step.next, faults));
        }
    }
    Ok(effect)
}

fn finish_update(info: &KindInfo, next: &mut Object, old: &Object) -> Effect {
    if remove::may_go(info, next) {
        return Effect::Remove;
    }
    if next == old {
        return Effect::Keep;
    }
    if desired(info, next).ne(desired(info, old)) {
        next.metadata.generation = Some(old.metadata.generation.unwrap_or(0) + 1);
    }
    Effect::Put
}

/// The desired state: the body without the status.
fn desired<'o>(
    info: &KindInfo,
    object: &'o Object,
) -> impl Iterator<Item = (&'o String, &'o Value)> + use<'o> {
    let status = info.status;
    object.body.iter().filter(move |(key, _)| !(status && *key == "status"))
}

fn faults(step: &Step<'_>) -> Vec<FieldError> {
    let old = step.old.as_deref();
    let mut faults = validate::common(step.info, &step.next);
    faults.extend(step.info.faults(&step.next, old));
    if let Some(old) = old.filter(|old| old.metadata.is_deleting()) {
        let before = &old.metadata.finalizers;
        let added = step.next.metadata.finalizers.iter().filter(|name| !before.contains(name));
        faults.extend(added.map(|name| {
            let message = format!("{name:?} may not be added once deletion has been requested");
            FieldError::invalid("metadata.finalizers", message)
        }));
    }
    faults
}
