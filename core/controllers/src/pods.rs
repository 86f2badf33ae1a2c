//! What controllers ask about pods.

use crate::nodes;
use quorate_kinds::Pod;
use quorate_reconcile::Snapshot;
use quorate_resources::Typed;

/// The node a pod is bound to.
pub(crate) fn node(pod: &Typed<Pod>) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref().filter(|name| !name.is_empty())
}

/// `status.phase`, `Pending` if there is none yet.
pub(crate) fn phase(pod: &Typed<Pod>) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending")
}

/// Whether every container has ended for good.
pub(crate) fn is_terminal(pod: &Typed<Pod>) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// Whether it counts as a replica: neither ended nor ending.
pub(crate) fn is_active(pod: &Typed<Pod>) -> bool {
    !is_terminal(pod) && !pod.object.metadata.is_deleting()
}

/// Whether the pod's own condition says that it serves.
pub(crate) fn says_ready(pod: &Typed<Pod>) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Whether it serves as far as anyone can know: the last word of a pod on a lost node does not
/// count. Asking the node instead of rewriting its pods keeps their status the agent's own.
pub(crate) fn is_ready(snapshot: &Snapshot, pod: &Typed<Pod>) -> bool {
    says_ready(pod) && !node(pod).is_some_and(|name| nodes::is_lost(snapshot, name))
}
