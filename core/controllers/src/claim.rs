//! Which objects belong to a controller: those it owns, orphans it adopts, and those it lets go.

use quorate_resources::{Change, Object};
use quorate_types::{Selector, Uid};
use std::sync::Arc;

/// What to do about one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It is ours and fits.
    Keep,
    /// It belongs to nobody and fits: make it ours.
    Adopt,
    /// It is ours but no longer fits: let it go.
    Release,
    /// It belongs to someone else, or to nobody and does not fit.
    Ignore,
}

/// Decides about one object. An owner that is being deleted neither adopts nor releases.
pub(crate) fn claim(owner: &Object, selector: &Selector, object: &Object) -> Claim {
    let ours = |uid: &Uid| owner.metadata.uid.as_ref() == Some(uid);
    let fits = selector.matches_map(&object.metadata.labels);
    let deleting = owner.metadata.is_deleting();
    match object.metadata.controller() {
        Some(reference) if !ours(&reference.uid) => Claim::Ignore,
        Some(_) if fits || deleting => Claim::Keep,
        Some(_) => Claim::Release,
        None if fits && !deleting && !object.metadata.is_deleting() => Claim::Adopt,
        None => Claim::Ignore,
    }
}

/// The write that adopts an orphan.
pub(crate) fn adoption(owner: &Object, orphan: &Arc<Object>) -> Change {
    let mut object = (**orphan).clone();
    object.metadata.owner_references.push(owner.owner_reference());
    Change::Update { object, old: Some(Arc::clone(orphan)) }
}

/// The write that takes an owner's references off an object.
pub(crate) fn release(owner: &Uid, owned: &Arc<Object>) -> Change {
    let mut object = (**owned).clone();
    object.metadata.owner_references.retain(|reference| reference.uid != *owner);
    Change::Update { object, old: Some(Arc::clone(owned)) }
}
