//! Conditions in a status: what holds, and since when.

use serde_json::{Map, Value, json};

/// One condition as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) kind: &'static str,
    pub(crate) holds: bool,
    pub(crate) reason: String,
    pub(crate) message: String,
}

impl Condition {
    pub(crate) fn new(
        kind: &'static str,
        holds: bool,
        reason: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { kind, holds, reason: reason.into(), message: message.into() }
    }

    /// Sets it in a list; while it says the same as before, it keeps its time.
    pub(crate) fn set(&self, conditions: &mut Vec<Value>, now: &str) {
        let status = if self.holds { "True" } else { "False" };
        let before = conditions.iter().position(|one| one["type"] == self.kind);
        let since = before
            .map(|at| &conditions[at])
            .filter(|old| old["status"] == status)
            .and_then(|old| old.get("lastTransitionTime").cloned());
        let mut condition = json!({
            "type": self.kind,
            "status": status,
            "lastTransitionTime": since.unwrap_or_else(|| json!(now)),
        });
        for (field, text) in [("reason", &self.reason), ("message", &self.message)] {
            if !text.is_empty() {
                condition[field] = json!(text);
            }
        }
        match before {
            Some(at) => conditions[at] = condition,
            None => conditions.push(condition),
        }
    }
}

/// The conditions of a status.
pub(crate) fn list(status: &Value) -> Vec<Value> {
    status.get("conditions").and_then(Value::as_array).cloned().unwrap_or_default()
}

/// A condition that holds.
pub(crate) fn holding<'v>(status: &'v Value, kind: &str) -> Option<&'v Map<String, Value>> {
    let conditions = status.get("conditions").and_then(Value::as_array);
    let mut all = conditions.into_iter().flatten().filter_map(Value::as_object);
    all.find(|one| {
        one.get("type").is_some_and(|it| it == kind)
            && one.get("status").is_some_and(|it| it == "True")
    })
}
