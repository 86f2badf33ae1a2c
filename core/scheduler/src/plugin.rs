//! The extension points: filters say where a pod may run, scores where it had better run.

use crate::{NodeInfo, PodInfo, filters, scores};
use std::fmt;
use std::sync::Arc;

/// Why a node cannot take a pod, in the words that `kubectl describe pod` shows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal(pub String);

/// Says whether a node can take a pod. Pure.
pub trait Filter: Send + Sync + fmt::Debug + 'static {
    /// Name for explanations.
    fn name(&self) -> &'static str;
    /// # Errors
    /// The reason why the node cannot take the pod.
    fn filter(&self, pod: &PodInfo, node: &NodeInfo) -> Result<(), Refusal>;
}

/// Says how well a node suits a pod. Pure.
pub trait Score: Send + Sync + fmt::Debug + 'static {
    /// Name for explanations.
    fn name(&self) -> &'static str;
    /// Points from 0, worst, to 100, best; `feasible` are all nodes that passed the filters.
    fn score(&self, pod: &PodInfo, node: &NodeInfo, feasible: &[&NodeInfo]) -> i64;
}

/// The plugins of one scheduler.
#[derive(Clone, Debug)]
pub struct Profile {
    /// All must pass.
    pub filters: Vec<Arc<dyn Filter>>,
    /// Points times weight are added up.
    pub scores: Vec<(Arc<dyn Score>, i64)>,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            filters: vec![
                Arc::new(filters::Ready),
                Arc::new(filters::Taints),
                Arc::new(filters::NodeSelector),
                Arc::new(filters::RuntimeClass),
                Arc::new(filters::Fit),
            ],
            scores: vec![(Arc::new(scores::Spread), 2), (Arc::new(scores::LeastAllocated), 1)],
        }
    }
}

impl Profile {
    /// Adds a filter after the built-in ones.
    #[must_use]
    pub fn with_filter(mut self, filter: impl Filter) -> Self {
        self.filters.push(Arc::new(filter));
        self
    }

    /// Adds a score with its weight.
    #[must_use]
    pub fn with_score(mut self, score: impl Score, weight: i64) -> Self {
        self.scores.push((Arc::new(score), weight));
        self
    }
}
