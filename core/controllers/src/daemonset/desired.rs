//! Which nodes a daemon set's pods belong on, and the pods.

use crate::{edit, placement, revision, template};
use quorate_kinds::{DaemonSet, Node, PodSpec, Toleration};
use quorate_resources::{Object, Typed};
use serde_json::{Value, json};

/// Taints that every daemon bears: key and effect.
const BORNE: &[(&str, &str)] = &[
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];
/// And those on the host's network.
const NETWORK: (&str, &str) = ("node.kubernetes.io/network-unavailable", "NoSchedule");

/// Whether a pod of the set should be on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// One belongs there.
    Yes,
    /// One that is there may stay.
    Stays,
    /// None may be there.
    No,
}

/// Whether a pod of the set should be on the node.
pub(super) fn wanted(set: &DaemonSet, node: &Typed<Node>) -> Wanted {
    let Some(spec) = &set.spec.template.spec else { return Wanted::No };
    let tolerations = tolerations(spec);
    if !placement::is_chosen(spec, node) || placement::repels(node, &tolerations, true) {
        Wanted::No
    } else if placement::repels(node, &tolerations, false) {
        Wanted::Stays
    } else {
        Wanted::Yes
    }
}

fn borne(spec: &PodSpec) -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    let network = spec.host_network.unwrap_or(false).then_some(&NETWORK);
    BORNE.iter().chain(network)
}

fn tolerations(spec: &PodSpec) -> Vec<Toleration> {
    let own = spec.tolerations.iter().flatten().cloned();
    let added = borne(spec).map(|(key, effect)| Toleration {
        key: Some((*key).to_owned()),
        operator: Some("Exists".to_owned()),
        effect: Some((*effect).to_owned()),
        ..Toleration::default()
    });
    own.chain(added).collect()
}

/// A pod of the set for a node. It is bound from the start: a daemon runs where it belongs whether
/// or not there is room, and also where nothing else is placed any more.
pub(super) fn pod(set: &Typed<DaemonSet>, node: &str, hash: &str) -> Object {
    let mut pod = template::pod(&set.object);
    pod.metadata.labels.insert(revision::HASH.to_owned(), hash.to_owned());
    let spec = set.spec.template.spec.as_ref();
    let mut tolerations = pod.pointer("/spec/tolerations").cloned().unwrap_or_else(|| json!([]));
    if let (Some(spec), Value::Array(list)) = (spec, &mut tolerations) {
        for (key, effect) in borne(spec) {
            if !list.iter().any(|one| one["key"] == *key && one["effect"] == *effect) {
                list.push(json!({ "key": key, "operator": "Exists", "effect": effect }));
            }
        }
    }
    edit::set_field(&mut pod, &["spec", "tolerations"], tolerations);
    edit::set_field(&mut pod, &["spec", "nodeName"], json!(node));
    pod
}
