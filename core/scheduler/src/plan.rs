//! The plan: pods in, decisions out, nothing else.

use crate::{ClusterState, NodeInfo, PodInfo, Profile, Refusal};
use std::collections::BTreeMap;
use std::fmt;

/// What to do with one pod.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Run it there.
    Bind {
        /// The pod.
        pod: PodInfo,
        /// Name of the node.
        node: String,
    },
    /// It fits nowhere now.
    Unschedulable {
        /// The pod.
        pod: PodInfo,
        /// Why.
        why: Unschedulable,
    },
}

/// Why a pod fits nowhere: how many nodes refused it for which reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unschedulable {
    /// Nodes looked at.
    pub nodes: usize,
    /// Nodes by reason.
    pub reasons: BTreeMap<Refusal, usize>,
}

impl fmt::Display for Unschedulable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0/{} nodes are available", self.nodes)?;
        let mut separator = ": ";
        for (reason, count) in &self.reasons {
            write!(f, "{separator}{count} {}", reason.0)?;
            separator = ", ";
        }
        f.write_str(".")
    }
}

/// Decides for every pod in the order given. The state takes each placed pod in, so that the pods of
/// one batch do not over-commit a node together.
pub fn plan(state: &mut ClusterState, pods: Vec<PodInfo>, profile: &Profile) -> Vec<Decision> {
    pods.into_iter().map(|pod| decide(state, pod, profile)).collect()
}

fn decide(state: &mut ClusterState, pod: PodInfo, profile: &Profile) -> Decision {
    let (feasible, reasons) = filter(state, &pod, profile);
    let Some(best) = choose(state, &pod, &feasible, profile) else {
        let why = Unschedulable { nodes: state.nodes.len(), reasons };
        return Decision::Unschedulable { pod, why };
    };
    let node = &mut state.nodes[best];
    node.add(pod.requests, pod.controller.as_ref());
    Decision::Bind { node: node.name.clone(), pod }
}

/// Indexes of the nodes that pass, and the first reason of each that does not.
fn filter(
    state: &ClusterState,
    pod: &PodInfo,
    profile: &Profile,
) -> (Vec<usize>, BTreeMap<Refusal, usize>) {
    let mut reasons = BTreeMap::new();
    let mut feasible = Vec::new();
    for (at, node) in state.nodes.iter().enumerate() {
        match profile.filters.iter().find_map(|filter| filter.filter(pod, node).err()) {
            Some(refusal) => *reasons.entry(refusal).or_insert(0) += 1,
            None => feasible.push(at),
        }
    }
    (feasible, reasons)
}

/// The node with most points; of equals the first by name, so that plans repeat.
fn choose(
    state: &ClusterState,
    pod: &PodInfo,
    feasible: &[usize],
    profile: &Profile,
) -> Option<usize> {
    let nodes: Vec<&NodeInfo> = feasible.iter().map(|&at| &state.nodes[at]).collect();
    let points = |node: &NodeInfo| -> i64 {
        profile.scores.iter().map(|(score, weight)| weight * score.score(pod, node, &nodes)).sum()
    };
    let mut best: Option<(i64, usize)> = None;
    for (&at, node) in feasible.iter().zip(&nodes) {
        let points = points(node);
        if best.is_none_or(|(most, _)| points > most) {
            best = Some((points, at));
        }
    }
    best.map(|(_, at)| at)
}

#[cfg(test)]
mod tests;
