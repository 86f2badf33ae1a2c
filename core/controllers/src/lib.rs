//! The built-in controllers: each drives one kind of object from what is towards what is wanted.
//!
//! Place: reconcilers in a `quorate_reconcile::Runtime`; they run where the Raft leader is.
//!
//! Every folder has the same shape: `mod.rs` says what the controller promises and wires it, the
//! other files are pure. Invariants: no controller holds state that it could not lose; each pass
//! makes all its writes in as few transactions as possible; deadlines run on the monotonic clock.
//!
//! ```
//! use quorate_controllers::{ControllerOptions, all};
//! let names: Vec<_> = all(ControllerOptions::default()).iter().map(|one| one.name()).collect();
//! assert!(names.contains(&"deployment") && names.contains(&"garbage"));
//! ```

mod canonical;
mod claim;
mod clusterrole;
mod deployment;
mod edit;
mod endpointslice;
mod garbage;
mod namespace;
mod node;
mod nodes;
mod pods;
mod replicaset;
mod select;
mod serviceaccount;
mod spaces;

pub use node::NodeLifecycleOptions;
pub use serviceaccount::PodAccounts;

use quorate_reconcile::Reconciler;
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
    ]
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
