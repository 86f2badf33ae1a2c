//! The rules of deletion: marking, grace periods, finalizers. Pure.

use super::plan::{Effect, Step};
use super::{DeleteOptions, Propagation};
use crate::{Error, KindInfo, Object, Operation, timestamp};
use quorate_seams::WallTime;
use std::sync::Arc;

/// Finalizer that keeps an object until nothing refers to it as an owner any more.
const ORPHAN: &str = "orphan";
/// Finalizer that keeps an object until what it owns is gone.
const FOREGROUND: &str = "foregroundDeletion";

/// Forms the object as a deletion leaves it.
pub(super) fn delete<'i>(
    info: &'i KindInfo,
    options: &DeleteOptions,
    old: Arc<Object>,
    given_old: bool,
    now: WallTime,
) -> Result<Step<'i>, Error> {
    preconditions(options, &old)?;
    let grace = grace_seconds(info, options, &old);
    let mut next = Object::clone(&old);
    finalizers(&mut next, options.propagation);
    let shorter = next.metadata.deletion_grace_period_seconds.is_none_or(|before| grace < before);
    if !next.metadata.is_deleting() || shorter {
        next.metadata.deletion_timestamp = Some(timestamp::from_unix(now.as_secs() + grace));
        next.metadata.deletion_grace_period_seconds = Some(grace);
    }
    info.fill(&mut next);
    let pinned = given_old || options.resource_version.is_some();
    let operation = Some(Operation::Delete);
    Ok(Step { info, operation, old: Some(old), next, pinned, generated: false })
}

fn preconditions(options: &DeleteOptions, old: &Object) -> Result<(), Error> {
    if options.uid.is_some() && options.uid != old.metadata.uid {
        return Err(Error::conflict(old, "it is not the object of the given uid"));
    }
    match (options.resource_version, old.metadata.resource_version) {
        (Some(given), Some(current)) if given != current => {
            let reason = format!("resource version is {current}, {given} was given");
            Err(Error::conflict(old, reason))
        }
        _ => Ok(()),
    }
}

fn grace_seconds(info: &KindInfo, options: &DeleteOptions, old: &Object) -> i64 {
    match (info.graceful_delete)(old) {
        Some(own) => options.grace_seconds.unwrap_or(own).max(0),
        None => 0,
    }
}

fn finalizers(object: &mut Object, propagation: Propagation) {
    let (wanted, other) = match propagation {
        Propagation::Background => return,
        Propagation::Foreground => (FOREGROUND, ORPHAN),
        Propagation::Orphan => (ORPHAN, FOREGROUND),
    };
    let finalizers = &mut object.metadata.finalizers;
    finalizers.retain(|name| name != other);
    if !finalizers.iter().any(|name| name == wanted) {
        finalizers.push(wanted.to_owned());
    }
}

/// Whether nothing keeps a deleted object any more.
pub(super) fn may_go(info: &KindInfo, object: &Object) -> bool {
    let metadata = &object.metadata;
    metadata.is_deleting()
        && metadata.finalizers.is_empty()
        && metadata.deletion_grace_period_seconds.unwrap_or(0) == 0
        && !(info.held)(object)
}

/// What a deletion does to the store.
pub(super) fn effect(info: &KindInfo, old: &Object, next: &Object) -> Effect {
    if may_go(info, next) {
        Effect::Remove
    } else if next == old {
        Effect::Keep
    } else {
        Effect::Put
    }
}
