//! What to do next about a namespace that is being deleted.

use quorate_resources::{Change, DeleteOptions, Object};
use serde_json::json;
use std::sync::Arc;

/// The finalizer by which this controller holds a namespace back.
const FINALIZER: &str = "kubernetes";

/// Whether the namespace is being deleted and still waits for this controller.
pub(super) fn is_waiting(namespace: &Object) -> bool {
    namespace.metadata.is_deleting() && finalizers(namespace).any(|own| own == FINALIZER)
}

fn finalizers(namespace: &Object) -> impl Iterator<Item = &str> {
    let list = namespace.pointer("/spec/finalizers").and_then(|list| list.as_array());
    list.into_iter().flatten().filter_map(|own| own.as_str())
}

/// Deletions of everything that is not being deleted already.
pub(super) fn deletions(contents: &[Arc<Object>]) -> Vec<Change> {
    contents
        .iter()
        .filter(|object| !object.metadata.is_deleting())
        .map(|object| Change::Delete {
            kind: object.group_kind(),
            key: object.key(),
            options: DeleteOptions { uid: object.metadata.uid.clone(), ..DeleteOptions::default() },
            old: Some(Arc::clone(object)),
        })
        .collect()
}

/// The write that lets an empty namespace go.
pub(super) fn letting_go(namespace: &Arc<Object>) -> Change {
    let mut object = (**namespace).clone();
    let rest: Vec<&str> = finalizers(namespace).filter(|own| *own != FINALIZER).collect();
    crate::edit::set_field(&mut object, &["spec", "finalizers"], json!(rest));
    Change::Update { object, old: Some(Arc::clone(namespace)) }
}
