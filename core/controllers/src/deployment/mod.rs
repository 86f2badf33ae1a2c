//! Rolls a deployment's pods from one template to the next.
//!
//! It promises: one replica set per template, numbered by revision, the last ones kept for
//! roll-back; during a rolling update never more than `desired + maxSurge` pods are asked for and
//! scaling down never takes availability below `desired - maxUnavailable`; all sets change in one
//! transaction per pass. Thin where Kubernetes does more: a change of `replicas` in the middle of a
//! rollout goes to the sets as the rollout itself would, not in proportion to their sizes.

mod desired;
mod diff;
mod rollout;
mod status;

use crate::claim::{self, Claim};
use crate::{edit, select, spaces};
use async_trait::async_trait;
use diff::Sets;
use quorate_kinds::{Deployment, ReplicaSet};
use quorate_reconcile::{
    CacheChange, Context, Error, EventType, Next, Reconciler, Snapshot, Watch,
};
use quorate_resources::{Change, Typed};
use quorate_seams::Monotonic;
use quorate_types::{GroupKind, ObjectKey, Selector};
use rollout::{Limits, Size, Sizes};
use serde_json::json;
use status::Facts;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Kubernetes' default of `progressDeadlineSeconds`.
const PROGRESS_DEADLINE: i32 = 600;
/// Kubernetes' default of `revisionHistoryLimit`.
const HISTORY: i32 = 10;

/// The controller.
#[derive(Debug, Default)]
pub(crate) struct Deployments {
    progress: Mutex<BTreeMap<ObjectKey, Progress>>,
}

/// Since when a rollout has looked the same, by this process's own clock.
#[derive(Clone, Copy, Debug)]
struct Progress {
    fingerprint: [i32; 5],
    since: Monotonic,
}

#[async_trait]
impl Reconciler for Deployments {
    fn name(&self) -> &'static str {
        "deployment"
    }

    fn watches(&self) -> Vec<Watch> {
        let kind = GroupKind::new("apps", "Deployment");
        let set = || GroupKind::new("apps", "ReplicaSet");
        vec![Watch::own(kind.clone()), Watch::owned(set(), kind), Watch::map(set(), orphaned)]
    }

    async fn reconcile(&self, cx: &Context, key: &ObjectKey) -> Result<Next, Error> {
        let snapshot = cx.snapshot();
        let Some(deployment) = snapshot.get::<Deployment>(key) else {
            self.progress.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
            return Ok(Next::Done);
        };
        let namespace = key.namespace.as_deref().unwrap_or_default();
        if deployment.object.metadata.is_deleting() || spaces::is_terminating(snapshot, namespace) {
            return Ok(Next::Done);
        }
        let selector = select::from_spec(&deployment.spec.selector)?;
        let (sets, claims) = claimed(snapshot, &deployment, &selector);
        if !claims.is_empty() {
            // The writes come back as changes, and the next pass sees the sets as its own.
            cx.commit(claims).await?;
            return Ok(Next::Done);
        }
        let rollout = Rollout::new(deployment, sets);
        if let Some(collision) = rollout.collision(snapshot) {
            cx.commit(vec![collision]).await?;
            return Ok(Next::Done);
        }
        self.step(cx, key, &rollout).await
    }
}

impl Deployments {
    /// Writes the next step; the status follows in the pass that this one causes, or at once if
    /// there is no step to make.
    async fn step(&self, cx: &Context, key: &ObjectKey, rollout: &Rollout) -> Result<Next, Error> {
        let changes = rollout.changes();
        if !changes.is_empty() {
            let created = rollout.sets.new.is_none() && !rollout.is_paused();
            cx.commit(changes).await?;
            if created {
                let message = format!("Created replica set {}", rollout.new_name());
                let object = &rollout.deployment.object;
                cx.event(object, EventType::Normal, "NewReplicaSet", message).await;
            }
            return Ok(Next::Done);
        }
        let (overdue, next) = self.deadline(key, rollout, cx.clock().now());
        let facts = rollout.facts(overdue);
        let object = &rollout.deployment.object;
        let now = quorate_resources::timestamp::format(cx.now());
        let status = status::status(&facts, object.body.get("status"), &now);
        let mut changes: Vec<Change> = edit::status(object, status).into_iter().collect();
        if facts.is_complete() {
            changes.extend(diff::clean_up(&rollout.sets, rollout.history()));
        }
        cx.commit(changes).await?;
        Ok(next)
    }

    /// Whether the rollout has not moved for too long, and when to look again if it does not.
    fn deadline(&self, key: &ObjectKey, rollout: &Rollout, now: Monotonic) -> (bool, Next) {
        let facts = rollout.facts(false);
        let mut all = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if facts.is_complete() || rollout.is_paused() {
            all.remove(key);
            return (false, Next::Done);
        }
        let fingerprint = facts.fingerprint();
        let progress = all.entry(key.clone()).or_insert(Progress { fingerprint, since: now });
        if progress.fingerprint != fingerprint {
            *progress = Progress { fingerprint, since: now };
        }
        let left = (progress.since + rollout.progress_deadline()) - now;
        if left.is_zero() { (true, Next::Done) } else { (false, Next::After(left)) }
    }
}

/// A deployment and its sets, seen together.
struct Rollout {
    deployment: Typed<Deployment>,
    hash: String,
    collisions: i64,
    limits: Limits,
    sets: Sets,
}

impl Rollout {
    fn new(deployment: Typed<Deployment>, sets: Vec<Typed<ReplicaSet>>) -> Self {
        let status = deployment.status.as_ref();
        let collisions = i64::from(status.and_then(|s| s.collision_count).unwrap_or(0));
        let hash = desired::template_hash(&deployment.object, collisions);
        let limits = desired::limits(&deployment.spec);
        Self { hash: hash.clone(), collisions, limits, sets: Sets::sort(sets, &hash), deployment }
    }

    /// If another owner's set has the name that the new one would get: draw another name.
    fn collision(&self, snapshot: &Snapshot) -> Option<Change> {
        let namespace = self.deployment.object.metadata.namespace.clone()?;
        let key = ObjectKey::namespaced(namespace, self.new_name());
        let taken = snapshot.object(&GroupKind::new("apps", "ReplicaSet"), &key).is_some();
        if self.sets.new.is_some() || !taken {
            return None;
        }
        let object = &self.deployment.object;
        let mut status = object.body.get("status").cloned().unwrap_or_else(|| json!({}));
        edit::set(&mut status, &["collisionCount"], json!(self.collisions + 1));
        edit::status(object, status)
    }

    fn changes(&self) -> Vec<Change> {
        let new = self.sets.new.as_ref().map(diff::size);
        let old = self.old_sizes();
        if self.is_paused() {
            let (new, old) = rollout::paused(new, &old, self.limits);
            let sizes = Sizes { new: new.unwrap_or(0), old };
            let revision =
                self.sets.new.as_ref().map_or(0, |set| desired::revision_of(&set.object));
            return diff::resize(&self.sets, &sizes, revision);
        }
        let revision = self.sets.revision();
        let sizes = self.sizes(new.unwrap_or_default(), &old);
        let mut changes = diff::resize(&self.sets, &sizes, revision);
        if self.sets.new.is_none() {
            let object = &self.deployment.object;
            let set = desired::replica_set(object, &self.hash, revision, sizes.new);
            changes.push(Change::Create(set));
        }
        changes.extend(diff::show_revision(&self.deployment.object, revision));
        changes
    }

    fn sizes(&self, new: Size, old: &[Size]) -> Sizes {
        if !desired::is_recreate(&self.deployment.spec) {
            return rollout::rolling(new, old, self.limits);
        }
        let left = |set: &Typed<ReplicaSet>| {
            let status = set.status.as_ref();
            let ending = status.and_then(|status| status.terminating_replicas).unwrap_or(0);
            diff::size(set).existing + ending
        };
        rollout::recreate(new, old, self.sets.old.iter().map(left).sum(), self.limits)
    }

    fn facts(&self, overdue: bool) -> Facts {
        let all =
            || self.sets.new.iter().chain(&self.sets.old).filter_map(|set| set.status.as_ref());
        Facts {
            generation: self.deployment.object.metadata.generation,
            limits: self.limits,
            new: self.sets.new.as_ref().map(diff::size),
            new_name: self.new_name(),
            old: self.old_sizes(),
            ready: all().filter_map(|status| status.ready_replicas).sum(),
            terminating: all().filter_map(|status| status.terminating_replicas).sum(),
            collisions: self.collisions,
            paused: self.is_paused(),
            overdue,
        }
    }

    fn old_sizes(&self) -> Vec<Size> {
        self.sets.old.iter().map(diff::size).collect()
    }

    /// The name that the set of the template has or would get.
    fn new_name(&self) -> String {
        desired::set_name(&self.deployment.object, &self.hash)
    }

    fn is_paused(&self) -> bool {
        self.deployment.spec.paused.unwrap_or(false)
    }

    fn history(&self) -> usize {
        let limit = self.deployment.spec.revision_history_limit;
        usize::try_from(limit.unwrap_or(HISTORY)).unwrap_or(0)
    }

    fn progress_deadline(&self) -> Duration {
        let seconds = self.deployment.spec.progress_deadline_seconds;
        Duration::from_secs(u64::try_from(seconds.unwrap_or(PROGRESS_DEADLINE)).unwrap_or(0))
    }
}

/// The sets that belong to a deployment, and the writes that adopt or release some first.
fn claimed(
    snapshot: &Snapshot,
    deployment: &Typed<Deployment>,
    selector: &Selector,
) -> (Vec<Typed<ReplicaSet>>, Vec<Change>) {
    let object = &deployment.object;
    let (mut sets, mut changes) = (Vec::new(), Vec::new());
    let (Some(namespace), Some(uid)) = (&object.metadata.namespace, &object.metadata.uid) else {
        return (sets, changes);
    };
    for set in snapshot.list_in::<ReplicaSet>(namespace) {
        match claim::claim(object, selector, &set.object) {
            Claim::Keep => sets.push(set),
            Claim::Adopt => changes.push(claim::adoption(object, &set.object)),
            Claim::Release => changes.push(claim::release(uid, &set.object)),
            Claim::Ignore => {}
        }
    }
    (sets, changes)
}

/// A replica set that nobody controls concerns every deployment whose selector it matches.
fn orphaned(snapshot: &Snapshot, change: &CacheChange) -> Vec<ObjectKey> {
    let Some(set) = change.new.as_deref() else { return Vec::new() };
    let Some(namespace) = set.metadata.namespace.as_deref() else { return Vec::new() };
    if set.metadata.controller().is_some() {
        return Vec::new();
    }
    snapshot
        .list_in::<Deployment>(namespace)
        .filter(|deployment| {
            select::from_spec(&deployment.spec.selector)
                .is_ok_and(|selector| selector.matches_map(&set.metadata.labels))
        })
        .map(|deployment| deployment.object.key())
        .collect()
}

#[cfg(test)]
mod tests;
