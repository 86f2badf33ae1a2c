//! What controllers ask about nodes.

use quorate_reconcile::{CacheChange, Snapshot};
use quorate_resources::Object;
use quorate_types::{GroupKind, ObjectKey};
use serde_json::Value;

/// The kind `Node`.
pub(crate) fn kind() -> GroupKind {
    GroupKind::new("", "Node")
}

/// Whether nobody has heard of the node for too long: its `Ready` condition is `Unknown`.
pub(crate) fn is_lost(snapshot: &Snapshot, name: &str) -> bool {
    snapshot.object(&kind(), &ObjectKey::cluster(name)).is_some_and(|node| says_lost(&node))
}

/// The status of a node's `Ready` condition.
pub(crate) fn ready(node: &Object) -> Option<&str> {
    let conditions = node.pointer("/status/conditions")?.as_array()?;
    let ready = conditions.iter().find(|one| one.get("type") == Some(&Value::from("Ready")))?;
    ready.get("status")?.as_str()
}

fn says_lost(node: &Object) -> bool {
    ready(node) == Some("Unknown")
}

/// Whether a change made a node lost or brought it back.
pub(crate) fn turned(change: &CacheChange) -> bool {
    let lost = |node: Option<&Object>| node.is_some_and(says_lost);
    lost(change.old.as_deref()) != lost(change.new.as_deref())
}

/// The pods bound to a node, undecoded.
pub(crate) fn pods_on<'a>(
    snapshot: &'a Snapshot,
    node: &'a str,
) -> impl Iterator<Item = std::sync::Arc<Object>> + use<'a> {
    let name = Value::from(node);
    snapshot
        .objects(&GroupKind::new("", "Pod"))
        .filter(move |pod| pod.pointer("/spec/nodeName") == Some(&name))
}
