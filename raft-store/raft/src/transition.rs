//! Changes of voters that were begun and not finished.
//!
//! Voters change in two steps: first a majority of the old and one of the new voters are needed, then
//! the new ones alone. openraft leaves the second step to whoever asked for the change: if that leader
//! falls or its caller goes in between, the cluster would go on needing both majorities. Whoever leads
//! takes the second step then.

use crate::consensus::{Consensus, Inner};
use openraft::ChangeMembers;
use openraft::async_runtime::WatchReceiver;
use quorate_seams::{SharedClock, bug, timeout};
use std::collections::BTreeSet;
use std::sync::Weak;
use std::time::Duration;

impl Inner {
    fn in_transition(&self) -> bool {
        let metrics = self.raft.metrics();
        let config = metrics.borrow_watched().membership_config.clone();
        config.membership().get_joint_config().len() > 1
    }

    /// Takes the second step of a change. The caller holds `changing`.
    async fn finish_change(&self) {
        let nobody_more = ChangeMembers::AddVoterIds(BTreeSet::new());
        let change = self.raft.change_membership(nobody_more, false);
        let outcome = match timeout(&*self.clock, self.options.request_timeout, change).await {
            Some(Ok(_)) => "finished".to_owned(),
            Some(Err(error)) => format!("finished later: {error}"),
            None => "finished later".to_owned(),
        };
        tracing::info!("a change of members that was left half done is {outcome}");
    }
}

impl Consensus {
    /// Whether a change of voters is half done: majorities of the old and of the new ones are needed.
    #[must_use]
    pub fn in_transition(&self) -> bool {
        self.inner.in_transition()
    }
}

/// Finishes changes as long as the member lives, whenever it leads; does not keep it alive.
pub(crate) async fn finish_changes(inner: Weak<Inner>, clock: SharedClock, every: Duration) {
    loop {
        clock.sleep(every).await;
        let Some(inner) = inner.upgrade() else { return };
        if !inner.raft.is_leader()
            || !inner.in_transition()
            || bug("raft-leaves-a-change-half-done")
        {
            continue;
        }
        let _one = inner.changing.lock().await;
        // Asked again: whoever changed the members meanwhile has finished.
        if inner.raft.is_leader() && inner.in_transition() {
            inner.finish_change().await;
        }
    }
}
