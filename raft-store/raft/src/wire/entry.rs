//! Log ids, entry payloads and memberships.

use super::{WireError, decode, encode_message};
use crate::types::{LogId, Membership, Node, Payload, Proposal, StoredMembership, log_id};
use bytes::{BufMut, Bytes, BytesMut};
use std::collections::{BTreeMap, BTreeSet};

/// A log id.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct LogIdMsg {
    #[prost(uint64, tag = "1")]
    pub(crate) term: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) index: u64,
}

impl From<&LogId> for LogIdMsg {
    fn from(id: &LogId) -> Self {
        Self { term: id.leader_id.term, index: id.index }
    }
}

impl From<LogIdMsg> for LogId {
    fn from(id: LogIdMsg) -> Self {
        log_id(id.term, id.index)
    }
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct MembershipMsg {
    #[prost(message, optional, tag = "1")]
    log_id: Option<LogIdMsg>,
    #[prost(message, repeated, tag = "2")]
    configs: Vec<ConfigMsg>,
    #[prost(message, repeated, tag = "3")]
    nodes: Vec<NodeMsg>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct ConfigMsg {
    #[prost(uint64, repeated, tag = "1")]
    voters: Vec<u64>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct NodeMsg {
    #[prost(uint64, tag = "1")]
    member: u64,
    #[prost(string, tag = "2")]
    addr: String,
    #[prost(string, tag = "3")]
    name: String,
    #[prost(string, repeated, tag = "4")]
    client_urls: Vec<String>,
    #[prost(bool, tag = "5")]
    joining: bool,
    /// The birth of the member's log; 0 until it is known.
    #[prost(fixed64, tag = "6")]
    birth: u64,
}

impl NodeMsg {
    fn of(member: u64, node: &Node) -> Self {
        let Node { addr, name, client_urls, joining, birth } = node.clone();
        Self { member, addr, name, client_urls, joining, birth }
    }

    fn split(self) -> (u64, Node) {
        let Self { member, addr, name, client_urls, joining, birth } = self;
        (member, Node { addr, name, client_urls, joining, birth })
    }
}

/// Encodes a membership with the log id that set it.
pub(crate) fn encode_membership(stored: &StoredMembership) -> Bytes {
    encode_message(&MembershipMsg {
        log_id: stored.log_id().as_ref().map(LogIdMsg::from),
        ..membership_msg(stored.membership())
    })
}

/// Decodes what [`encode_membership`] gave; no bytes are the empty membership.
pub(crate) fn decode_membership(bytes: &Bytes) -> Result<StoredMembership, WireError> {
    if bytes.is_empty() {
        return Ok(StoredMembership::default());
    }
    let message: MembershipMsg = decode("membership", bytes.clone())?;
    let id = message.log_id.map(LogId::from);
    Ok(StoredMembership::new(id, membership_of(message)?))
}

fn membership_msg(membership: &Membership) -> MembershipMsg {
    let configs = membership.get_joint_config().iter();
    let nodes = membership.nodes();
    MembershipMsg {
        log_id: None,
        configs: configs.map(|set| ConfigMsg { voters: set.iter().copied().collect() }).collect(),
        nodes: nodes.map(|(id, node)| NodeMsg::of(*id, node)).collect(),
    }
}

fn membership_of(message: MembershipMsg) -> Result<Membership, WireError> {
    let configs: Vec<BTreeSet<u64>> =
        message.configs.into_iter().map(|config| config.voters.into_iter().collect()).collect();
    let nodes: BTreeMap<u64, Node> = message.nodes.into_iter().map(NodeMsg::split).collect();
    if configs.is_empty() && nodes.is_empty() {
        return Ok(Membership::default());
    }
    Membership::new(configs, nodes).map_err(|error| WireError::new("membership", error))
}

const BLANK: u8 = 0;
const COMMAND: u8 = Proposal::KIND;
const MEMBERSHIP: u8 = 2;

/// Encodes what an entry carries: one byte for its kind, then the body.
pub(crate) fn encode_payload(payload: &Payload) -> Bytes {
    match payload {
        Payload::Blank => Bytes::from_static(&[BLANK]),
        Payload::Normal(proposal) => proposal.payload().clone(),
        Payload::Membership(membership) => {
            tagged(MEMBERSHIP, &encode_message(&membership_msg(membership)))
        }
    }
}

fn tagged(kind: u8, body: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(body.len() + 1);
    bytes.put_u8(kind);
    bytes.put_slice(body);
    bytes.freeze()
}

/// Decodes what [`encode_payload`] gave.
pub(crate) fn decode_payload(bytes: &Bytes) -> Result<Payload, WireError> {
    match bytes.first() {
        Some(&BLANK) => Ok(Payload::Blank),
        Some(&COMMAND) => Ok(Payload::Normal(Proposal::from_payload(bytes.clone()))),
        Some(&MEMBERSHIP) => {
            let message: MembershipMsg = decode("membership entry", bytes.slice(1..))?;
            Ok(Payload::Membership(membership_of(message)?))
        }
        Some(kind) => Err(WireError::new("entry payload", format!("unknown kind {kind}"))),
        None => Err(WireError::new("entry payload", "it is empty")),
    }
}
