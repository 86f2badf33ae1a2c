//! What is checked when a run is over.
//!
//! Invariant: checkers know the documented model and nothing of the implementation.

pub(crate) mod leases;
pub(crate) mod members;
pub(crate) mod order;
pub(crate) mod replay;
pub(crate) mod watches;

use crate::cluster::Cluster;
use crate::history::History;

/// Checks everything that clients recorded; gives how many keys were left undecided.
pub(crate) fn recorded(cluster: &Cluster, history: &History) -> u64 {
    let recorded = history.lock();
    let model = replay::check(&recorded, &cluster.findings);
    if cluster.findings.any() {
        return 0;
    }
    replay::check_order(&recorded, &cluster.findings);
    drop(model);
    watches::check(&recorded, &cluster.findings);
    leases::check(&recorded, &cluster.findings);
    order::check(&recorded, &cluster.findings)
}
