//! The nodes with what runs on them.

use crate::{NodeInfo, PodInfo};
use quorate_kinds::{Node, Pod};
use quorate_reconcile::Snapshot;
use quorate_resources::Typed;
use std::collections::BTreeMap;

/// All nodes, sorted by name, each with the requests of its pods counted in.
#[derive(Clone, Debug, Default)]
pub struct ClusterState {
    /// The nodes.
    pub nodes: Vec<NodeInfo>,
}

impl ClusterState {
    /// Reads the nodes and counts every bound pod that has not ended.
    #[must_use]
    pub fn read(snapshot: &Snapshot) -> Self {
        let mut nodes: Vec<NodeInfo> =
            snapshot.list::<Node>().map(|node| NodeInfo::read(&node)).collect();
        let at: BTreeMap<String, usize> =
            nodes.iter().enumerate().map(|(at, node)| (node.name.clone(), at)).collect();
        for pod in snapshot.list::<Pod>() {
            let node = bound_node(&pod).filter(|_| !has_ended(&pod)).and_then(|name| at.get(name));
            if let (Some(&at), Some(info)) = (node, PodInfo::read(&pod)) {
                nodes[at].add(info.requests, info.controller.as_ref());
            }
        }
        Self { nodes }
    }

    /// The pods that wait for a node, in the order in which they are to be placed: by priority, then
    /// by age, then by name.
    #[must_use]
    pub fn pending(snapshot: &Snapshot, scheduler_name: &str) -> Vec<PodInfo> {
        let mut pods: Vec<PodInfo> = snapshot
            .list::<Pod>()
            .filter(|pod| bound_node(pod).is_none() && !has_ended(pod))
            .filter(|pod| !pod.metadata().is_deleting() && wants(pod, scheduler_name))
            .filter_map(|pod| PodInfo::read(&pod))
            .collect();
        pods.sort_by(|a, b| {
            let age = |pod: &PodInfo| pod.object.metadata.creation_timestamp.clone();
            b.priority.cmp(&a.priority).then_with(|| age(a).cmp(&age(b))).then(a.key.cmp(&b.key))
        });
        pods
    }
}

fn bound_node(pod: &Typed<Pod>) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref().filter(|name| !name.is_empty())
}

fn has_ended(pod: &Typed<Pod>) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

fn wants(pod: &Typed<Pod>, scheduler_name: &str) -> bool {
    let name = pod.spec.as_ref().and_then(|spec| spec.scheduler_name.as_deref());
    name.unwrap_or("default-scheduler") == scheduler_name
}
