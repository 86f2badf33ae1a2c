//! The claims of a stateful set's pods: made before the pods, and owned as the set says, so that
//! they go with it, with a pod that is scaled away, or with neither.

use super::desired::{claim_name, claim_templates, name_of, pod_name};
use crate::edit;
use quorate_kinds::{Pod, StatefulSet};
use quorate_reconcile::Snapshot;
use quorate_resources::{Change, Metadata, Object, OwnerReference, Typed};
use quorate_types::{GroupKind, ObjectKey};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The kind of claims.
pub(super) fn kind() -> GroupKind {
    GroupKind::new("", "PersistentVolumeClaim")
}

/// Whether claims go with what they were made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Retention {
    /// With the set.
    pub(super) with_set: bool,
    /// With a pod that is scaled away.
    pub(super) with_pod: bool,
}

impl Retention {
    pub(super) fn of(set: &StatefulSet) -> Self {
        let policy = set.spec.persistent_volume_claim_retention_policy.as_ref();
        let deletes = |text: Option<&String>| text.is_some_and(|text| text == "Delete");
        Self {
            with_set: deletes(policy.and_then(|policy| policy.when_deleted.as_ref())),
            with_pod: deletes(policy.and_then(|policy| policy.when_scaled.as_ref())),
        }
    }
}

/// The claims that a pod needs and that are not there.
pub(super) fn missing(snapshot: &Snapshot, set: &Typed<StatefulSet>, ordinal: i32) -> Vec<Change> {
    let pod = pod_name(&set.object.metadata.name, ordinal);
    let absent = |template: &&Value| {
        let key = key(&set.object, &claim_name(name_of(template), &pod));
        snapshot.object(&kind(), &key).is_none()
    };
    let templates = claim_templates(&set.object).filter(absent);
    templates.map(|template| Change::Create(claim(set, template, &pod))).collect()
}

fn key(set: &Object, name: &str) -> ObjectKey {
    ObjectKey { namespace: set.metadata.namespace.clone(), name: name.to_owned() }
}

fn claim(set: &Typed<StatefulSet>, template: &Value, pod: &str) -> Object {
    let map = |path: &str| -> BTreeMap<String, String> {
        let map = template.pointer(path).cloned();
        map.and_then(|map| serde_json::from_value(map).ok()).unwrap_or_default()
    };
    let mut labels = map("/metadata/labels");
    let selector = set.object.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    for (label, value) in selector.into_iter().flatten() {
        labels.insert(label.clone(), value.as_str().unwrap_or_default().to_owned());
    }
    let owners = Retention::of(set).with_set.then(|| set.object.owner_reference());
    Object {
        api_version: "v1".to_owned(),
        kind: "PersistentVolumeClaim".to_owned(),
        metadata: Metadata {
            name: claim_name(name_of(template), pod),
            namespace: set.object.metadata.namespace.clone(),
            labels,
            annotations: map("/metadata/annotations"),
            owner_references: owners.into_iter().collect(),
            ..Metadata::default()
        },
        body: edit::fields(json!({ "spec": template.get("spec").cloned().unwrap_or(json!({})) })),
    }
}

/// The writes that give the claims of a pod the owners they should have. `leaving` says that the pod
/// is scaled away.
pub(super) fn owned(
    snapshot: &Snapshot,
    set: &Typed<StatefulSet>,
    pod: &Typed<Pod>,
    leaving: bool,
) -> Vec<Change> {
    let retention = Retention::of(set);
    let of_set = set.object.owner_reference();
    let of_pod = OwnerReference { controller: false, ..pod.object.owner_reference() };
    let (with_pod, with_set) = match (retention.with_pod && leaving, retention.with_set) {
        (true, _) => (true, false),
        (false, with_set) => (false, with_set),
    };
    let claims = claim_templates(&set.object).filter_map(|template| {
        let name = claim_name(name_of(template), &pod.object.metadata.name);
        snapshot.object(&kind(), &key(&set.object, &name))
    });
    claims
        .filter_map(|claim| {
            let mut next = (*claim).clone();
            own(&mut next, &of_set, with_set);
            own(&mut next, &of_pod, with_pod);
            edit::update(&claim, next)
        })
        .collect()
}

/// Adds or removes an owner; removing goes by kind and name, so that an owner of the past goes, too.
fn own(claim: &mut Object, owner: &OwnerReference, wanted: bool) {
    let owners = &mut claim.metadata.owner_references;
    let same = |own: &OwnerReference| own.kind == owner.kind && own.name == owner.name;
    owners.retain(|own| !same(own) || (wanted && own.uid == owner.uid));
    if wanted && !owners.iter().any(|own| own.uid == owner.uid) {
        owners.push(owner.clone());
    }
}

/// Claims that are there and will go: a pod must not get them.
pub(super) fn is_going(snapshot: &Snapshot, set: &Object, ordinal: i32) -> bool {
    let pod = pod_name(&set.metadata.name, ordinal);
    claim_templates(set).any(|template| {
        let found: Option<Arc<Object>> =
            snapshot.object(&kind(), &key(set, &claim_name(name_of(template), &pod)));
        found.is_some_and(|claim| claim.metadata.is_deleting())
    })
}
