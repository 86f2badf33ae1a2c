//! The status a daemon set reports.

use super::desired::Wanted;
use super::plan::Place;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Counts nodes, by what is on them. The oldest pod that has not been told to end stands for a node.
pub(super) fn status(places: &[Place], ready: &BTreeSet<usize>, generation: Option<i64>) -> Value {
    let (mut desired, mut current, mut misplaced) = (0, 0, 0);
    let (mut serving, mut updated, mut available) = (0, 0, 0);
    for place in places {
        let mut pods: Vec<_> = place.pods.iter().filter(|pod| !pod.deleting).collect();
        pods.sort_by_key(|pod| (pod.created.clone(), pod.place));
        if place.wanted != Wanted::Yes {
            misplaced += i64::from(!pods.is_empty());
            continue;
        }
        desired += 1;
        current += i64::from(!pods.is_empty());
        serving += i64::from(pods.iter().any(|pod| ready.contains(&pod.place)));
        available += i64::from(pods.iter().any(|pod| pod.available));
        let all_new = pods.first().is_some_and(|_| pods.iter().all(|pod| pod.current));
        updated += i64::from(all_new);
    }
    let mut status = json!({
        "desiredNumberScheduled": desired,
        "currentNumberScheduled": current,
        "numberMisscheduled": misplaced,
        "numberReady": serving,
    });
    let optional = [
        ("updatedNumberScheduled", updated),
        ("numberAvailable", available),
        ("numberUnavailable", desired - available),
    ];
    for (field, count) in optional.into_iter().filter(|(_, count)| *count > 0) {
        status[field] = json!(count);
    }
    if let Some(generation) = generation {
        status["observedGeneration"] = json!(generation);
    }
    status
}
