//! The status an autoscaler reports.

use crate::condition::{self, Condition};
use crate::edit;
use quorate_resources::{Change, Object, timestamp};
use quorate_seams::WallTime;
use serde_json::{Value, json};
use std::sync::Arc;

/// A status in the making.
#[derive(Debug)]
pub(super) struct Report {
    status: Value,
    conditions: Vec<Value>,
    now: String,
    reason: String,
}

impl Report {
    /// Begins with what does not change by itself.
    pub(super) fn new(scaler: &Object, now: WallTime) -> Self {
        let before = scaler.body.get("status").unwrap_or(&Value::Null);
        let mut status = json!({ "currentReplicas": 0, "desiredReplicas": 0 });
        if let Some(time) = before.get("lastScaleTime") {
            status["lastScaleTime"] = time.clone();
        }
        if let Some(generation) = scaler.metadata.generation {
            status["observedGeneration"] = json!(generation);
        }
        let conditions = condition::list(before);
        let reason = "All metrics below target".to_owned();
        Self { status, conditions, now: timestamp::format(now), reason }
    }

    fn say(&mut self, kind: &'static str, holds: bool, reason: &str, message: impl Into<String>) {
        Condition::new(kind, holds, reason, message).set(&mut self.conditions, &self.now);
    }

    pub(super) fn able(&mut self, holds: bool, reason: &str, message: impl Into<String>) {
        self.say("AbleToScale", holds, reason, message);
    }

    pub(super) fn active(&mut self, holds: bool, reason: &str, message: impl Into<String>) {
        self.say("ScalingActive", holds, reason, message);
    }

    pub(super) fn limited(&mut self, holds: bool, reason: &str, message: impl Into<String>) {
        self.say("ScalingLimited", holds, reason, message);
    }

    pub(super) fn metrics(&mut self, shown: Vec<Value>) {
        if !shown.is_empty() {
            self.status["currentMetrics"] = Value::Array(shown);
        }
    }

    pub(super) fn replicas(&mut self, current: i32, wanted: i32) {
        self.status["currentReplicas"] = json!(current);
        self.status["desiredReplicas"] = json!(wanted);
        if wanted > current {
            "a metric above target".clone_into(&mut self.reason);
        }
    }

    pub(super) fn scaled(&mut self, now: WallTime) {
        self.status["lastScaleTime"] = json!(timestamp::format(now));
        self.able(true, "SucceededRescale", "the target has a new size");
    }

    pub(super) fn reason(&self) -> &str {
        &self.reason
    }

    /// The write of the status, if it says anything new.
    pub(super) fn change(&self, scaler: &Arc<Object>) -> Option<Change> {
        let mut status = self.status.clone();
        status["conditions"] = Value::Array(self.conditions.clone());
        edit::status(scaler, status)
    }
}
