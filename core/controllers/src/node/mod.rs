//! Watches over nodes by their leases, and replaces what ran on those that are gone.
//!
//! It promises: a node whose lease is not renewed in time becomes `Ready: Unknown` and bears the
//! taint `node.kubernetes.io/unreachable:NoExecute`; both go when it renews again. Pods that do not
//! tolerate that for longer are deleted without waiting for the node, so that their owners replace
//! them; so are the pods of nodes whose object is gone. When most nodes fall silent at once, the
//! fault is taken to be ours, and nothing is evicted. Deadlines run on this process's monotonic
//! clock only; before a node is called lost, its lease is read from the store, past the cache.

mod desired;
mod health;

use crate::nodes;
use async_trait::async_trait;
use health::{Health, Standing};
use quorate_kinds::Pod;
use quorate_reconcile::{
    CacheChange, Context, Error, EventType, Next, Reconciler, Snapshot, Watch,
};
use quorate_resources::{Change, DeleteOptions, Object, Typed};
use quorate_seams::Monotonic;
use quorate_types::{GroupKind, ObjectKey};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The namespace of the leases by which nodes say that they live.
const LEASES: &str = "kube-node-lease";
/// Pods deleted in one transaction at most.
const BATCH: usize = 500;

/// When nodes count as lost and what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeLifecycleOptions {
    /// How long a node may be silent. A lease that promises less (`leaseDurationSeconds`) counts.
    pub grace: Duration,
    /// How long pods stay on a lost node, unless their tolerations say otherwise.
    pub evict_after: Duration,
}

impl Default for NodeLifecycleOptions {
    /// Kubernetes' defaults: 40 s and 300 s.
    fn default() -> Self {
        Self { grace: Duration::from_secs(40), evict_after: Duration::from_secs(300) }
    }
}

/// The controller.
#[derive(Debug)]
pub(crate) struct Nodes {
    options: NodeLifecycleOptions,
    health: Mutex<Health>,
    /// Nodes without an object that still have pods, and since when.
    missing: Mutex<BTreeMap<String, Monotonic>>,
}

#[async_trait]
impl Reconciler for Nodes {
    fn name(&self) -> &'static str {
        "node"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![
            Watch::own(nodes::kind()),
            Watch::map(lease_kind(), |_, change| {
                let ours = change.key.namespace.as_deref() == Some(LEASES);
                ours.then(|| ObjectKey::cluster(change.key.name.clone())).into_iter().collect()
            }),
            Watch::map(GroupKind::new("", "Pod"), homeless),
        ]
    }

    async fn reconcile(&self, cx: &Context, key: &ObjectKey) -> Result<Next, Error> {
        let Some(node) = cx.snapshot().object(&nodes::kind(), key) else {
            return self.without_object(cx, &key.name).await;
        };
        lock(&self.missing).remove(&key.name);
        let standing = self.standing(cx, &node).await?;
        let lost = matches!(standing, Standing::Lost(_));
        if let Some(change) = marks(&node, lost, &quorate_resources::timestamp::format(cx.now())) {
            let turned = matches!(change, Change::UpdateStatus { .. });
            cx.commit(vec![change]).await?;
            if turned {
                announce(cx, &node, lost).await;
            }
            // The write comes back as a change; the next pass goes on from there.
            return Ok(Next::Done);
        }
        match standing {
            Standing::Heard(left) => Ok(Next::After(left)),
            Standing::Lost(since) => self.evict(cx, &key.name, since).await,
        }
    }
}

impl Nodes {
    pub(crate) fn new(options: NodeLifecycleOptions) -> Self {
        Self { options, health: Mutex::default(), missing: Mutex::default() }
    }

    /// How the node stands by its lease. Silence is confirmed in the store before it counts.
    async fn standing(&self, cx: &Context, node: &Object) -> Result<Standing, Error> {
        let name = &node.metadata.name;
        let key = ObjectKey::namespaced(LEASES, name.clone());
        let mut lease = cx.snapshot().object(&lease_kind(), &key);
        let overdue =
            lock(&self.health).is_overdue(name, renewal(lease.as_deref()), cx.clock().now());
        if overdue {
            lease = match cx.objects().get(&lease_kind(), &key).await {
                Ok(lease) => Some(Arc::new(lease)),
                Err(error) if error.is_not_found() => None,
                Err(error) => return Err(error.into()),
            };
        }
        let promised = lease.as_deref().and_then(|lease| {
            let seconds = lease.pointer("/spec/leaseDurationSeconds")?.as_u64()?;
            Some(Duration::from_secs(seconds))
        });
        let limit =
            promised.map_or(self.options.grace, |promised| promised.min(self.options.grace));
        let marked = desired::is_tainted(node) || nodes::ready(node) == Some("Unknown");
        let now = cx.clock().now();
        Ok(lock(&self.health).observe(name, renewal(lease.as_deref()), limit, marked, now))
    }

    /// Deletes the pods whose time on the lost node is over.
    async fn evict(&self, cx: &Context, node: &str, since: Monotonic) -> Result<Next, Error> {
        let now = cx.clock().now();
        if self.brakes(cx.snapshot(), node, now) {
            tracing::warn!(node, "most nodes are silent: nothing is evicted");
            return Ok(Next::After(self.options.grace));
        }
        let (mut due, mut next) = (Vec::new(), None::<Duration>);
        for pod in nodes::pods_on(cx.snapshot(), node) {
            let Some(typed) = cx.snapshot().get::<Pod>(&pod.key()) else { continue };
            let Some(left) = self.time_left(&typed, since, now) else { continue };
            if left.is_zero() {
                due.push(force_deletion(&pod));
            } else {
                next = Some(next.map_or(left, |next| next.min(left)));
            }
        }
        let evicted = due.len();
        for batch in batches(due) {
            cx.commit(batch).await?;
        }
        if evicted > 0 {
            tracing::info!(node, evicted, "pods of a lost node deleted");
        }
        Ok(next.map_or(Next::Done, Next::After))
    }

    fn time_left(&self, pod: &Typed<Pod>, since: Monotonic, now: Monotonic) -> Option<Duration> {
        let tolerated = desired::tolerated(pod, self.options.evict_after)?;
        Some((since + tolerated) - now)
    }

    /// Whether so many nodes are silent that nothing must be evicted; the time then starts anew.
    fn brakes(&self, snapshot: &Snapshot, node: &str, now: Monotonic) -> bool {
        let mut health = lock(&self.health);
        let exists =
            |name: &str| snapshot.object(&nodes::kind(), &ObjectKey::cluster(name)).is_some();
        health.retain(exists);
        let brakes = health::brakes(health.silent(now));
        if brakes {
            health.restart_loss(node, now);
        }
        brakes
    }

    /// Deletes the pods of a node that has no object; after the grace time, because an agent may be
    /// about to register its node again.
    async fn without_object(&self, cx: &Context, node: &str) -> Result<Next, Error> {
        let deletions: Vec<Change> =
            nodes::pods_on(cx.snapshot(), node).map(|pod| force_deletion(&pod)).collect();
        if deletions.is_empty() {
            lock(&self.missing).remove(node);
            return Ok(Next::Done);
        }
        let now = cx.clock().now();
        let since = *lock(&self.missing).entry(node.to_owned()).or_insert(now);
        let left = (since + self.options.grace) - now;
        if !left.is_zero() {
            return Ok(Next::After(left));
        }
        for batch in batches(deletions) {
            cx.commit(batch).await?;
        }
        Ok(Next::Done)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn lease_kind() -> GroupKind {
    GroupKind::new("coordination.k8s.io", "Lease")
}

fn renewal(lease: Option<&Object>) -> Option<&str> {
    lease?.pointer("/spec/renewTime")?.as_str()
}

/// The next write that gives a node the marks it should bear. The status comes first: services stop
/// sending requests to the node's pods by it.
fn marks(node: &Arc<Object>, lost: bool, now: &str) -> Option<Change> {
    crate::edit::status(node, desired::status(node, lost, now))
        .or_else(|| crate::edit::update(node, desired::tainted(node, lost, now)))
}

async fn announce(cx: &Context, node: &Object, lost: bool) {
    let (kind, reason, message) = if lost {
        (EventType::Warning, "NodeNotReady", "the node's agent stopped renewing its lease")
    } else {
        (EventType::Normal, "NodeReady", "the node's agent renews its lease again")
    };
    cx.event(node, kind, reason, message).await;
}

fn force_deletion(pod: &Arc<Object>) -> Change {
    Change::Delete {
        kind: pod.group_kind(),
        key: pod.key(),
        options: DeleteOptions {
            grace_seconds: Some(0),
            uid: pod.metadata.uid.clone(),
            ..DeleteOptions::default()
        },
        old: Some(Arc::clone(pod)),
    }
}

fn batches(changes: Vec<Change>) -> impl Iterator<Item = Vec<Change>> {
    let mut rest = changes.into_iter();
    std::iter::from_fn(move || {
        let batch: Vec<Change> = rest.by_ref().take(BATCH).collect();
        (!batch.is_empty()).then_some(batch)
    })
}

/// A pod on a node without an object concerns that node.
fn homeless(snapshot: &Snapshot, change: &CacheChange) -> Vec<ObjectKey> {
    let node = change.new.as_deref().and_then(|pod| pod.pointer("/spec/nodeName")?.as_str());
    let key = node.filter(|name| !name.is_empty()).map(ObjectKey::cluster);
    key.into_iter().filter(|key| snapshot.object(&nodes::kind(), key).is_none()).collect()
}

#[cfg(test)]
mod tests;
