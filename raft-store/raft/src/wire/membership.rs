//! Changes of the cluster's members, and what came of them.

use super::{WireError, decode, encode_message, required};
use crate::membership::{ClusterMember, MembershipChange, MembershipError, Role};
use bytes::Bytes;
use quorate_types::{ClusterId, MemberId};

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct ChangeMsg {
    /// 1 add, 2 promote, 3 remove, 4 move, 5 publish.
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(uint64, tag = "2")]
    id: u64,
    #[prost(string, tag = "3")]
    addr: String,
    #[prost(bool, tag = "4")]
    joining: bool,
    #[prost(bool, tag = "5")]
    force: bool,
    #[prost(string, tag = "6")]
    name: String,
    #[prost(string, repeated, tag = "7")]
    client_urls: Vec<String>,
}

pub(crate) fn encode_change(change: &MembershipChange) -> Bytes {
    let of = |kind, id: MemberId| ChangeMsg { kind, id: id.0, ..ChangeMsg::default() };
    encode_message(&match change.clone() {
        MembershipChange::Add { id, addr, joining } => ChangeMsg { addr, joining, ..of(1, id) },
        MembershipChange::Promote { id } => of(2, id),
        MembershipChange::Remove { id, force } => ChangeMsg { force, ..of(3, id) },
        MembershipChange::Move { id, addr } => ChangeMsg { addr, ..of(4, id) },
        MembershipChange::Publish { id, name, client_urls } => {
            ChangeMsg { name, client_urls, ..of(5, id) }
        }
    })
}

pub(crate) fn decode_change(bytes: Bytes) -> Result<MembershipChange, WireError> {
    let ChangeMsg { kind, id, addr, joining, force, name, client_urls } =
        decode("membership change", bytes)?;
    let id = MemberId(id);
    Ok(match kind {
        1 => MembershipChange::Add { id, addr, joining },
        2 => MembershipChange::Promote { id },
        3 => MembershipChange::Remove { id, force },
        4 => MembershipChange::Move { id, addr },
        5 => MembershipChange::Publish { id, name, client_urls },
        other => return Err(WireError::new("membership change", format!("unknown kind {other}"))),
    })
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct MemberMsg {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(string, tag = "2")]
    addr: String,
    #[prost(bool, tag = "3")]
    voter: bool,
    #[prost(string, tag = "4")]
    name: String,
    #[prost(string, repeated, tag = "5")]
    client_urls: Vec<String>,
    #[prost(bool, tag = "6")]
    joining: bool,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct MembersMsg {
    #[prost(message, repeated, tag = "1")]
    members: Vec<MemberMsg>,
}

/// A refusal: its kind, and the numbers and texts that belong to it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct RefusalMsg {
    /// 1 exists, 2 address in use, 3 not found, 4 not a learner, 5 not ready, 6 unhealthy,
    /// 7 last voter, 8 in progress.
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(uint64, tag = "2")]
    id: u64,
    #[prost(string, tag = "3")]
    addr: String,
    #[prost(uint64, tag = "4")]
    have: u64,
    #[prost(uint64, tag = "5")]
    want: u64,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct ChangedMsg {
    #[prost(oneof = "Outcome", tags = "1, 2")]
    outcome: Option<Outcome>,
}

#[derive(Clone, PartialEq, Eq, prost::Oneof)]
enum Outcome {
    #[prost(message, tag = "1")]
    Members(MembersMsg),
    #[prost(message, tag = "2")]
    Refusal(RefusalMsg),
}

type Changed = Result<Vec<ClusterMember>, MembershipError>;

pub(crate) fn encode_changed(changed: &Changed) -> Bytes {
    let outcome = match changed {
        Ok(members) => Outcome::Members(members_msg(members)),
        Err(error) => Outcome::Refusal(refusal(error)),
    };
    encode_message(&ChangedMsg { outcome: Some(outcome) })
}

fn refusal(error: &MembershipError) -> RefusalMsg {
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let of = |kind, id: MemberId, addr: &str, have, want| RefusalMsg {
        kind,
        id: id.0,
        addr: addr.to_owned(),
        have,
        want,
    };
    match error {
        MembershipError::Exists { id, addr } => of(1, *id, addr, 0, 0),
        MembershipError::AddressInUse { id, addr } => of(2, *id, addr, 0, 0),
        MembershipError::NotFound { id } => of(3, *id, "", 0, 0),
        MembershipError::NotLearner { id } => of(4, *id, "", 0, 0),
        MembershipError::NotReady { id, matched, last } => of(5, *id, "", *matched, *last),
        MembershipError::Unhealthy { active, voters } => {
            of(6, MemberId(0), "", count(*active), count(*voters))
        }
        MembershipError::LastVoter { id } => of(7, *id, "", 0, 0),
        // The leader answers for itself; that it cannot be asked is found out on this side.
        MembershipError::InProgress | MembershipError::Store(_) => of(8, MemberId(0), "", 0, 0),
    }
}

pub(crate) fn decode_changed(bytes: Bytes) -> Result<Changed, WireError> {
    const NAME: &str = "changed members";
    let message: ChangedMsg = decode(NAME, bytes)?;
    let RefusalMsg { kind, id, addr, have, want } =
        match required(NAME, "outcome", message.outcome)? {
            Outcome::Members(members) => {
                return Ok(Ok(members.members.into_iter().map(from).collect()));
            }
            Outcome::Refusal(refusal) => refusal,
        };
    let id = MemberId(id);
    let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    Ok(Err(match kind {
        1 => MembershipError::Exists { id, addr },
        2 => MembershipError::AddressInUse { id, addr },
        3 => MembershipError::NotFound { id },
        4 => MembershipError::NotLearner { id },
        5 => MembershipError::NotReady { id, matched: have, last: want },
        6 => MembershipError::Unhealthy { active: count(have), voters: count(want) },
        7 => MembershipError::LastVoter { id },
        8 => MembershipError::InProgress,
        other => return Err(WireError::new(NAME, format!("unknown refusal {other}"))),
    }))
}

fn members_msg(members: &[ClusterMember]) -> MembersMsg {
    let members = members.iter().cloned().map(|member| {
        let ClusterMember { id, addr, role, name, client_urls, joining } = member;
        MemberMsg { id: id.0, addr, voter: role == Role::Voter, name, client_urls, joining }
    });
    MembersMsg { members: members.collect() }
}

fn from(member: MemberMsg) -> ClusterMember {
    let MemberMsg { id, addr, voter, name, client_urls, joining } = member;
    let role = if voter { Role::Voter } else { Role::Learner };
    ClusterMember { id: MemberId(id), addr, role, name, client_urls, joining }
}

/// What a member says about its cluster to whoever asks.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct DescriptionMsg {
    #[prost(uint64, tag = "1")]
    cluster: u64,
    #[prost(message, optional, tag = "2")]
    members: Option<MembersMsg>,
}

pub(crate) fn encode_description(cluster: ClusterId, members: &[ClusterMember]) -> Bytes {
    let members = Some(members_msg(members));
    encode_message(&DescriptionMsg { cluster: cluster.0, members })
}

pub(crate) fn decode_description(
    bytes: Bytes,
) -> Result<(ClusterId, Vec<ClusterMember>), WireError> {
    const NAME: &str = "description";
    let DescriptionMsg { cluster, members } = decode(NAME, bytes)?;
    let members = required(NAME, "members", members)?;
    Ok((ClusterId(cluster), members.members.into_iter().map(from).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_and_what_came_of_them_survive_the_way_there_and_back() {
        let id = MemberId(7);
        let addr = || "host:1".to_owned();
        for change in [
            MembershipChange::Add { id, addr: addr(), joining: true },
            MembershipChange::Promote { id },
            MembershipChange::Remove { id, force: true },
            MembershipChange::Move { id, addr: addr() },
            MembershipChange::Publish { id, name: "n".to_owned(), client_urls: vec![addr()] },
        ] {
            assert_eq!(decode_change(encode_change(&change)).unwrap(), change);
        }
        let member = |role| ClusterMember {
            name: "n".to_owned(),
            client_urls: vec![addr()],
            joining: role == Role::Learner,
            ..ClusterMember::new(id, addr(), role)
        };
        for changed in [
            Ok(vec![member(Role::Voter), member(Role::Learner)]),
            Ok(Vec::new()),
            Err(MembershipError::Exists { id, addr: addr() }),
            Err(MembershipError::AddressInUse { id, addr: addr() }),
            Err(MembershipError::NotFound { id }),
            Err(MembershipError::NotLearner { id }),
            Err(MembershipError::NotReady { id, matched: 3, last: 9 }),
            Err(MembershipError::Unhealthy { active: 1, voters: 3 }),
            Err(MembershipError::LastVoter { id }),
            Err(MembershipError::InProgress),
        ] {
            assert_eq!(decode_changed(encode_changed(&changed)).unwrap(), changed);
        }
        let members = vec![member(Role::Voter), member(Role::Learner)];
        let described = decode_description(encode_description(ClusterId(9), &members)).unwrap();
        assert_eq!(described, (ClusterId(9), members));
        assert!(decode_change(Bytes::from_static(&[8, 9])).is_err(), "an unknown kind");
    }
}
