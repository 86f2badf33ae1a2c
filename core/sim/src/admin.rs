//! The operator: changes who belongs to the cluster while faults go on, one change at a time.
//!
//! Invariant: what the operator does is what the manual says: members that were lost are replaced
//! under new ids, and no change leaves fewer healthy voters than a majority.

use crate::cluster::{Cluster, Health};
use crate::net::host_of;
use quorate_member::Core;
use quorate_raft::{ClusterMember, MembershipChange, MembershipError};
use quorate_seams::{Crash, SharedRandom, timeout};
use quorate_types::MemberId;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The most members that a run ever has had.
const MOST_IDS: u64 = 14;
/// How long a change may take, the rest of the faults included.
const PATIENCE: Duration = Duration::from_secs(16);

/// One operator.
pub(crate) struct Operator {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) random: SharedRandom,
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl Operator {
    /// Makes one change, unless another is under way.
    pub(crate) async fn change(&self) {
        let cluster = &self.cluster;
        if cluster.changing.swap(true, Ordering::Relaxed) {
            return;
        }
        let lost = cluster.with_health(Health::Lost).first().copied();
        let voter = self.healthy_voter();
        match (lost, voter, self.random.below(5)) {
            (Some(lost), ..) => {
                self.remove(lost).await;
                self.grow(true).await;
            }
            (None, Some(voter), 0) => self.remove(voter).await,
            (None, Some(voter), 1) => {
                if self.grow(true).await {
                    self.remove(voter).await;
                }
            }
            (None, _, 2) => self.relocate().await,
            (None, _, 3) => {
                if self.grow(false).await {
                    let learner = MemberId(cluster.newest_id());
                    self.remove(learner).await;
                }
            }
            _ => {
                self.grow(true).await;
            }
        }
        cluster.changing.store(false, Ordering::Relaxed);
    }

    /// A voter that can be spared.
    fn healthy_voter(&self) -> Option<MemberId> {
        let (voters, damaged) = self.cluster.voters_and_damaged();
        let left = voters.len().checked_sub(1)?;
        if left < 3 || (left - damaged) * 2 <= left {
            return None;
        }
        let nodes = self.cluster.nodes();
        let healthy: Vec<_> = voters.into_iter().filter(|id| !nodes[id].is_damaged()).collect();
        let at = usize::try_from(self.random.below(healthy.len() as u64)).unwrap_or(0);
        healthy.get(at).copied()
    }

    /// Takes a new member in; false if there have been enough.
    async fn grow(&self, promoted: bool) -> bool {
        let cluster = &self.cluster;
        if cluster.newest_id() >= MOST_IDS {
            return false;
        }
        let (id, addr) = cluster.add_machine();
        if !self.carry_out(MembershipChange::Add { id, addr, joining: false }).await {
            return false;
        }
        cluster.start(id);
        if self.random.below(3) == 0 {
            cluster.clock.sleep(ms(self.random.below(500))).await;
        }
        if promoted {
            if !self.carry_out(MembershipChange::Promote { id }).await {
                return false;
            }
            if let Some(node) = cluster.nodes().get_mut(&id) {
                node.voter = true;
            }
        }
        true
    }

    async fn remove(&self, id: MemberId) {
        let cluster = &self.cluster;
        if let Some(node) = cluster.nodes().get_mut(&id) {
            node.voter = false;
        }
        if self.carry_out(MembershipChange::Remove { id, force: false }).await {
            // It runs on for a while and must disturb nobody.
            cluster.clock.sleep(ms(self.random.below(600))).await;
            cluster.retire(id);
        }
    }

    /// Moves a member to another address, the machine first or the news of it first.
    async fn relocate(&self) {
        let cluster = &self.cluster;
        let up = cluster.with_health(Health::Up);
        let at = usize::try_from(self.random.below(up.len().max(1) as u64)).unwrap_or(0);
        let Some(id) = up.get(at).copied() else { return };
        let (voters, _) = cluster.voters_and_damaged();
        // A damaged one may be lost while the move goes on.
        let sound = |other: &MemberId| !cluster.nodes()[other].is_damaged();
        let others = up.iter().filter(|other| **other != id && voters.contains(other));
        let others = others.filter(|other| sound(other)).count();
        if others * 2 <= voters.len() {
            // Nobody could note the move while the others look for it where it was.
            return;
        }
        let addr = format!("member-{id}:{}", 2 + self.random.below(1000));
        let change = MembershipChange::Move { id, addr: addr.clone() };
        // A leader that was told looks for the member at the new address alone: if its vote is needed
        // then, because another one is down, it has to be there first.
        let told_first = self.random.below(2) == 0 && up == cluster.ids();
        if told_first && !self.carry_out(change.clone()).await {
            return;
        }
        cluster.take_down(id, Crash::KeepAll);
        if let Some(node) = cluster.nodes().get_mut(&id) {
            node.addr = addr;
        }
        cluster.clock.sleep(ms(self.random.below(100))).await;
        cluster.start(id);
        if !told_first {
            self.carry_out(change).await;
        }
    }

    /// Asks one member after the other until the change is made.
    async fn carry_out(&self, change: MembershipChange) -> bool {
        let cluster = &self.cluster;
        let give_up = cluster.control.now() + PATIENCE;
        let mut last = None;
        while cluster.control.now() < give_up && !cluster.findings.any() {
            if let Some((via, core)) = self.whom_to_ask(&change) {
                let asking = change.clone();
                let asked =
                    cluster.control.spawn_on(host_of(via), async move { ask(&core, asking).await });
                let answer = timeout(&*cluster.clock, ms(2500), asked).await;
                match answer.and_then(Result::ok) {
                    Some(Ok(members)) => return self.check(&distinct(&members), &members),
                    // Made by an earlier attempt whose answer was lost.
                    Some(Err(error)) if was_made(&change, &error) => return true,
                    Some(Err(error)) => last = Some(error),
                    None => {}
                }
            }
            cluster.clock.sleep(ms(20 + self.random.below(150))).await;
        }
        cluster
            .findings
            .violation(format!("{change:?} cannot be made: {last:?}; {}", cluster.stand()));
        false
    }

    /// Any member, and every other time the one that has moved: if it leads, the rest looks for it at
    /// its old address.
    fn whom_to_ask(&self, change: &MembershipChange) -> Option<(MemberId, Core)> {
        let cluster = &self.cluster;
        if let MembershipChange::Move { id, .. } = change
            && self.random.below(2) == 0
            && let Some((core, _)) = cluster.core(*id)
        {
            return Some((*id, core));
        }
        cluster.any(&*self.random).map(|(via, core, _)| (via, core))
    }

    /// No id and no address occurs twice in what a change is answered with.
    fn check(&self, ids: &[MemberId], members: &[ClusterMember]) -> bool {
        let mut addresses: Vec<_> = members.iter().map(|member| &member.addr).collect();
        addresses.sort();
        addresses.dedup();
        if ids.len() != members.len() || addresses.len() != members.len() {
            self.cluster.findings.violation(format!("members occur twice: {members:?}"));
        }
        true
    }
}

fn was_made(change: &MembershipChange, error: &MembershipError) -> bool {
    match change {
        MembershipChange::Promote { .. } => matches!(error, MembershipError::NotLearner { .. }),
        MembershipChange::Remove { .. } => matches!(error, MembershipError::NotFound { .. }),
        _ => false,
    }
}

fn distinct(members: &[ClusterMember]) -> Vec<MemberId> {
    let mut ids: Vec<_> = members.iter().map(|member| member.id).collect();
    ids.sort();
    ids.dedup();
    ids
}

async fn ask(core: &Core, change: MembershipChange) -> Result<Vec<ClusterMember>, MembershipError> {
    match change {
        MembershipChange::Add { id, addr, .. } => core.add_learner(id, addr).await,
        MembershipChange::Promote { id } => core.promote(id).await,
        MembershipChange::Remove { id, .. } => core.remove(id).await,
        MembershipChange::Move { id, addr } => core.relocate(id, addr).await,
        MembershipChange::Publish { .. } => unreachable!("operators do not tell for members"),
    }
}
