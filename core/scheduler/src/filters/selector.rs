//! Only nodes with the labels that the pod asks for.

use crate::{Filter, NodeInfo, PodInfo, Refusal};

/// Every label of `spec.nodeSelector` is on the node.
#[derive(Clone, Copy, Debug)]
pub struct NodeSelector;

impl Filter for NodeSelector {
    fn name(&self) -> &'static str {
        "NodeSelector"
    }

    fn filter(&self, pod: &PodInfo, node: &NodeInfo) -> Result<(), Refusal> {
        let fits = |(key, value): (&String, &String)| node.labels.get(key) == Some(value);
        if pod.node_selector.iter().all(fits) {
            return Ok(());
        }
        Err(Refusal("node(s) didn't match Pod's node selector".to_owned()))
    }
}
