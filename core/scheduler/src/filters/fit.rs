//! Enough of every resource that the pod asks for.

use crate::{Filter, NodeInfo, PodInfo, Refusal};

/// Requests of all pods together stay within what the node allots.
#[derive(Clone, Copy, Debug)]
pub struct Fit;

impl Filter for Fit {
    fn name(&self) -> &'static str {
        "NodeResourcesFit"
    }

    fn filter(&self, pod: &PodInfo, node: &NodeInfo) -> Result<(), Refusal> {
        let after = node.requested.plus(pod.requests);
        let lacks = |what: &str| Err(Refusal(format!("Insufficient {what}")));
        let (asked, have) = (pod.requests, node.allocatable);
        if after.pods > have.pods {
            return Err(Refusal("Too many pods".to_owned()));
        }
        // A pod that asks for nothing of a resource fits even where others have taken too much of it.
        if asked.cpu_milli > 0 && after.cpu_milli > have.cpu_milli {
            return lacks("cpu");
        }
        if asked.memory_bytes > 0 && after.memory_bytes > have.memory_bytes {
            return lacks("memory");
        }
        Ok(())
    }
}
