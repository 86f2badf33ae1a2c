//! Who belongs to the cluster, changed from any member.

use crate::member_core::Core;
use quorate_raft::{ClusterMember, MembershipChange, MembershipError};
use quorate_types::MemberId;

/// What came of a change: all members, or why nothing changed.
type Changed = Result<Vec<ClusterMember>, MembershipError>;

impl Core {
    /// All members, voters first, as this one knows them.
    #[must_use]
    pub fn members(&self) -> Vec<ClusterMember> {
        self.inner.consensus.members()
    }

    /// Takes a member in that receives everything and does not vote yet. Start it with
    /// `MemberOptions::join` and this very id and address. Harmless to repeat.
    ///
    /// # Errors
    /// Id or address belong to another member, or no leader could be asked.
    pub async fn add_learner(&self, id: MemberId, addr: impl Into<String> + Send) -> Changed {
        self.change(MembershipChange::Add { id, addr: addr.into(), joining: false }).await
    }

    /// As [`Core::add_learner`], for a member that asks for its vote by itself once it has caught up,
    /// see [`Core::promote`].
    ///
    /// # Errors
    /// As [`Core::add_learner`].
    pub async fn add_joining(&self, id: MemberId, addr: impl Into<String> + Send) -> Changed {
        self.change(MembershipChange::Add { id, addr: addr.into(), joining: true }).await
    }

    /// Tells the cluster this member's name and where clients reach it.
    ///
    /// # Errors
    /// This member was removed, or no leader could be asked.
    pub async fn publish(
        &self,
        name: impl Into<String> + Send,
        client_urls: Vec<String>,
    ) -> Changed {
        let (id, name) = (self.id(), name.into());
        self.change(MembershipChange::Publish { id, name, client_urls }).await
    }

    /// Gives a learner a vote.
    ///
    /// # Errors
    /// [`MembershipError::NotReady`] until it has nine tenths of the log, as in etcd;
    /// [`MembershipError::Unhealthy`] if too few of the voters would answer.
    pub async fn promote(&self, id: MemberId) -> Changed {
        self.change(MembershipChange::Promote { id }).await
    }

    /// Takes a member out for good; its id must not come back. A leader may take itself out: it hands
    /// leadership over first.
    ///
    /// # Errors
    /// It is the last voter, or too few of those that are left would answer.
    pub async fn remove(&self, id: MemberId) -> Changed {
        self.remove_with(id, false).await
    }

    /// As [`Core::remove`], even if too few of those that are left would answer; the cluster may lose
    /// its majority by it.
    ///
    /// # Errors
    /// It is the last voter, or no leader could be asked.
    pub async fn remove_by_force(&self, id: MemberId) -> Changed {
        self.remove_with(id, true).await
    }

    async fn remove_with(&self, id: MemberId, force: bool) -> Changed {
        if id == self.id() {
            self.hand_over().await;
        }
        self.change(MembershipChange::Remove { id, force }).await
    }

    /// Notes that a member has moved to another address, or is about to.
    ///
    /// A leader that starts again elsewhere leads on, and the others look for it at its old address
    /// until this is noted: ask that member itself then, or note the move before it.
    ///
    /// # Errors
    /// There is no such member, or the address belongs to another one.
    pub async fn relocate(&self, id: MemberId, addr: impl Into<String> + Send) -> Changed {
        self.change(MembershipChange::Move { id, addr: addr.into() }).await
    }

    async fn change(&self, change: MembershipChange) -> Changed {
        self.inner.consensus.change_members(change).await
    }
}
