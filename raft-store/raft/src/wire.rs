//! Our byte formats for what goes to the log, to the state and to other members: protobuf messages
//! written by hand, so that nothing depends on how openraft lays out its types.
//!
//! Invariants: fields are only ever added; a number keeps its meaning. Whatever cannot be decoded
//! is an error that names the message, never a default.

mod append;
mod entry;
mod hello;
mod leader;
mod membership;
mod snapshot;
mod vote;

pub(crate) use append::{
    Envelope, decode_append, decode_append_reply, encode_append, encode_append_reply,
    unary_append_reply,
};
pub(crate) use entry::{
    LogIdMsg, decode_membership, decode_payload, encode_membership, encode_payload,
};
pub(crate) use hello::{
    Hello, Question, decode_hello, decode_question, encode_hello, encode_question,
};
pub(crate) use leader::{decode_reply, encode_reply};
pub(crate) use membership::{
    decode_change, decode_changed, decode_description, encode_change, encode_changed,
    encode_description,
};
pub(crate) use snapshot::{
    Chunk, File, Frame, Header, decode_held, decode_offer, encode_held, encode_offer,
};
pub(crate) use vote::{
    decode_transfer, decode_transfer_reply, decode_vote, decode_vote_reply, decode_vote_request,
    encode_transfer, encode_transfer_reply, encode_vote, encode_vote_reply, encode_vote_request,
};

use bytes::Bytes;
use prost::Message;
use thiserror::Error;

/// Bytes that are not the message they should be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message} cannot be decoded: {reason}")]
pub struct WireError {
    message: &'static str,
    reason: String,
}

impl WireError {
    #[allow(clippy::needless_pass_by_value, reason = "errors and texts are given away")]
    pub(crate) fn new(message: &'static str, reason: impl std::fmt::Display) -> Self {
        Self { message, reason: format!("{reason}") }
    }
}

impl From<WireError> for std::io::Error {
    fn from(error: WireError) -> Self {
        Self::new(std::io::ErrorKind::InvalidData, error)
    }
}

fn decode<M: Message + Default>(name: &'static str, bytes: Bytes) -> Result<M, WireError> {
    M::decode(bytes).map_err(|error| WireError::new(name, error))
}

fn required<T>(name: &'static str, field: &'static str, value: Option<T>) -> Result<T, WireError> {
    value.ok_or_else(|| WireError::new(name, format!("field {field} is missing")))
}

pub(crate) fn encode_message(message: &impl Message) -> Bytes {
    message.encode_to_vec().into()
}

#[cfg(test)]
mod tests;
