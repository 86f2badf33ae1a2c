//! The built-in controllers: each drives one kind of object from what is towards what is wanted.
//!
//! Place: reconcilers in a `quorate_reconcile::Runtime`; they run where the Raft leader is.
//!
//! Every folder has the same shape: `mod.rs` says what the controller promises and wires it, the
//! other files are pure. Invariants: no controller holds state that it could not lose; each pass
//! makes all its writes in as few transactions as possible; deadlines run on the monotonic clock,
//! but those that an object counts from a timestamp of its own (jobs) or that are about the time of
//! day (cron jobs).
//!
//! ```
//! use quorate_controllers::{ControllerOptions, all};
//! let names: Vec<_> = all(ControllerOptions::default()).iter().map(|one| one.name()).collect();
//! assert!(names.contains(&"deployment") && names.contains(&"garbage"));
//! ```

mod autoscaler;
mod budget;
mod canonical;
mod claim;
mod clusterrole;
mod condition;
mod cronjob;
mod daemonset;
mod deployment;
mod edit;
mod endpointslice;
mod garbage;
mod job;
mod limits;
mod namespace;
mod near;
mod node;
mod nodes;
mod owned;
mod placement;
mod pods;
mod priority;
mod quota;
mod ready_since;
mod replicaset;
mod revision;
mod select;
mod serviceaccount;
mod share;
mod spaces;
mod statefulset;
mod template;

pub use autoscaler::{Metrics, MetricsError, PodSample, autoscaler};
pub use limits::Limits;
pub use node::NodeLifecycleOptions;
pub use priority::Priorities;
pub use quota::Quotas;
pub use serviceaccount::PodAccounts;

use quorate_reconcile::Reconciler;
use quorate_resources::Admission;
use std::sync::Arc;

/// What the controllers can be told.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ControllerOptions {
    /// When nodes count as lost and what follows.
    pub node: NodeLifecycleOptions,
}

impl ControllerOptions {
    /// The same options with another node life cycle.
    #[must_use]
    pub fn node(mut self, node: NodeLifecycleOptions) -> Self {
        self.node = node;
        self
    }
}

/// All built-in controllers.
#[must_use]
pub fn all(options: ControllerOptions) -> Vec<Arc<dyn Reconciler>> {
    vec![
        Arc::new(deployment::Deployments::default()),
        Arc::new(replicaset::ReplicaSets::default()),
        Arc::new(endpointslice::EndpointSlices),
        Arc::new(node::Nodes::new(options.node)),
        Arc::new(garbage::Garbage),
        Arc::new(namespace::Namespaces),
        Arc::new(serviceaccount::ServiceAccounts),
        Arc::new(clusterrole::ClusterRoles),
        Arc::new(job::Jobs::default()),
        Arc::new(cronjob::CronJobs),
        Arc::new(daemonset::DaemonSets::default()),
        Arc::new(statefulset::StatefulSets::default()),
        Arc::new(budget::Budgets),
        Arc::new(quota::Usage),
        Arc::new(priority::SystemClasses),
    ]
}

/// What the built-in kinds ask of objects before they are written, in this order: priorities of pods,
/// defaults and bounds of what they request, and quotas of namespaces.
#[must_use]
pub fn admission() -> Vec<Arc<dyn Admission>> {
    vec![Arc::new(Priorities), Arc::new(Limits), Arc::new(Quotas)]
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
