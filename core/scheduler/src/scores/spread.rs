//! Prefers nodes with few pods of the same controller, so that one lost node costs little.

use crate::{NodeInfo, PodInfo, Score};

/// 100 points where no sibling runs, down to 0 where most of them do.
#[derive(Clone, Copy, Debug)]
pub struct Spread;

impl Score for Spread {
    fn name(&self) -> &'static str {
        "PodTopologySpread"
    }

    fn score(&self, pod: &PodInfo, node: &NodeInfo, feasible: &[&NodeInfo]) -> i64 {
        let Some(controller) = &pod.controller else { return 100 };
        let most = feasible.iter().map(|node| node.siblings_of(controller)).max().unwrap_or(0);
        if most == 0 {
            return 100;
        }
        (most - node.siblings_of(controller)) * 100 / most
    }
}
