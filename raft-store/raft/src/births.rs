//! What tells a member from another one with its id: the birth of its log.
//!
//! A member whose directory was emptied has forgotten votes and entries that the others count on.
//! Under its old id it could help to elect a leader that lacks acknowledged writes. So the
//! membership names the birth of every voter's log (drawn when the log was made); whatever is sent
//! to a voter names it too, and a member of another birth answers nothing of it and gives up: it has
//! to come back as a new member, which begins as a learner.
//!
//! Invariants: a learner gets a vote only after its birth has been recorded; a member with an empty
//! log forms a cluster only if every peer says that it knows of none. Voters of a cluster that has
//! just been formed are recorded by its first leader; a directory lost before that is not noticed.

use crate::consensus::{Consensus, Inner};
use crate::types::Node;
use openraft::ChangeMembers;
use openraft::async_runtime::WatchReceiver;
use quorate_seams::{SharedClock, bug, timeout};
use quorate_types::MemberId;
use std::collections::BTreeMap;
use std::sync::Weak;
use std::time::Duration;
use tokio::sync::watch;

/// The birth of this member's log, and whether the cluster knows another one.
#[derive(Debug)]
pub(crate) struct Birth {
    own: u64,
    forgotten: watch::Sender<Option<String>>,
}

impl Birth {
    pub(crate) fn new(own: u64) -> Self {
        Self { own, forgotten: watch::Sender::new(None) }
    }

    /// The birth of this member's log; 0 when nobody said.
    pub(crate) fn own(&self) -> u64 {
        self.own
    }

    /// Why this member takes no part, once something was addressed to another log of it.
    pub(crate) fn forgotten(&self) -> watch::Receiver<Option<String>> {
        self.forgotten.subscribe()
    }

    /// Refuses what is for another log than this member's; 0 is for any.
    pub(crate) fn admit(&self, wanted: u64) -> Result<(), String> {
        if wanted == 0 || wanted == self.own || bug("raft-believes-any-birth") {
            return Ok(());
        }
        let reason = "this member's log is not the one that the cluster knows: its data directory was \
                      emptied or exchanged, so its vote cannot be trusted; remove the member and add a \
                      new one, with an id of its own and an empty directory";
        self.forgotten.send_if_modified(|known| {
            let first = known.is_none();
            if first {
                tracing::error!(own = self.own, wanted, "{reason}");
                *known = Some(reason.to_owned());
            }
            first
        });
        Err(reason.to_owned())
    }
}

impl Inner {
    /// The birth that the membership names for a member; `None` if there is no such member.
    pub(crate) fn recorded(&self, id: u64) -> Option<u64> {
        let metrics = self.raft.metrics();
        let config = metrics.borrow_watched().membership_config.clone();
        config.get_node(&id).map(|node| node.birth)
    }

    fn unrecorded_voters(&self) -> Vec<u64> {
        let metrics = self.raft.metrics();
        let config = metrics.borrow_watched().membership_config.clone();
        let unknown = |id: &u64| config.get_node(id).is_some_and(|node| node.birth == 0);
        config.voter_ids().filter(unknown).collect()
    }

    /// Records the births of members that have none recorded. The caller holds `changing`. Gives
    /// whether all of them answered.
    pub(crate) async fn record_births(&self, ids: &[u64]) -> bool {
        let own = self.options.id.0;
        let metrics = self.raft.metrics();
        let config = metrics.borrow_watched().membership_config.clone();
        let others = ids.iter().filter(|id| **id != own);
        let others =
            others.filter_map(|id| Some((MemberId(*id), config.get_node(id)?.addr.clone())));
        let mut births: BTreeMap<u64, u64> = self
            .ask_hello(others.collect())
            .await
            .into_iter()
            .map(|(id, hello)| (id, hello.birth))
            .collect();
        if ids.contains(&own) {
            births.insert(own, self.birth.own);
        }
        let all = ids.iter().all(|id| births.contains_key(id));
        let node =
            |(id, birth): (u64, u64)| Some((id, Node { birth, ..config.get_node(&id)?.clone() }));
        let nodes: BTreeMap<u64, Node> =
            births.into_iter().filter(|(_, birth)| *birth != 0).filter_map(node).collect();
        if nodes.is_empty() {
            return all;
        }
        let change = self.raft.change_membership(ChangeMembers::SetNodes(nodes), true);
        match timeout(&*self.clock, self.options.request_timeout, change).await {
            Some(Ok(_)) => all,
            Some(Err(error)) => {
                tracing::debug!(%error, "births are recorded later");
                false
            }
            None => false,
        }
    }
}

impl Consensus {
    /// Whether the membership names the birth of a member's log, so that an empty one in its place
    /// would be noticed.
    #[must_use]
    pub fn recognises(&self, id: MemberId) -> bool {
        self.inner.recorded(id.0).is_some_and(|birth| birth != 0)
    }

    /// Before a learner is given a vote: false if its birth is not known and it does not answer.
    pub(crate) async fn ensure_recorded(&self, id: MemberId) -> bool {
        self.inner.recorded(id.0) != Some(0) || self.inner.record_births(&[id.0]).await
    }
}

/// Records the births of voters as long as the member lives, whenever it leads; does not keep it
/// alive.
pub(crate) async fn keep_births(inner: Weak<Inner>, clock: SharedClock, every: Duration) {
    loop {
        clock.sleep(every).await;
        let Some(inner) = inner.upgrade() else { return };
        if !inner.raft.is_leader() || inner.unrecorded_voters().is_empty() {
            continue;
        }
        let _one = inner.changing.lock().await;
        // Asked again: they may have been recorded, or removed, while this waited.
        let unknown = inner.unrecorded_voters();
        if inner.raft.is_leader() && !unknown.is_empty() {
            inner.record_births(&unknown).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_for_another_log_is_refused_and_ends_the_member() {
        let birth = Birth::new(7);
        assert_eq!(birth.admit(0), Ok(()));
        assert_eq!(birth.admit(7), Ok(()));
        assert_eq!(*birth.forgotten().borrow(), None);
        let reason = birth.admit(8).unwrap_err();
        assert_eq!(*birth.forgotten().borrow(), Some(reason));
        assert!(Birth::new(0).admit(8).is_err(), "a log that nobody named is not the one named");
    }
}
