//! The history of a workload's template, one `ControllerRevision` for each.
//!
//! Place: daemon sets and stateful sets. What a revision holds is a patch that makes the template
//! what it was; `kubectl rollout undo` sends just that.
//!
//! Invariant: equal templates share a revision; the current one has the highest number.

use crate::{canonical, edit};
use quorate_kinds::ControllerRevision;
use quorate_reconcile::Snapshot;
use quorate_resources::{Change, Metadata, Object, Typed};
use quorate_types::Uid;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The label with a template's hash, on pods and revisions.
pub(crate) const HASH: &str = "controller-revision-hash";
/// What `apply` remembers is about the workload, not about its history.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
const HASH_LENGTH: usize = 10;

/// The revisions of a workload, and which of them is its template's.
#[derive(Clone, Debug)]
pub(crate) struct History {
    /// Name of the current template's revision; the pods' label is its hash.
    pub(crate) current: String,
    /// Hash of the current template.
    pub(crate) hash: String,
    /// The writes that bring the history up to date.
    pub(crate) changes: Vec<Change>,
    /// All revisions, the oldest first, without the one that is made now.
    pub(crate) stored: Vec<Arc<Object>>,
}

/// Looks up the revision of the workload's template; the history may want to be written first.
pub(crate) fn history(snapshot: &Snapshot, workload: &Object) -> History {
    let stored = workload.metadata.uid.as_ref().map(|uid| stored(snapshot, uid));
    let stored = stored.unwrap_or_default();
    let data = data(workload);
    let highest = stored.iter().map(|one| number(one)).max().unwrap_or(0);
    if let Some(same) = stored.iter().rev().find(|one| one.body.get("data") == Some(&data)) {
        let changes = (number(same) < highest).then(|| renumbered(same, highest + 1));
        let (current, hash) = (same.metadata.name.clone(), hash_of(same).to_owned());
        return History { current, hash, changes: changes.into_iter().collect(), stored };
    }
    let (hash, name) = free_name(snapshot, workload, &data);
    let made = made(workload, &name, &hash, data, highest + 1);
    History { current: name, hash, changes: vec![Change::Create(made)], stored }
}

impl History {
    /// The template that a hash stands for; that of the workload if it is not known.
    pub(crate) fn template(&self, workload: &Object, hash: &str) -> Value {
        let known = self.stored.iter().find(|one| hash_of(one) == hash);
        let template = known.and_then(|one| one.pointer("/data/spec/template").cloned());
        let mut template =
            template.or_else(|| workload.pointer("/spec/template").cloned()).unwrap_or(Value::Null);
        if let Some(fields) = template.as_object_mut() {
            fields.remove("$patch");
        }
        template
    }

    /// The name of the revision of a hash.
    pub(crate) fn name_of(&self, hash: &str) -> Option<&str> {
        let known = self.stored.iter().find(|one| hash_of(one) == hash)?;
        Some(&known.metadata.name)
    }

    /// The hash of a revision's name.
    pub(crate) fn hash_of_name(&self, name: &str) -> Option<&str> {
        self.stored.iter().find(|one| one.metadata.name == name).map(|one| hash_of(one))
    }

    /// Deletions of the oldest revisions that no pod has, beyond the limit.
    pub(crate) fn clean_up(&self, in_use: &BTreeSet<String>, limit: usize) -> Vec<Change> {
        let unused: Vec<&Arc<Object>> = self
            .stored
            .iter()
            .filter(|one| one.metadata.name != self.current && !in_use.contains(hash_of(one)))
            .collect();
        let surplus = unused.len().saturating_sub(limit);
        unused.into_iter().take(surplus).map(edit::deletion).collect()
    }
}

/// How many old revisions a workload keeps: Kubernetes' default is ten.
pub(crate) fn limit(wanted: Option<i32>) -> usize {
    usize::try_from(wanted.unwrap_or(10)).unwrap_or(0)
}

/// The hash in an object's labels.
pub(crate) fn hash_of(object: &Object) -> &str {
    object.metadata.labels.get(HASH).map_or("", String::as_str)
}

fn stored(snapshot: &Snapshot, owner: &Uid) -> Vec<Arc<Object>> {
    let owned = snapshot.owned_by::<ControllerRevision>(owner);
    let mut all: Vec<Arc<Object>> =
        owned.into_iter().map(|one: Typed<ControllerRevision>| one.object).collect();
    all.sort_by_key(|one| number(one));
    all
}

fn number(revision: &Object) -> i64 {
    revision.pointer("/revision").and_then(Value::as_i64).unwrap_or(0)
}

/// The patch that makes a template what the workload's is.
fn data(workload: &Object) -> Value {
    let mut template = workload.pointer("/spec/template").cloned().unwrap_or_else(|| json!({}));
    edit::set(&mut template, &["$patch"], json!("replace"));
    json!({ "spec": { "template": template } })
}

/// A hash whose name nothing else has.
fn free_name(snapshot: &Snapshot, workload: &Object, data: &Value) -> (String, String) {
    let taken = |name: &str| {
        let namespace = workload.metadata.namespace.clone();
        let key = quorate_types::ObjectKey { namespace, name: name.to_owned() };
        snapshot
            .object(&quorate_types::GroupKind::new("apps", "ControllerRevision"), &key)
            .is_some()
    };
    let mut draw = 0u32;
    loop {
        let value = if draw == 0 { data.clone() } else { json!([data, draw]) };
        let hash = canonical::short_name(canonical::hash(&value), HASH_LENGTH);
        let room: String = workload.metadata.name.chars().take(253 - HASH_LENGTH - 1).collect();
        let name = format!("{room}-{hash}");
        if !taken(&name) {
            return (hash, name);
        }
        draw += 1;
    }
}

fn made(workload: &Object, name: &str, hash: &str, data: Value, revision: i64) -> Object {
    let labels = workload.pointer("/spec/template/metadata/labels").cloned();
    let mut labels: std::collections::BTreeMap<String, String> =
        labels.and_then(|labels| serde_json::from_value(labels).ok()).unwrap_or_default();
    labels.insert(HASH.to_owned(), hash.to_owned());
    let mut annotations = workload.metadata.annotations.clone();
    annotations.remove(LAST_APPLIED);
    Object {
        api_version: "apps/v1".to_owned(),
        kind: "ControllerRevision".to_owned(),
        metadata: Metadata {
            name: name.to_owned(),
            namespace: workload.metadata.namespace.clone(),
            labels,
            annotations,
            owner_references: vec![workload.owner_reference()],
            ..Metadata::default()
        },
        body: edit::fields(json!({ "data": data, "revision": revision })),
    }
}

fn renumbered(revision: &Arc<Object>, number: i64) -> Change {
    let mut object = (**revision).clone();
    object.body.insert("revision".to_owned(), json!(number));
    Change::Update { object, old: Some(Arc::clone(revision)) }
}
