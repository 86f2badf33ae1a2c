//! How an agent fares, for those who hold its handle.

use std::collections::BTreeSet;

/// Where the node's lease stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LeaseState {
    /// The node has not been registered yet.
    #[default]
    Never,
    /// Renewed in time.
    Held,
    /// Not renewed for its whole duration: the control plane takes the node for dead and replaces
    /// its pods. The agent keeps them running and goes on trying.
    Lost,
}

/// How an agent fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentStatus {
    /// The node's lease.
    pub lease: LeaseState,
    /// Pods that the agent looks after, as of the last heartbeat.
    pub pods: usize,
    /// Executors that have said what they hold; pods of the others wait.
    pub executors: BTreeSet<&'static str>,
}
