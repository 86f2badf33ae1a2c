//! Votes, elections and leader transfer.

use super::entry::LogIdMsg;
use super::{WireError, decode, encode_message, required};
use crate::types::{LogId, TypeConfig, Vote};
use bytes::Bytes;
use openraft::raft::{
    TransferLeaderError, TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};

/// A vote.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct VoteMsg {
    #[prost(uint64, tag = "1")]
    term: u64,
    #[prost(uint64, tag = "2")]
    member: u64,
    #[prost(bool, tag = "3")]
    committed: bool,
}

impl From<&Vote> for VoteMsg {
    fn from(vote: &Vote) -> Self {
        Self {
            term: vote.leader_id.term,
            member: vote.leader_id.voted_for,
            committed: vote.committed,
        }
    }
}

impl From<VoteMsg> for Vote {
    fn from(vote: VoteMsg) -> Self {
        if vote.committed {
            Self::new_committed(vote.term, vote.member)
        } else {
            Self::new(vote.term, vote.member)
        }
    }
}

pub(crate) fn encode_vote(vote: &Vote) -> Bytes {
    // A default message would be empty bytes; the log takes those for "never voted".
    encode_message(&StoredVoteMsg { format: 1, vote: Some(vote.into()) })
}

pub(crate) fn decode_vote(bytes: Bytes) -> Result<Vote, WireError> {
    let stored: StoredVoteMsg = decode("vote", bytes)?;
    if stored.format != 1 {
        return Err(WireError::new("vote", format!("unknown format {}", stored.format)));
    }
    Ok(required("vote", "vote", stored.vote)?.into())
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct StoredVoteMsg {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(message, optional, tag = "2")]
    vote: Option<VoteMsg>,
}

/// A request or reply of an election.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct ElectionMsg {
    #[prost(message, optional, tag = "1")]
    vote: Option<VoteMsg>,
    #[prost(message, optional, tag = "2")]
    last: Option<LogIdMsg>,
    /// Of a request: the leader asked for this election.
    #[prost(bool, tag = "3")]
    transfer: bool,
    /// Of a reply.
    #[prost(bool, tag = "4")]
    granted: bool,
    /// Of a request: the birth of the log that it is for; 0 for any.
    #[prost(fixed64, tag = "5")]
    birth: u64,
}

pub(crate) fn encode_vote_request(request: &VoteRequest<TypeConfig>, birth: u64) -> Bytes {
    encode_message(&ElectionMsg {
        vote: Some((&request.vote).into()),
        last: request.last_log_id.as_ref().map(LogIdMsg::from),
        transfer: request.leadership_transfer,
        granted: false,
        birth,
    })
}

/// Decodes a vote request and the birth that it is for.
pub(crate) fn decode_vote_request(
    bytes: Bytes,
) -> Result<(u64, VoteRequest<TypeConfig>), WireError> {
    let message: ElectionMsg = decode("vote request", bytes)?;
    let vote = required("vote request", "vote", message.vote)?.into();
    let mut request = VoteRequest::new(vote, message.last.map(LogId::from));
    request.leadership_transfer = message.transfer;
    Ok((message.birth, request))
}

pub(crate) fn encode_vote_reply(reply: &VoteResponse<TypeConfig>) -> Bytes {
    encode_message(&ElectionMsg {
        vote: Some((&reply.vote).into()),
        last: reply.last_log_id.as_ref().map(LogIdMsg::from),
        transfer: false,
        granted: reply.vote_granted,
        birth: 0,
    })
}

pub(crate) fn decode_vote_reply(bytes: Bytes) -> Result<VoteResponse<TypeConfig>, WireError> {
    let message: ElectionMsg = decode("vote reply", bytes)?;
    let vote: Vote = required("vote reply", "vote", message.vote)?.into();
    Ok(VoteResponse::new(vote, message.last.map(LogId::from), message.granted))
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct TransferMsg {
    #[prost(message, optional, tag = "1")]
    from: Option<VoteMsg>,
    #[prost(uint64, tag = "2")]
    to: u64,
    #[prost(message, optional, tag = "3")]
    last: Option<LogIdMsg>,
}

pub(crate) fn encode_transfer(request: &TransferLeaderRequest<TypeConfig>) -> Bytes {
    encode_message(&TransferMsg {
        from: Some(request.from_leader().into()),
        to: *request.to_node_id(),
        last: request.last_log_id().map(LogIdMsg::from),
    })
}

pub(crate) fn decode_transfer(
    bytes: Bytes,
) -> Result<TransferLeaderRequest<TypeConfig>, WireError> {
    let message: TransferMsg = decode("transfer request", bytes)?;
    let from = required("transfer request", "from", message.from)?.into();
    Ok(TransferLeaderRequest::new(from, message.to, message.last.map(LogId::from)))
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct TransferReplyMsg {
    #[prost(oneof = "Rejected", tags = "1, 2")]
    rejected: Option<Rejected>,
}

#[derive(Clone, PartialEq, Eq, prost::Oneof)]
enum Rejected {
    #[prost(message, tag = "1")]
    VoteChanged(VotesMsg),
    #[prost(message, tag = "2")]
    NotFlushed(LogIdsMsg),
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct VotesMsg {
    #[prost(message, optional, tag = "1")]
    expected: Option<VoteMsg>,
    #[prost(message, optional, tag = "2")]
    actual: Option<VoteMsg>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct LogIdsMsg {
    #[prost(message, optional, tag = "1")]
    expected: Option<LogIdMsg>,
    #[prost(message, optional, tag = "2")]
    actual: Option<LogIdMsg>,
}

pub(crate) fn encode_transfer_reply(reply: &TransferLeaderResponse<TypeConfig>) -> Bytes {
    let rejected = reply.as_ref().err().map(|error| match error {
        TransferLeaderError::VoteChanged { expected, actual } => Rejected::VoteChanged(VotesMsg {
            expected: Some(expected.into()),
            actual: Some(actual.into()),
        }),
        TransferLeaderError::LogNotFlushed { expected, actual } => {
            Rejected::NotFlushed(LogIdsMsg {
                expected: expected.as_ref().map(LogIdMsg::from),
                actual: actual.as_ref().map(LogIdMsg::from),
            })
        }
    });
    encode_message(&TransferReplyMsg { rejected })
}

pub(crate) fn decode_transfer_reply(
    bytes: Bytes,
) -> Result<TransferLeaderResponse<TypeConfig>, WireError> {
    const NAME: &str = "transfer reply";
    let message: TransferReplyMsg = decode(NAME, bytes)?;
    Ok(match message.rejected {
        None => Ok(()),
        Some(Rejected::VoteChanged(votes)) => Err(TransferLeaderError::VoteChanged {
            expected: required(NAME, "expected", votes.expected)?.into(),
            actual: required(NAME, "actual", votes.actual)?.into(),
        }),
        Some(Rejected::NotFlushed(ids)) => Err(TransferLeaderError::LogNotFlushed {
            expected: ids.expected.map(LogId::from),
            actual: ids.actual.map(LogId::from),
        }),
    })
}
