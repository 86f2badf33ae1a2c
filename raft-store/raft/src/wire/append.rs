//! Append requests and their replies.

use super::entry::{LogIdMsg, decode_payload, encode_payload};
use super::vote::VoteMsg;
use super::{WireError, decode, encode_message, required};
use crate::types::{Entry, LogId, TypeConfig, log_id};
use bytes::Bytes;
use openraft::entry::RaftEntry;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, StreamAppendError, StreamAppendResult,
};

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct AppendMsg {
    #[prost(message, optional, tag = "1")]
    vote: Option<VoteMsg>,
    #[prost(message, optional, tag = "2")]
    prev: Option<LogIdMsg>,
    #[prost(message, optional, tag = "3")]
    commit: Option<LogIdMsg>,
    #[prost(message, repeated, tag = "4")]
    entries: Vec<EntryMsg>,
    /// The birth of the log that the request is for; 0 for any.
    #[prost(fixed64, tag = "5")]
    birth: u64,
    /// The birth of the sender's log; 0 when nobody said.
    #[prost(fixed64, tag = "6")]
    from: u64,
    /// The last entry that is durable in the sender's log.
    #[prost(message, optional, tag = "7")]
    durable: Option<LogIdMsg>,
}

/// What goes with an append request: whom it is for, and what the sender has itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// The birth of the log that the request is for; 0 for any.
    pub(crate) birth: u64,
    /// The birth of the sender's log; 0 when nobody said.
    pub(crate) from: u64,
    /// The last entry that is durable in the sender's log.
    pub(crate) durable: Option<LogId>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct EntryMsg {
    #[prost(uint64, tag = "1")]
    term: u64,
    #[prost(uint64, tag = "2")]
    index: u64,
    #[prost(bytes = "bytes", tag = "3")]
    payload: Bytes,
}

pub(crate) fn encode_append(
    request: &AppendEntriesRequest<TypeConfig>,
    envelope: &Envelope,
) -> Bytes {
    let entry = |entry: &Entry| EntryMsg {
        term: entry.log_id.leader_id.term,
        index: entry.log_id.index,
        payload: encode_payload(&entry.payload),
    };
    encode_message(&AppendMsg {
        vote: Some((&request.vote).into()),
        prev: request.prev_log_id.as_ref().map(LogIdMsg::from),
        commit: request.leader_commit.as_ref().map(LogIdMsg::from),
        entries: request.entries.iter().map(entry).collect(),
        birth: envelope.birth,
        from: envelope.from,
        durable: envelope.durable.as_ref().map(LogIdMsg::from),
    })
}

/// Decodes an append request and what goes with it; payloads are copied out, so that no entry that is
/// kept keeps a receive buffer of the network alive.
pub(crate) fn decode_append(
    bytes: Bytes,
) -> Result<(Envelope, AppendEntriesRequest<TypeConfig>), WireError> {
    let message: AppendMsg = decode("append request", bytes)?;
    let durable = message.durable.map(LogId::from);
    let envelope = Envelope { birth: message.birth, from: message.from, durable };
    let entry = |entry: EntryMsg| {
        let payload = decode_payload(&Bytes::copy_from_slice(&entry.payload))?;
        Ok(Entry::new(log_id(entry.term, entry.index), payload))
    };
    let request = AppendEntriesRequest {
        vote: required("append request", "vote", message.vote)?.into(),
        prev_log_id: message.prev.map(LogId::from),
        leader_commit: message.commit.map(LogId::from),
        entries: message.entries.into_iter().map(entry).collect::<Result<_, WireError>>()?,
    };
    Ok((envelope, request))
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct AppendReplyMsg {
    #[prost(oneof = "ReplyKind", tags = "1, 2, 3")]
    kind: Option<ReplyKind>,
}

#[derive(Clone, PartialEq, Eq, prost::Oneof)]
enum ReplyKind {
    #[prost(message, tag = "1")]
    Matching(MatchingMsg),
    #[prost(message, tag = "2")]
    Conflict(LogIdMsg),
    #[prost(message, tag = "3")]
    HigherVote(VoteMsg),
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct MatchingMsg {
    #[prost(message, optional, tag = "1")]
    log_id: Option<LogIdMsg>,
}

pub(crate) fn encode_append_reply(reply: &StreamAppendResult<TypeConfig>) -> Bytes {
    let kind = match reply {
        Ok(matching) => {
            ReplyKind::Matching(MatchingMsg { log_id: matching.as_ref().map(LogIdMsg::from) })
        }
        Err(StreamAppendError::Conflict(at)) => ReplyKind::Conflict(at.into()),
        Err(StreamAppendError::HigherVote(vote)) => ReplyKind::HigherVote(vote.into()),
    };
    encode_message(&AppendReplyMsg { kind: Some(kind) })
}

pub(crate) fn decode_append_reply(
    bytes: Bytes,
) -> Result<StreamAppendResult<TypeConfig>, WireError> {
    let message: AppendReplyMsg = decode("append reply", bytes)?;
    Ok(match required("append reply", "kind", message.kind)? {
        ReplyKind::Matching(matching) => Ok(matching.log_id.map(LogId::from)),
        ReplyKind::Conflict(at) => Err(StreamAppendError::Conflict(at.into())),
        ReplyKind::HigherVote(vote) => Err(StreamAppendError::HigherVote(vote.into())),
    })
}

/// The stream form of the answer to a single append request.
pub(crate) fn unary_append_reply(
    prev: Option<LogId>,
    last: Option<LogId>,
    reply: AppendEntriesResponse<TypeConfig>,
) -> StreamAppendResult<TypeConfig> {
    match (reply, prev) {
        (AppendEntriesResponse::Conflict, Some(prev)) => Err(StreamAppendError::Conflict(prev)),
        // Nothing before the first entry can conflict; openraft never answers so.
        (AppendEntriesResponse::Conflict, None) => Ok(None),
        (reply, prev) => reply.into_stream_result(prev, last),
    }
}
