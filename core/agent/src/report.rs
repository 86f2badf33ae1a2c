//! Writing pod statuses, many in one transaction, without anyone waiting.
//!
//! Place: actors submit, one task writes. While a transaction is under way, what is submitted
//! gathers for the next one; a newer status of a pod replaces one that waits. The queue is bounded
//! by the number of pods on the node.
//!
//! Invariants: a status is written only to the pod of the same uid; conditions that others set stay;
//! a status that the API shows already costs no write; what cannot be written is tried again until
//! it is replaced or the pod is gone.

use crate::machine::PodRecord;
use crate::status::merge_conditions;
use quorate_kinds::k8s_openapi::api::core::v1::PodStatus;
use quorate_reconcile::Cache;
use quorate_resources::{Change, Error, Object, Objects};
use quorate_types::{GroupKind, ObjectKey, Uid};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Most statuses in one transaction (etcd's default limit is 128 operations).
const BATCH: usize = 32;
/// Bounds of the wait after a failed write.
const RETRY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(5));

#[derive(Clone, Debug)]
struct Pending {
    key: ObjectKey,
    status: PodStatus,
}

/// Takes in statuses.
#[derive(Debug, Default)]
pub(crate) struct Reporter {
    pending: Mutex<BTreeMap<Uid, Pending>>,
    wake: Notify,
    settled: Notify,
}

impl Reporter {
    /// Takes in a pod's status.
    pub(crate) fn submit(&self, record: &PodRecord, status: PodStatus) {
        let key = ObjectKey::namespaced(&record.namespace, &record.name);
        self.pending().insert(record.uid.clone(), Pending { key, status });
        self.wake.notify_one();
    }

    /// Forgets what waits for a pod.
    pub(crate) fn forget(&self, pod: &Uid) {
        self.pending().remove(pod);
    }

    /// Waits until nothing waits to be written.
    pub(crate) async fn flushed(&self) {
        loop {
            let settled = self.settled.notified();
            if self.pending().is_empty() {
                return;
            }
            settled.await;
        }
    }

    fn pending(&self) -> std::sync::MutexGuard<'_, BTreeMap<Uid, Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Up to a batch of what waits; it stays queued until it is written.
    fn next_batch(&self) -> Vec<(Uid, Pending)> {
        self.pending().iter().take(BATCH).map(|(uid, p)| (uid.clone(), p.clone())).collect()
    }

    /// Takes what was written off the queue, unless something newer came meanwhile.
    fn done(&self, uid: &Uid, written: &PodStatus) {
        let mut pending = self.pending();
        if pending.get(uid).is_some_and(|waiting| waiting.status == *written) {
            pending.remove(uid);
        }
    }

    /// Writes for as long as it is polled.
    pub(crate) async fn run(self: Arc<Self>, objects: Objects, cache: Arc<Cache>) {
        let clock = objects.seams().clock.clone();
        let mut wait = RETRY.0;
        loop {
            let batch = self.next_batch();
            if batch.is_empty() {
                self.settled.notify_waiters();
                self.wake.notified().await;
                continue;
            }
            match self.write(&objects, &cache, &batch).await {
                Ok(()) => wait = RETRY.0,
                Err(error) => {
                    tracing::debug!(%error, "pod statuses not written, trying again");
                    clock.sleep(wait).await;
                    wait = wait.saturating_mul(2).min(RETRY.1);
                }
            }
        }
    }

    async fn write(
        &self,
        objects: &Objects,
        cache: &Cache,
        batch: &[(Uid, Pending)],
    ) -> Result<(), Error> {
        let snapshot = cache.snapshot();
        let mut changes = Vec::new();
        for (uid, pending) in batch {
            let current = snapshot.object(&pod_kind(), &pending.key);
            if let Some(old) = current
                && let Some(object) = with_status(&old, uid, &pending.status)
            {
                changes.push(Change::UpdateStatus { object, old: Some(old) });
            } else {
                // Not as the cache shows it: rare enough to ask for each one.
                self.write_one(objects, uid, pending).await?;
            }
        }
        match objects.commit(changes).await {
            Ok(_) => batch.iter().for_each(|(uid, pending)| self.done(uid, &pending.status)),
            Err(error) if error.is_conflict() || error.is_not_found() => {
                for (uid, pending) in batch {
                    self.write_one(objects, uid, pending).await?;
                }
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Writes one status over what the store holds now.
    async fn write_one(
        &self,
        objects: &Objects,
        uid: &Uid,
        pending: &Pending,
    ) -> Result<(), Error> {
        match objects.get(&pod_kind(), &pending.key).await {
            Ok(current) => {
                if let Some(object) = with_status(&current, uid, &pending.status) {
                    match objects.update_status(object).await {
                        Err(error) if !error.is_not_found() => return Err(error),
                        _ => {}
                    }
                }
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
        self.done(uid, &pending.status);
        Ok(())
    }
}

fn pod_kind() -> GroupKind {
    GroupKind::new("", "Pod")
}

/// The pod with the status; `None` if it is another pod or shows the status already.
fn with_status(current: &Object, uid: &Uid, status: &PodStatus) -> Option<Object> {
    if current.metadata.uid.as_ref() != Some(uid) {
        return None;
    }
    let shown = current.body.get("status").cloned().unwrap_or(Value::Null);
    let before: PodStatus = serde_json::from_value(shown.clone()).unwrap_or_default();
    let mut status = status.clone();
    status.conditions = status.conditions.map(|conditions| merge_conditions(conditions, &before));
    let status = serde_json::to_value(status).ok()?;
    if status == shown {
        return None;
    }
    let mut object = current.clone();
    object.body.insert("status".to_owned(), status);
    Some(object)
}
