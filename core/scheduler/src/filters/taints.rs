//! Only nodes whose taints the pod bears.

use crate::{Filter, NodeInfo, PodInfo, Refusal};
use quorate_kinds::{Taint, Toleration};

/// Every `NoSchedule` and `NoExecute` taint is tolerated.
#[derive(Clone, Copy, Debug)]
pub struct Taints;

impl Filter for Taints {
    fn name(&self) -> &'static str {
        "TaintToleration"
    }

    fn filter(&self, pod: &PodInfo, node: &NodeInfo) -> Result<(), Refusal> {
        let repels = |taint: &&Taint| {
            matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute")
                && !pod.tolerations.iter().any(|toleration| tolerates(toleration, taint))
        };
        match node.taints.iter().find(repels) {
            None => Ok(()),
            Some(taint) => {
                let value = taint.value.as_deref().unwrap_or("");
                let text = format!("node(s) had untolerated taint {{{}: {value}}}", taint.key);
                Err(Refusal(text))
            }
        }
    }
}

/// Kubernetes' rule: an empty effect bears all effects, an empty key with `Exists` all taints.
fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let given = |text: &Option<String>| text.clone().unwrap_or_default();
    let (effect, key) = (given(&toleration.effect), given(&toleration.key));
    if !effect.is_empty() && effect != taint.effect {
        return false;
    }
    if !key.is_empty() && key != taint.key {
        return false;
    }
    match given(&toleration.operator).as_str() {
        "Exists" => true,
        "" | "Equal" => !key.is_empty() && given(&toleration.value) == given(&taint.value),
        _ => false,
    }
}
