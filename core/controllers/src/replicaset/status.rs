//! The status a replica set reports.

use serde_json::{Value, json};

/// Pods by what they are good for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) replicas: usize,
    pub(super) fully_labeled: usize,
    pub(super) ready: usize,
    pub(super) available: usize,
    pub(super) terminating: usize,
}

/// `status` as JSON: zero counts are left out, as Kubernetes does, except `replicas`.
pub(super) fn status(counts: Counts, generation: Option<i64>) -> Value {
    let mut status = json!({ "replicas": counts.replicas });
    let optional = [
        ("fullyLabeledReplicas", counts.fully_labeled),
        ("readyReplicas", counts.ready),
        ("availableReplicas", counts.available),
        ("terminatingReplicas", counts.terminating),
    ];
    for (field, count) in optional.into_iter().filter(|(_, count)| *count > 0) {
        crate::edit::set(&mut status, &[field], json!(count));
    }
    if let Some(generation) = generation {
        crate::edit::set(&mut status, &["observedGeneration"], json!(generation));
    }
    status
}
