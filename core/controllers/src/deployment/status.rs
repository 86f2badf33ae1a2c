//! The status a deployment reports.

use super::rollout::{Limits, Size};
use serde_json::{Value, json};

/// What the status is made of.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) generation: Option<i64>,
    pub(super) limits: Limits,
    /// The set of the wanted template, if it exists.
    pub(super) new: Option<Size>,
    /// Name of that set, for messages.
    pub(super) new_name: String,
    pub(super) old: Vec<Size>,
    /// Ready pods of all sets.
    pub(super) ready: i32,
    /// Ending pods of all sets.
    pub(super) terminating: i32,
    pub(super) collisions: i64,
    pub(super) paused: bool,
    /// Whether nothing has moved for longer than `progressDeadlineSeconds`.
    pub(super) overdue: bool,
}

impl Facts {
    fn sum(&self, field: impl Fn(&Size) -> i32) -> i32 {
        self.new.iter().chain(&self.old).map(field).sum()
    }

    /// Whether the rollout has arrived: only new pods, all of them there and available.
    pub(super) fn is_complete(&self) -> bool {
        let desired = self.limits.desired;
        let new = self.new.unwrap_or_default();
        new.existing == desired
            && new.wanted == desired
            && self.sum(|set| set.existing) == desired
            && self.sum(|set| set.available) >= desired
            && (self.new.is_some() || desired == 0)
    }

    /// Changes whenever the rollout moves; while it stays the same, the deadline runs.
    pub(super) fn fingerprint(&self) -> [i32; 5] {
        let new = self.new.unwrap_or_default();
        [new.existing, new.available, self.sum(|set| set.existing), self.ready, self.limits.desired]
    }
}

/// `status` as JSON. Conditions that say the same as before keep their times.
pub(super) fn status(facts: &Facts, before: Option<&Value>, now: &str) -> Value {
    let mut status = json!({});
    let mut put = |field: &str, value: Value| crate::edit::set(&mut status, &[field], value);
    let wanted = facts.sum(|set| set.wanted);
    let available = facts.sum(|set| set.available);
    let counts = [
        ("replicas", facts.sum(|set| set.existing)),
        ("updatedReplicas", facts.new.map_or(0, |set| set.existing)),
        ("readyReplicas", facts.ready),
        ("availableReplicas", available),
        ("unavailableReplicas", (wanted - available).max(0)),
        ("terminatingReplicas", facts.terminating),
    ];
    for (field, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        put(field, json!(count));
    }
    if let Some(generation) = facts.generation {
        put("observedGeneration", json!(generation));
    }
    if facts.collisions > 0 {
        put("collisionCount", json!(facts.collisions));
    }
    let old = before.and_then(|before| before.get("conditions")).and_then(Value::as_array);
    let conditions: Vec<Value> = [available_condition(facts), progressing_condition(facts)]
        .into_iter()
        .map(|condition| condition.stamped(old, now))
        .collect();
    put("conditions", Value::Array(conditions));
    status
}

struct Condition {
    kind: &'static str,
    status: &'static str,
    reason: &'static str,
    message: String,
}

fn available_condition(facts: &Facts) -> Condition {
    let enough = facts.sum(|set| set.available) >= facts.limits.min_available();
    let (status, reason, have) = if enough {
        ("True", "MinimumReplicasAvailable", "has")
    } else {
        ("False", "MinimumReplicasUnavailable", "does not have")
    };
    let message = format!("Deployment {have} minimum availability.");
    Condition { kind: "Available", status, reason, message }
}

fn progressing_condition(facts: &Facts) -> Condition {
    let set = &facts.new_name;
    let (status, reason, message) = if facts.paused {
        ("Unknown", "DeploymentPaused", "Deployment is paused".to_owned())
    } else if facts.is_complete() {
        let message = format!("ReplicaSet \"{set}\" has successfully progressed.");
        ("True", "NewReplicaSetAvailable", message)
    } else if facts.overdue {
        let message = format!("ReplicaSet \"{set}\" has timed out progressing.");
        ("False", "ProgressDeadlineExceeded", message)
    } else {
        ("True", "ReplicaSetUpdated", format!("ReplicaSet \"{set}\" is progressing."))
    };
    Condition { kind: "Progressing", status, reason, message }
}

impl Condition {
    fn stamped(self, old: Option<&Vec<Value>>, now: &str) -> Value {
        let old = old.into_iter().flatten().find(|old| old["type"] == self.kind);
        let kept = |field: &str| old.and_then(|old| old.get(field)).cloned();
        let same = |field: &str, value: &str| old.is_some_and(|old| old[field] == value);
        let same_status = same("status", self.status);
        let unchanged =
            same_status && same("reason", self.reason) && same("message", &self.message);
        let time = |keep: bool, field: &str| {
            kept(field).filter(|_| keep).unwrap_or_else(|| Value::from(now))
        };
        json!({
            "type": self.kind,
            "status": self.status,
            "reason": self.reason,
            "message": self.message,
            "lastUpdateTime": time(unchanged, "lastUpdateTime"),
            "lastTransitionTime": time(same_status, "lastTransitionTime"),
        })
    }
}
