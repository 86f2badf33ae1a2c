//! Prefers nodes with much left.

use crate::{NodeInfo, PodInfo, Score};

/// The share of CPU and of memory that would be left, averaged (Kubernetes' `LeastAllocated`).
#[derive(Clone, Copy, Debug)]
pub struct LeastAllocated;

impl Score for LeastAllocated {
    fn name(&self) -> &'static str {
        "NodeResourcesLeastAllocated"
    }

    fn score(&self, pod: &PodInfo, node: &NodeInfo, _: &[&NodeInfo]) -> i64 {
        let after = node.requested.plus(pod.requests);
        let left = |used: i64, have: i64| {
            if have <= 0 { 0 } else { (have - used.min(have)).saturating_mul(100) / have }
        };
        let cpu = left(after.cpu_milli, node.allocatable.cpu_milli);
        let memory = left(after.memory_bytes, node.allocatable.memory_bytes);
        i64::midpoint(cpu, memory)
    }
}
