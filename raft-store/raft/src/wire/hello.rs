//! What a member says of itself, and of the one that asks.

use super::entry::LogIdMsg;
use super::{WireError, decode, encode_message};
use crate::types::LogId;
use crate::witness::Extent;
use bytes::Bytes;

/// `Method::Hello`. No bytes: nobody in particular asks.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct Question {
    /// Who asks; 0 when nobody said.
    #[prost(uint64, tag = "1")]
    pub(crate) member: u64,
    /// The birth of its log.
    #[prost(fixed64, tag = "2")]
    pub(crate) birth: u64,
}

/// An answer to [`Question`]. No bytes: nothing is known.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct Hello {
    /// The birth of its log; 0 when nobody said.
    #[prost(fixed64, tag = "1")]
    pub(crate) birth: u64,
    /// Whether it has voted or holds entries.
    #[prost(bool, tag = "2")]
    pub(crate) initialized: bool,
    /// What it has seen of the log of the one that asks.
    #[prost(message, optional, tag = "3")]
    seen: Option<SeenMsg>,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct SeenMsg {
    #[prost(uint64, tag = "1")]
    term: u64,
    #[prost(message, optional, tag = "2")]
    last: Option<LogIdMsg>,
}

impl Hello {
    pub(crate) fn new(birth: u64, initialized: bool, seen: Option<Extent>) -> Self {
        let seen = seen.map(|extent| SeenMsg {
            term: extent.term,
            last: extent.last.as_ref().map(LogIdMsg::from),
        });
        Self { birth, initialized, seen }
    }

    /// What it has seen of the log of the one that asked.
    pub(crate) fn seen(&self) -> Option<Extent> {
        self.seen.map(|seen| Extent { term: seen.term, last: seen.last.map(LogId::from) })
    }
}

pub(crate) fn encode_question(question: &Question) -> Bytes {
    encode_message(question)
}

pub(crate) fn decode_question(bytes: Bytes) -> Result<Question, WireError> {
    decode("question", bytes)
}

pub(crate) fn encode_hello(hello: &Hello) -> Bytes {
    encode_message(hello)
}

pub(crate) fn decode_hello(bytes: Bytes) -> Result<Hello, WireError> {
    decode("hello", bytes)
}
