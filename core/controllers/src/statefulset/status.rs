//! The status a stateful set reports.

use super::plan::Replica;
use serde_json::{Value, json};

/// What the status is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'a> {
    /// All pods that are there, whether they are to stay or not.
    pub(super) replicas: &'a [Replica],
    /// `spec.replicas`.
    pub(super) wanted: usize,
    pub(super) rolling: bool,
    /// Hash and name of the revision that the set comes from.
    pub(super) current: (&'a str, &'a str),
    /// Hash and name of the revision that it goes to.
    pub(super) update: (&'a str, &'a str),
    pub(super) generation: Option<i64>,
}

/// `status` as JSON: once all pods are of the new revision and serve, it is the current one.
pub(super) fn status(facts: Facts<'_>) -> Value {
    let existing = || facts.replicas.iter().filter(|one| one.exists);
    let living = || existing().filter(|one| !one.deleting);
    let of = |hash: &str| living().filter(|one| one.hash == hash).count();
    let (replicas, ready) = (existing().count(), existing().filter(|one| one.ready).count());
    let available = existing().filter(|one| one.available).count();
    let updated = of(facts.update.0);
    let complete = facts.rolling
        && updated == replicas
        && ready == replicas
        && available == replicas
        && replicas == facts.wanted;
    let current = if complete { facts.update } else { facts.current };
    let mut status = json!({
        "replicas": replicas,
        "availableReplicas": available,
        "currentRevision": current.1,
        "updateRevision": facts.update.1,
        "collisionCount": 0,
    });
    let optional = [
        ("readyReplicas", ready),
        ("currentReplicas", of(current.0)),
        ("updatedReplicas", updated),
    ];
    for (field, count) in optional.into_iter().filter(|(_, count)| *count > 0) {
        status[field] = json!(count);
    }
    if let Some(generation) = facts.generation {
        status["observedGeneration"] = json!(generation);
    }
    status
}
