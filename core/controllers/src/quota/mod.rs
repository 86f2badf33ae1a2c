//! Keeps a namespace within its quotas.
//!
//! It promises: what is created counts in the transaction that creates it, so that a quota is never
//! exceeded however many create at once; what goes is taken off soon after. Admission only adds; the
//! reconciler counts anew from all objects of one revision, and is refused if something was added
//! since.

mod count;

use crate::limits::amounts::{Amounts, add, read};
use crate::{edit, near};
use async_trait::async_trait;
use count::Bounds;
use quorate_kinds::ResourceQuota;
use quorate_reconcile::{CacheChange, Context, Error, Next, Reconciler, Snapshot, Watch};
use quorate_resources::{
    Admission, Admitted, Change, Claims, Kind, Object, Objects, Operation, Registry, Selector,
};
use quorate_types::{ObjectKey, Quantity};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Refuses what would exceed a quota, and counts what does not.
#[derive(Clone, Copy, Debug)]
pub struct Quotas;

#[async_trait]
impl Admission for Quotas {
    fn name(&self) -> &'static str {
        "ResourceQuota"
    }

    async fn admit(
        &self,
        _objects: &Objects,
        _operation: Operation,
        _object: &mut Object,
        _old: Option<&Object>,
    ) -> Result<Claims, quorate_resources::Error> {
        Ok(Claims::default())
    }

    async fn admit_all(
        &self,
        objects: &Objects,
        changes: &[Admitted<'_>],
    ) -> Result<Vec<Change>, quorate_resources::Error> {
        let mut all: BTreeMap<&str, Vec<&Admitted<'_>>> = BTreeMap::new();
        for change in changes.iter().filter(|change| may_add(change)) {
            if let Some(namespace) = change.object.metadata.namespace.as_deref() {
                all.entry(namespace).or_default().push(change);
            }
        }
        let mut writes = Vec::new();
        for (namespace, changes) in all {
            let kind = ResourceQuota::group_kind();
            if near::list(objects, kind.clone(), Some(namespace)).await?.is_empty() {
                continue;
            }
            let quotas = objects.list(&kind, Some(namespace), &Selector::everything()).await?;
            for quota in quotas.items.into_iter().map(Arc::new) {
                writes.extend(charge(objects.registry(), &quota, &changes)?);
            }
        }
        Ok(writes)
    }
}

/// Whether a change can add to what is used. Of what changes, only claims and services can.
fn may_add(change: &Admitted<'_>) -> bool {
    match change.operation {
        Operation::Create => true,
        Operation::Update => {
            matches!(change.object.kind.as_str(), "PersistentVolumeClaim" | "Service")
        }
        _ => false,
    }
}

/// The write that counts the changes in a quota; none if they do not count.
fn charge(
    registry: &Registry,
    quota: &Arc<Object>,
    changes: &[&Admitted<'_>],
) -> Result<Option<Change>, quorate_resources::Error> {
    let bounds = Bounds::of(quota);
    let mut added = Amounts::new();
    for change in changes {
        let more = more(registry, &bounds, quota, change)?;
        add(&mut added, &more);
        check(quota, &bounds, &added, &more, change.object)?;
    }
    if added.is_empty() {
        return Ok(None);
    }
    let mut used = read(quota.pointer("/status/used"));
    add(&mut used, &added);
    let mut status = quota.body.get("status").cloned().unwrap_or_else(|| json!({}));
    status["used"] = texts(&used);
    Ok(edit::status(quota, status))
}

/// What a change adds to what is used.
fn more(
    registry: &Registry,
    bounds: &Bounds,
    quota: &Object,
    change: &Admitted<'_>,
) -> Result<Amounts, quorate_resources::Error> {
    let object = change.object;
    let Some(info) = registry.kind(&object.group_kind()) else { return Ok(Amounts::new()) };
    if !bounds.concerns(info) {
        return Ok(Amounts::new());
    }
    let unsaid = bounds.unsaid(info, object);
    if change.old.is_none() && !unsaid.is_empty() {
        let name = &quota.metadata.name;
        return Err(denied(
            object,
            format!("failed quota: {name}: must specify {}", unsaid.join(",")),
        ));
    }
    let before = change.old.map(|old| bounds.usage(info, old)).unwrap_or_default();
    let mut more = bounds.usage(info, object);
    for (name, amount) in &mut more {
        *amount = amount.minus(before.get(name).copied().unwrap_or(Quantity::ZERO));
    }
    more.retain(|_, amount| *amount > Quantity::ZERO);
    Ok(more)
}

/// Whether what has been added so far still fits. Only what this object adds to is looked at.
fn check(
    quota: &Object,
    bounds: &Bounds,
    added: &Amounts,
    more: &Amounts,
    object: &Object,
) -> Result<(), quorate_resources::Error> {
    let used = read(quota.pointer("/status/used"));
    let name = &quota.metadata.name;
    let unknown: Vec<&str> =
        more.keys().filter(|name| !used.contains_key(*name)).map(String::as_str).collect();
    if !unknown.is_empty() {
        let reason = format!("status unknown for quota: {name}, resources: {}", unknown.join(","));
        return Err(denied(object, reason));
    }
    let amount = |all: &Amounts, name: &str| all.get(name).copied().unwrap_or(Quantity::ZERO);
    let exceeded: Vec<&String> = more
        .keys()
        .filter(|name| amount(&used, name).plus(amount(added, name)) > amount(&bounds.hard, name))
        .collect();
    if exceeded.is_empty() {
        return Ok(());
    }
    // As others in the same transaction have taken theirs.
    let taken =
        |name: &str| amount(&used, name).plus(amount(added, name)).minus(amount(more, name));
    let list = |of: &dyn Fn(&str) -> Quantity| {
        let texts: Vec<String> =
            exceeded.iter().map(|name| format!("{name}={}", of(name.as_str()))).collect();
        texts.join(",")
    };
    let reason = format!(
        "exceeded quota: {name}, requested: {}, used: {}, limited: {}",
        list(&|name| amount(more, name)),
        list(&taken),
        list(&|name| amount(&bounds.hard, name)),
    );
    Err(denied(object, reason))
}

fn denied(object: &Object, reason: String) -> quorate_resources::Error {
    let mut key = object.key();
    if key.name.is_empty() {
        key.name = object.metadata.generate_name.clone().unwrap_or_default();
    }
    quorate_resources::Error::Denied { kind: object.group_kind(), key, reason }
}

fn texts(amounts: &Amounts) -> Value {
    amounts.iter().map(|(name, amount)| (name.clone(), json!(amount.to_string()))).collect()
}

/// Counts anew what is used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage;

#[async_trait]
impl Reconciler for Usage {
    fn name(&self) -> &'static str {
        "resourcequota"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::own(ResourceQuota::group_kind()), Watch::any(concerned)]
    }

    async fn reconcile(&self, cx: &Context, key: &ObjectKey) -> Result<Next, Error> {
        let snapshot = cx.snapshot();
        let Some(quota) = snapshot.object(&ResourceQuota::group_kind(), key) else {
            return Ok(Next::Done);
        };
        let status = counted(snapshot, cx.objects().registry(), &quota);
        cx.commit(edit::status(&quota, status).into_iter().collect()).await?;
        Ok(Next::Done)
    }
}

/// What is used of a quota at the snapshot.
fn counted(snapshot: &Snapshot, registry: &Registry, quota: &Object) -> Value {
    let bounds = Bounds::of(quota);
    let namespace = quota.metadata.namespace.as_deref().unwrap_or_default();
    let mut used: Amounts = bounds.hard.keys().map(|name| (name.clone(), Quantity::ZERO)).collect();
    for info in registry.kinds().filter(|info| bounds.concerns(info)) {
        for object in snapshot.objects_in(&info.group_kind(), namespace) {
            add(&mut used, &bounds.usage(info, &object));
        }
    }
    json!({ "hard": texts(&bounds.hard), "used": texts(&used) })
}

/// An object that comes, goes or ends concerns the quotas of its namespace. What changes otherwise has
/// been counted with the change.
fn concerned(snapshot: &Snapshot, change: &CacheChange) -> Vec<ObjectKey> {
    let kind = ResourceQuota::group_kind();
    let Some(namespace) = change.key.namespace.as_deref() else { return Vec::new() };
    let counts = |object: Option<&Arc<Object>>| {
        object.map(|object| {
            let phase = object.pointer("/status/phase").cloned();
            (phase, object.metadata.generation)
        })
    };
    if change.kind == kind || counts(change.old.as_ref()) == counts(change.new.as_ref()) {
        return Vec::new();
    }
    snapshot.objects_in(&kind, namespace).map(|quota| quota.key()).collect()
}

#[cfg(test)]
mod tests;
