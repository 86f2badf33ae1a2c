//! Deletes what nobody owns any more.
//!
//! It promises: an object goes once every owner it names is gone, by identity, not by name; while
//! one of several owners is left it only loses the references to the others. An owner deleted in
//! the foreground goes after its dependents; one deleted as `Orphan` leaves them behind. Nothing is
//! deleted on the cache's word alone: that an owner is gone is read from the store, and an owner of
//! a kind that is not registered counts as being there.
//!
//! A key of this controller is the uid of an owner, in place of a name.

mod plan;

use async_trait::async_trait;
use plan::Owner;
use quorate_reconcile::{CacheChange, Context, Error, Next, Reconciler, Watch};
use quorate_resources::{Change, Object, OwnerReference};
use quorate_types::{GroupKind, ObjectKey, Uid};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Objects changed in one transaction at most.
const BATCH: usize = 200;

/// The controller.
#[derive(Debug, Default)]
pub(crate) struct Garbage;

#[async_trait]
impl Reconciler for Garbage {
    fn name(&self) -> &'static str {
        "garbage"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::any(|_, change| concerned(change))]
    }

    async fn reconcile(&self, cx: &Context, key: &ObjectKey) -> Result<Next, Error> {
        let uid = Uid::from_stored(key.name.clone());
        let dependents = cx.snapshot().owned_objects(&uid);
        let owner = match cx.snapshot().by_uid(&uid) {
            Some(owner) => plan::standing(owner),
            None if dependents.is_empty() => return Ok(Next::Done),
            None => match self.presence(cx, &uid, &dependents).await? {
                Presence::Gone => Owner::Gone,
                Presence::There => Owner::Alive,
            },
        };
        if matches!(owner, Owner::Alive) {
            return Ok(Next::Done);
        }
        let others = self.other_owners(cx, &uid, &dependents).await?;
        let has_other = |dependent: &Object| {
            let references = &dependent.metadata.owner_references;
            references.iter().any(|reference| others.get(&reference.uid) == Some(&Presence::There))
        };
        let changes = plan::plan(&owner, &uid, &dependents, has_other);
        let settled = changes.is_empty();
        commit_all(cx, changes).await?;
        if settled {
            let change = plan::letting_go(&owner, &uid, &dependents);
            cx.commit(change.into_iter().collect()).await?;
        }
        // Every write comes back as a change of a dependent or of the owner, which leads here again.
        Ok(Next::Done)
    }
}

/// Whether an owner exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    There,
    Gone,
}

impl Garbage {
    /// Whether the owner that the dependents name exists, read from the store.
    async fn presence(
        &self,
        cx: &Context,
        uid: &Uid,
        dependents: &[Arc<Object>],
    ) -> Result<Presence, Error> {
        let naming = dependents.iter().find_map(|dependent| {
            let references = &dependent.metadata.owner_references;
            Some((dependent, references.iter().find(|reference| reference.uid == *uid)?))
        });
        match naming {
            Some((dependent, reference)) => look(cx, dependent, reference).await,
            None => Ok(Presence::There),
        }
    }

    /// The other owners that the dependents name, and whether they exist.
    async fn other_owners(
        &self,
        cx: &Context,
        uid: &Uid,
        dependents: &[Arc<Object>],
    ) -> Result<BTreeMap<Uid, Presence>, Error> {
        let mut known = BTreeMap::new();
        for dependent in dependents {
            for reference in &dependent.metadata.owner_references {
                if reference.uid == *uid || known.contains_key(&reference.uid) {
                    continue;
                }
                let presence = match cx.snapshot().by_uid(&reference.uid) {
                    Some(_) => Presence::There,
                    None => look(cx, dependent, reference).await?,
                };
                known.insert(reference.uid.clone(), presence);
            }
        }
        Ok(known)
    }
}

/// Looks for the object that a reference names.
async fn look(
    cx: &Context,
    dependent: &Object,
    reference: &OwnerReference,
) -> Result<Presence, Error> {
    let group = reference.api_version.rsplit_once('/').map_or("", |(group, _)| group);
    let kind = GroupKind::new(group, reference.kind.clone());
    let Some(info) = cx.objects().registry().kind(&kind) else { return Ok(Presence::There) };
    let namespace = dependent.metadata.namespace.clone().filter(|_| info.namespaced);
    let key = ObjectKey { namespace, name: reference.name.clone() };
    match cx.objects().get(&kind, &key).await {
        Ok(owner) if owner.metadata.uid.as_ref() == Some(&reference.uid) => Ok(Presence::There),
        Ok(_) => Ok(Presence::Gone),
        Err(error) if error.is_not_found() => Ok(Presence::Gone),
        Err(error) => Err(error.into()),
    }
}

async fn commit_all(cx: &Context, changes: Vec<Change>) -> Result<(), Error> {
    let mut rest = changes.into_iter();
    loop {
        let batch: Vec<Change> = rest.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return Ok(());
        }
        cx.commit(batch).await?;
    }
}

/// The owners to look at after a change: those that the object names or named, and the object
/// itself once it is going or gone.
fn concerned(change: &CacheChange) -> Vec<ObjectKey> {
    let versions = [change.old.as_deref(), change.new.as_deref()];
    let named = versions.into_iter().flatten().flat_map(|object| &object.metadata.owner_references);
    let named = named.map(|reference| reference.uid.clone());
    let going =
        change.latest().filter(|object| change.new.is_none() || object.metadata.is_deleting());
    let itself = going.and_then(|object| object.metadata.uid.clone());
    let mut uids: Vec<Uid> = named.chain(itself).collect();
    uids.sort();
    uids.dedup();
    uids.into_iter().map(|uid| ObjectKey::cluster(uid.as_str())).collect()
}

#[cfg(test)]
mod tests;
