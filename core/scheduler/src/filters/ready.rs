//! Only nodes whose agent is well and that nobody has cordoned.

use crate::{Filter, NodeInfo, PodInfo, Refusal};

/// The node reports Ready and is not cordoned.
#[derive(Clone, Copy, Debug)]
pub struct Ready;

impl Filter for Ready {
    fn name(&self) -> &'static str {
        "NodeReady"
    }

    fn filter(&self, _: &PodInfo, node: &NodeInfo) -> Result<(), Refusal> {
        if node.unschedulable {
            return Err(Refusal("node(s) were unschedulable".to_owned()));
        }
        if !node.ready {
            return Err(Refusal("node(s) were not ready".to_owned()));
        }
        Ok(())
    }
}
