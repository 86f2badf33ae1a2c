//! Who belongs to the cluster, and changing it while it runs.
//!
//! Place: asked on any member, decided and carried out by the leader.
//!
//! Invariants: a new member is a learner first and gets a vote only once it has caught up; no change
//! may leave the members that answer without a majority (etcd's `strict-reconfig-check`); a change
//! asked for twice is done once.

use crate::consensus::{Consensus, Inner};
use crate::requests::{Attempt, Request, stopped};
use crate::transport::Method;
use crate::types::{LogId, Node, TypeConfig};
use crate::wire;
use bytes::Bytes;
use futures::future::BoxFuture;
use openraft::ChangeMembers;
use openraft::async_runtime::{Instant, WatchReceiver};
use openraft::error::{ChangeMembershipError, ClientWriteError, RaftError};
use quorate_seams::bug;
use quorate_store::Error as StoreError;
use quorate_types::MemberId;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use thiserror::Error;

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Votes and counts for a majority.
    Voter,
    /// Receives everything and decides nothing.
    Learner,
}

/// A member as the cluster knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterMember {
    /// Its id, never used for another member.
    pub id: MemberId,
    /// Its addresses for member-to-member traffic: `host:port`, or URLs separated by commas.
    pub addr: String,
    /// What it may do.
    pub role: Role,
    /// Its name; empty until it has published it.
    pub name: String,
    /// Where clients reach it; empty until it has published it.
    pub client_urls: Vec<String>,
    /// A learner that asks for a vote by itself once it has caught up.
    pub joining: bool,
}

impl ClusterMember {
    /// A member that has published nothing.
    pub fn new(id: MemberId, addr: impl Into<String>, role: Role) -> Self {
        let (name, client_urls) = (String::new(), Vec::new());
        Self { id, addr: addr.into(), role, name, client_urls, joining: false }
    }
}

/// A change of who belongs to the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MembershipChange {
    /// Takes in a learner.
    Add {
        /// Its id: one that this cluster has never had.
        id: MemberId,
        /// Its addresses: `host:port`, or URLs separated by commas.
        addr: String,
        /// Whether it asks for a vote by itself once it has caught up.
        joining: bool,
    },
    /// Gives a learner that has caught up a vote.
    Promote {
        /// The learner.
        id: MemberId,
    },
    /// Takes a member out for good.
    Remove {
        /// The member.
        id: MemberId,
        /// Even if too few of those that are left would answer.
        force: bool,
    },
    /// Notes the new address of a member.
    Move {
        /// The member.
        id: MemberId,
        /// Its new addresses: `host:port`, or URLs separated by commas.
        addr: String,
    },
    /// Notes what a member says about itself.
    Publish {
        /// The member.
        id: MemberId,
        /// Its name.
        name: String,
        /// Where clients reach it.
        client_urls: Vec<String>,
    },
}

/// Why the cluster's members stay as they are.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MembershipError {
    /// The id is taken.
    #[error("member {id} exists already, at {addr}: give the new member an id of its own")]
    Exists {
        /// The id.
        id: MemberId,
        /// Where the member of that id is.
        addr: String,
    },
    /// The address is taken.
    #[error("address {addr} belongs to member {id} already: remove that one first")]
    AddressInUse {
        /// Whose it is.
        id: MemberId,
        /// The address.
        addr: String,
    },
    /// There is no such member.
    #[error("member {id} does not exist: it was never added, or was removed")]
    NotFound {
        /// The id.
        id: MemberId,
    },
    /// Only a learner can be promoted.
    #[error("member {id} has a vote already")]
    NotLearner {
        /// The member.
        id: MemberId,
    },
    /// The learner lags.
    #[error(
        "learner {id} has not caught up: it has {matched} of {last} log entries; wait and try again"
    )]
    NotReady {
        /// The learner.
        id: MemberId,
        /// Entries that it has.
        matched: u64,
        /// Entries that the leader has.
        last: u64,
    },
    /// Too few of the members left would answer.
    #[error(
        "{active} of {voters} members would answer after this change, fewer than a majority: start the \
         members that are down, or remove those first"
    )]
    Unhealthy {
        /// Voters that answered the leader lately and would be left.
        active: usize,
        /// Voters that would be left.
        voters: usize,
    },
    /// The last voter cannot go.
    #[error("member {id} is the only one with a vote: shut the cluster down instead")]
    LastVoter {
        /// The member.
        id: MemberId,
    },
    /// Another change is under way.
    #[error("another change of members is under way: wait and try again")]
    InProgress,
    /// The leader could not be asked, or its answer was lost.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A member as its leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follower {
    /// Which.
    pub id: MemberId,
    /// The last entry that it is known to have.
    pub matched: Option<u64>,
    /// How long ago it was heard of; `None` before the first time.
    pub silent: Option<Duration>,
}

impl Consensus {
    /// How far the other members are; empty unless this member leads.
    #[must_use]
    pub fn followers(&self) -> Vec<Follower> {
        let metrics = self.inner.raft.metrics();
        let metrics = metrics.borrow_watched();
        let heard = metrics.heartbeat.as_ref();
        let replication = metrics.replication.iter().flatten();
        replication
            .filter(|(id, _)| **id != self.inner.options.id.0)
            .map(|(id, matched)| {
                let at = heard.and_then(|heard| heard.get(id)).cloned().flatten();
                Follower {
                    id: MemberId(*id),
                    matched: matched.as_ref().map(|id| id.index),
                    silent: at.map(|at| at.elapsed()),
                }
            })
            .collect()
    }

    /// All members, voters first, each by id; as this member knows them.
    #[must_use]
    pub fn members(&self) -> Vec<ClusterMember> {
        self.inner.members()
    }

    /// Changes who belongs to the cluster, on whichever member leads, and answers with all members.
    /// Harmless to repeat.
    ///
    /// # Errors
    /// See [`MembershipError`]; nothing has changed then, except perhaps after
    /// [`MembershipError::Store`].
    pub async fn change_members(
        &self,
        change: MembershipChange,
    ) -> Result<Vec<ClusterMember>, MembershipError> {
        let here = || -> BoxFuture<'_, _> { Box::pin(self.change_members_here(change.clone())) };
        let request = Request {
            method: Method::ChangeMembers,
            body: wire::encode_change(&change),
            idempotent: true,
            here: &here,
            decode: |bytes| wire::decode_changed(bytes).map_err(|error| error.to_string()),
        };
        self.at_leader(request, self.deadline()).await?
    }

    pub(crate) async fn serve_change(&self, body: Bytes) -> Attempt<Bytes> {
        match wire::decode_change(body) {
            Ok(change) => {
                let attempt = self.change_members_here(change).await;
                attempt.map(|changed| Attempt::Done(wire::encode_changed(&changed)))
            }
            Err(error) => Attempt::Refused(error.to_string()),
        }
    }

    async fn change_members_here(
        &self,
        change: MembershipChange,
    ) -> Attempt<Result<Vec<ClusterMember>, MembershipError>> {
        let _one = self.inner.changing.lock().await;
        if !self.inner.raft.is_leader() {
            return Attempt::Refused("this member does not lead".to_owned());
        }
        if let MembershipChange::Promote { id } = &change
            && !self.ensure_recorded(*id).await
        {
            let last = self.inner.last_index();
            return Attempt::Done(Err(MembershipError::NotReady { id: *id, matched: 0, last }));
        }
        let plan = match self.decide(&change).await {
            Attempt::Done(Decision::Make(plan)) => plan,
            Attempt::Done(Decision::Answer(answer)) => return Attempt::Done(answer),
            Attempt::Refused(reason) => return Attempt::Refused(reason),
            Attempt::Unknown(reason) => return Attempt::Unknown(reason),
        };
        let Inner { clock, options, raft, .. } = &*self.inner;
        let give_up = clock.now() + options.timing.election_min;
        loop {
            match raft.change_membership(plan.clone(), false).await {
                Ok(_) => return Attempt::Done(Ok(self.members())),
                // Only one change is made at a time: the one that openraft means is an earlier leader's,
                // which this one has yet to commit.
                Err(RaftError::APIError(error)) if is_early(&error) && clock.now() < give_up => {
                    clock.sleep(options.timing.heartbeat.min(Duration::from_millis(20))).await;
                }
                Err(RaftError::APIError(error)) => return refused(error),
                Err(RaftError::Fatal(fatal)) => return stopped(&fatal),
            }
        }
    }
}

/// What the leader makes of a change that it is asked for.
enum Decision {
    Make(Plan),
    /// It is made already, or cannot be made.
    Answer(Result<Vec<ClusterMember>, MembershipError>),
}

impl Consensus {
    /// What to do about a change. What is answered without making a change rests on members that are
    /// committed: those of a change that is in this member's log alone can yet be lost.
    async fn decide(&self, change: &MembershipChange) -> Attempt<Decision> {
        loop {
            let (known, members) = (self.inner.membership_id(), self.members());
            let answer = match self.plan(change).await {
                Ok(Some(plan)) => return Attempt::Done(Decision::Make(plan)),
                Ok(None) => Ok(members),
                Err(error) => Err(error),
            };
            if answer.as_ref().is_err_and(is_of_the_moment)
                || bug("raft-believes-a-change-in-its-log")
            {
                return Attempt::Done(Decision::Answer(answer));
            }
            match self.settle(known).await {
                Attempt::Done(()) if self.inner.membership_id() == known => {
                    return Attempt::Done(Decision::Answer(answer));
                }
                Attempt::Done(()) => {}
                Attempt::Refused(reason) => return Attempt::Refused(reason),
                Attempt::Unknown(reason) => return Attempt::Unknown(reason),
            }
        }
    }

    /// What to ask of openraft. A leader that has just been elected hears of the others with its first
    /// heartbeats: it waits for those before it says that too few answer.
    async fn plan(&self, change: &MembershipChange) -> Result<Option<Plan>, MembershipError> {
        let Inner { clock, options, .. } = &*self.inner;
        let give_up = clock.now() + options.timing.election_min;
        loop {
            let plan = self.inner.plan(change).map(|plan| self.inner.with_births(plan));
            let early = clock.now() < give_up;
            if !early || !matches!(plan, Err(MembershipError::Unhealthy { .. })) {
                return plan;
            }
            clock.sleep(options.timing.heartbeat.min(Duration::from_millis(20))).await;
        }
    }
}

/// Whether an error says who answers at the moment, and not who belongs to the cluster.
fn is_of_the_moment(error: &MembershipError) -> bool {
    matches!(error, MembershipError::Unhealthy { .. } | MembershipError::NotReady { .. })
}

fn is_early(error: &ClientWriteError<TypeConfig>) -> bool {
    use ClientWriteError::ChangeMembershipError as Change;
    matches!(error, Change(ChangeMembershipError::InProgress(_)))
}

fn refused<T>(error: ClientWriteError<TypeConfig>) -> Attempt<Result<T, MembershipError>> {
    match error {
        ClientWriteError::ChangeMembershipError(ChangeMembershipError::InProgress(_)) => {
            Attempt::Done(Err(MembershipError::InProgress))
        }
        ClientWriteError::LogEntryDiscarded(_) => Attempt::Unknown(error.to_string()),
        error => Attempt::Refused(error.to_string()),
    }
}

type Plan = ChangeMembers<u64, Node>;

impl Inner {
    /// Where in the log the members that this member goes by were written.
    fn membership_id(&self) -> Option<LogId> {
        *self.raft.metrics().borrow_watched().membership_config.log_id()
    }

    fn members(&self) -> Vec<ClusterMember> {
        let metrics = self.raft.metrics();
        let config = metrics.borrow_watched().membership_config.clone();
        let voters: BTreeSet<u64> = config.voter_ids().collect();
        let mut members: Vec<_> = config
            .nodes()
            .map(|(id, node)| ClusterMember {
                id: MemberId(*id),
                addr: node.addr.clone(),
                role: if voters.contains(id) { Role::Voter } else { Role::Learner },
                name: node.name.clone(),
                client_urls: node.client_urls.clone(),
                joining: node.joining && !voters.contains(id),
            })
            .collect();
        members.sort_by_key(|member| (member.role != Role::Voter, member.id));
        members
    }

    /// What is known of a log stays known, whatever else is noted of its member.
    fn with_births(&self, plan: Option<Plan>) -> Option<Plan> {
        let Some(ChangeMembers::SetNodes(mut nodes)) = plan else { return plan };
        for (id, node) in &mut nodes {
            node.birth = self.recorded(*id).unwrap_or_default();
        }
        Some(ChangeMembers::SetNodes(nodes))
    }

    /// What to ask of openraft; nothing if the change has been made before.
    fn plan(&self, change: &MembershipChange) -> Result<Option<Plan>, MembershipError> {
        let members = self.members();
        match change {
            MembershipChange::Add { id, addr, joining } => add(&members, *id, addr, *joining),
            MembershipChange::Promote { id } => {
                if find(&members, *id)?.role == Role::Voter {
                    return Err(MembershipError::NotLearner { id: *id });
                }
                self.check_caught_up(*id)?;
                self.check_majority(&members, |voters| voters.insert(*id))?;
                Ok(Some(ChangeMembers::AddVoterIds(BTreeSet::from([id.0]))))
            }
            MembershipChange::Remove { id, force } => self.remove(&members, *id, *force),
            MembershipChange::Move { id, addr } => relocate(&members, *id, addr),
            MembershipChange::Publish { id, name, client_urls } => {
                publish(&members, *id, name, client_urls)
            }
        }
    }

    fn remove(
        &self,
        members: &[ClusterMember],
        id: MemberId,
        force: bool,
    ) -> Result<Option<Plan>, MembershipError> {
        // Removing twice is removing once; an id that never was is a mistake that this cannot tell.
        let Ok(member) = find(members, id) else { return Err(MembershipError::NotFound { id }) };
        if member.role == Role::Learner {
            return Ok(Some(ChangeMembers::RemoveNodes(BTreeSet::from([id.0]))));
        }
        if members.iter().filter(|member| member.role == Role::Voter).count() == 1 {
            return Err(MembershipError::LastVoter { id });
        }
        if !force {
            self.check_majority(members, |voters| voters.remove(&id))?;
        }
        Ok(Some(ChangeMembers::RemoveVoters(BTreeSet::from([id.0]))))
    }

    /// Entries that the leader has.
    fn last_index(&self) -> u64 {
        self.raft.metrics().borrow_watched().last_log_index.map_or(0, |index| index + 1)
    }

    /// etcd's rule: a learner is ready when it has nine tenths of the leader's log.
    fn check_caught_up(&self, id: MemberId) -> Result<(), MembershipError> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let last = metrics.last_log_index.map_or(0, |index| index + 1);
        let matched =
            metrics.replication.as_ref().and_then(|all| all.get(&id.0).cloned().flatten());
        let matched = matched.map_or(0, |log_id| log_id.index + 1);
        if matched.saturating_mul(10) < last.saturating_mul(9) {
            return Err(MembershipError::NotReady { id, matched, last });
        }
        Ok(())
    }

    /// Whether a majority of the voters after a change has answered the leader lately.
    fn check_majority(
        &self,
        members: &[ClusterMember],
        change: impl FnOnce(&mut BTreeSet<MemberId>) -> bool,
    ) -> Result<(), MembershipError> {
        let voters = members.iter().filter(|member| member.role == Role::Voter);
        let mut voters: BTreeSet<MemberId> = voters.map(|member| member.id).collect();
        change(&mut voters);
        let answering = self.answering();
        let active = voters.iter().filter(|id| answering.contains(id)).count();
        if active * 2 <= voters.len() {
            return Err(MembershipError::Unhealthy { active, voters: voters.len() });
        }
        Ok(())
    }

    /// The members that the leader has heard of within two election timeouts, itself included.
    fn answering(&self) -> BTreeSet<MemberId> {
        let lately = self.options.timing.election_max * 2;
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let heard = metrics.heartbeat.iter().flatten();
        heard
            .filter(|(_, at)| at.as_ref().is_some_and(|at| at.elapsed() <= lately))
            .map(|(id, _)| MemberId(*id))
            .chain([self.options.id])
            .collect()
    }
}

fn find(members: &[ClusterMember], id: MemberId) -> Result<&ClusterMember, MembershipError> {
    members.iter().find(|member| member.id == id).ok_or(MembershipError::NotFound { id })
}

fn add(
    members: &[ClusterMember],
    id: MemberId,
    addr: &str,
    joining: bool,
) -> Result<Option<Plan>, MembershipError> {
    if let Ok(member) = find(members, id) {
        if member.addr == addr {
            return Ok(None);
        }
        return Err(MembershipError::Exists { id, addr: member.addr.clone() });
    }
    check_address(members, id, addr)?;
    let added = Node { joining, ..Node::at(addr) };
    Ok(Some(ChangeMembers::AddNodes(BTreeMap::from([(id.0, added)]))))
}

fn relocate(
    members: &[ClusterMember],
    id: MemberId,
    addr: &str,
) -> Result<Option<Plan>, MembershipError> {
    let member = find(members, id)?;
    if member.addr == addr {
        return Ok(None);
    }
    check_address(members, id, addr)?;
    let moved = Node { addr: addr.to_owned(), ..node_of(member) };
    Ok(Some(ChangeMembers::SetNodes(BTreeMap::from([(id.0, moved)]))))
}

fn publish(
    members: &[ClusterMember],
    id: MemberId,
    name: &str,
    client_urls: &[String],
) -> Result<Option<Plan>, MembershipError> {
    let member = find(members, id)?;
    if member.name == name && member.client_urls == client_urls {
        return Ok(None);
    }
    let (name, client_urls) = (name.to_owned(), client_urls.to_vec());
    let told = Node { name, client_urls, ..node_of(member) };
    Ok(Some(ChangeMembers::SetNodes(BTreeMap::from([(id.0, told)]))))
}

fn check_address(
    members: &[ClusterMember],
    id: MemberId,
    addr: &str,
) -> Result<(), MembershipError> {
    let taken = |other: &ClusterMember| {
        other.id != id && other.addr.split(',').any(|one| addr.split(',').any(|new| new == one))
    };
    match members.iter().find(|member| taken(member)) {
        Some(other) => Err(MembershipError::AddressInUse { id: other.id, addr: addr.to_owned() }),
        None => Ok(()),
    }
}

/// What the membership records about a member.
pub(crate) fn node_of(member: &ClusterMember) -> Node {
    let ClusterMember { addr, name, client_urls, joining, .. } = member.clone();
    Node { addr, name, client_urls, joining, birth: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members() -> Vec<ClusterMember> {
        let member = |id, role| ClusterMember::new(MemberId(id), format!("host-{id}:1"), role);
        vec![member(1, Role::Voter), member(2, Role::Learner)]
    }

    #[test]
    fn adding_is_harmless_to_repeat_and_never_takes_an_id_or_address_twice() {
        let again = add(&members(), MemberId(2), "host-2:1", false);
        assert_eq!(again, Ok(None));
        let taken = add(&members(), MemberId(2), "host-3:1", false).unwrap_err();
        assert_eq!(taken, MembershipError::Exists { id: MemberId(2), addr: "host-2:1".into() });
        let in_use = add(&members(), MemberId(3), "host-1:1", false).unwrap_err();
        let expected = MembershipError::AddressInUse { id: MemberId(1), addr: "host-1:1".into() };
        assert_eq!(in_use, expected);
        assert!(matches!(add(&members(), MemberId(3), "host-3:1", true), Ok(Some(_))));
    }

    #[test]
    fn of_several_addresses_none_may_belong_to_another_member() {
        let mut members = members();
        members[0].addr = "http://a:1,http://b:1".to_owned();
        let taken = add(&members, MemberId(3), "http://c:1,http://b:1", false);
        assert!(matches!(taken, Err(MembershipError::AddressInUse { .. })), "{taken:?}");
    }

    #[test]
    fn what_a_member_says_of_itself_is_noted_once_and_kept_when_it_moves() {
        let urls = ["http://c:1".to_owned()];
        let told = publish(&members(), MemberId(1), "one", &urls);
        let Ok(Some(ChangeMembers::SetNodes(nodes))) = told else { panic!("{told:?}") };
        let mut members = members();
        members[0].name = nodes[&1].name.clone();
        members[0].client_urls = nodes[&1].client_urls.clone();
        assert_eq!(publish(&members, MemberId(1), "one", &urls), Ok(None));
        let moved = relocate(&members, MemberId(1), "host-7:1");
        let Ok(Some(ChangeMembers::SetNodes(nodes))) = moved else { panic!("{moved:?}") };
        assert_eq!((&*nodes[&1].name, &*nodes[&1].addr), ("one", "host-7:1"));
        assert!(publish(&members, MemberId(9), "x", &[]).is_err());
    }

    #[test]
    fn moving_needs_a_member_and_a_free_address() {
        let missing = relocate(&members(), MemberId(9), "host-9:1").unwrap_err();
        assert_eq!(missing, MembershipError::NotFound { id: MemberId(9) });
        assert_eq!(relocate(&members(), MemberId(1), "host-1:1"), Ok(None));
        assert!(relocate(&members(), MemberId(1), "host-2:1").is_err());
        assert!(matches!(relocate(&members(), MemberId(1), "host-7:1"), Ok(Some(_))));
    }
}
