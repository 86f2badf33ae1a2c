//! Definitions of kinds: names that follow from others, and a status that follows from the spec.

use crate::json::{child_or_new, fill};
use quorate_resources::Object;
use serde_json::{Value, json};

/// A definition is accepted as soon as it is stored: there is nobody whom it would have to wait for.
pub(crate) fn definition(object: &mut Object) {
    let stored = object.pointer("/spec/versions").and_then(Value::as_array).cloned();
    let stored: Vec<Value> = stored
        .into_iter()
        .flatten()
        .filter(|version| version.get("storage") == Some(&Value::Bool(true)))
        .filter_map(|version| version.get("name").cloned())
        .collect();
    let Some(spec) = child_or_new(&mut object.body, "spec") else { return };
    if let Some(names) = child_or_new(spec, "names") {
        let kind = names.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
        fill(names, "singular", kind.to_lowercase());
        fill(names, "listKind", format!("{kind}List"));
    }
    let names = spec.get("names").cloned().unwrap_or(Value::Null);
    fill(spec, "conversion", json!({ "strategy": "None" }));
    let since = object.metadata.creation_timestamp.clone();
    let condition = |kind: &str, reason: &str, message: &str| {
        json!({
            "type": kind, "status": "True", "reason": reason, "message": message,
            "lastTransitionTime": since,
        })
    };
    let conditions = [
        condition("NamesAccepted", "NoConflicts", "no conflicts found"),
        condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    ];
    if let Some(status) = child_or_new(&mut object.body, "status") {
        status.insert("acceptedNames".to_owned(), names);
        fill(status, "conditions", json!(conditions));
        fill(status, "storedVersions", json!(stored));
    }
}
