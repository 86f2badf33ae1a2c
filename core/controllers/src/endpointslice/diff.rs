//! From the slices that are there and those that should be to the writes.

use quorate_resources::{Change, DeleteOptions, Object};
use std::sync::Arc;

const FIELDS: [&str; 3] = ["addressType", "endpoints", "ports"];

/// Creates, updates and deletes until what is there is what is wanted.
pub(super) fn diff(existing: &[Arc<Object>], desired: Vec<Object>) -> Vec<Change> {
    let named = |name: &str| existing.iter().find(|slice| slice.metadata.name == name);
    let stale: Vec<Change> = existing
        .iter()
        .filter(|slice| !slice.metadata.is_deleting())
        .filter(|slice| desired.iter().all(|wanted| wanted.metadata.name != slice.metadata.name))
        .map(deletion)
        .collect();
    let wanted = desired.into_iter().filter_map(|wanted| match named(&wanted.metadata.name) {
        Some(slice) => updated(slice, wanted),
        None => Some(Change::Create(wanted)),
    });
    wanted.chain(stale).collect()
}

fn updated(slice: &Arc<Object>, wanted: Object) -> Option<Change> {
    let mut object = (**slice).clone();
    for field in FIELDS {
        if let Some(value) = wanted.body.get(field) {
            object.body.insert(field.to_owned(), value.clone());
        }
    }
    object.metadata.labels = wanted.metadata.labels;
    object.metadata.owner_references = wanted.metadata.owner_references;
    crate::edit::update(slice, object)
}

fn deletion(slice: &Arc<Object>) -> Change {
    Change::Delete {
        kind: slice.group_kind(),
        key: slice.key(),
        options: DeleteOptions { uid: slice.metadata.uid.clone(), ..DeleteOptions::default() },
        old: Some(Arc::clone(slice)),
    }
}
