//! Only nodes that have the executor the pod asks for.

use crate::{Filter, NodeInfo, PodInfo, Refusal};

/// Agents label their node with this prefix and the kind of each executor they have, value `true`.
pub const RUNTIME_LABEL_PREFIX: &str = "quorate.dev/runtime-";

/// `runtimeClassName` names an executor that the node has; a pod without one runs anywhere.
#[derive(Clone, Copy, Debug)]
pub struct RuntimeClass;

impl Filter for RuntimeClass {
    fn name(&self) -> &'static str {
        "RuntimeClass"
    }

    fn filter(&self, pod: &PodInfo, node: &NodeInfo) -> Result<(), Refusal> {
        let Some(class) = &pod.runtime_class else { return Ok(()) };
        let label = format!("{RUNTIME_LABEL_PREFIX}{class}");
        if node.labels.get(&label).is_some_and(|value| value == "true") {
            return Ok(());
        }
        Err(Refusal(format!("node(s) had no executor for runtime class {class:?}")))
    }
}
