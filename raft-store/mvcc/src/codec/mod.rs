//! Bytes of commands and replies: one version byte, then a protobuf message of our own.
//!
//! Place: commands are what log entries carry, replies travel back to the member that forwarded a
//! request. Decoding never panics and never guesses: what this version does not know is an error.
//!
//! A command is written in the oldest version that has a place for all of it, so that members of
//! two releases share a cluster until somebody uses what is new; a member that is too old then stops
//! and says so, rather than apply half of a command. Version 2 added nested transactions, puts that
//! keep value or lease, order and filters of reads, request ids, checkpoints of leases, alarms and
//! the application's own commands; version 3 added changes of users and roles, and callers. That a
//! caller is anonymous is told in every version: where users are not known, it makes no difference.
//! Replies are of version 1: what is new in them is a new field of
//! a choice, which an older reader refuses.

mod auth;
mod batch;
mod command;
mod failure;
mod reply;
#[cfg(test)]
mod tests;
mod version;
mod wire;

pub use batch::encode_batch;
pub(crate) use wire::AlarmMessage;

use crate::{Command, Outcome, Reply};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message;
use thiserror::Error;

/// The version that every build reads.
const FIRST: u8 = 1;
/// The version before this one.
const SECOND: u8 = 2;
/// The newest version.
const VERSION: u8 = 3;

/// Why bytes are no command or reply, or a command or reply has no bytes.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The version byte is unknown or missing.
    #[error("message has version {found:?}, this one reads {FIRST} to {VERSION}")]
    Version {
        /// The version byte.
        found: Option<u8>,
    },
    /// The rest is no protobuf message.
    #[error("message is malformed: {0}")]
    Malformed(#[from] prost::DecodeError),
    /// A field is missing, or its value is none that this version knows.
    #[error("field {0} is missing or unknown")]
    Field(&'static str),
    /// A value that the format has no place for.
    #[error("{0} cannot be encoded by this version")]
    Unsupported(&'static str),
}

impl Command {
    /// Its bytes.
    ///
    /// # Errors
    /// Something that the format has no place for, or that is nested too deep to be read back.
    pub fn encode(&self) -> Result<Bytes, CodecError> {
        version::check_depth(self)?;
        Ok(envelope(version::needed(self), &wire::CommandMessage::try_from(self)?))
    }

    /// Reads it back.
    ///
    /// # Errors
    /// The bytes are not from [`Command::encode`] of this version.
    pub fn decode(bytes: Bytes) -> Result<Self, CodecError> {
        if let Some(messages) = batch::split(&bytes) {
            let decode = |message: Bytes| -> Result<Self, CodecError> {
                wire::CommandMessage::decode(message)?.try_into()
            };
            return messages.into_iter().map(decode).collect::<Result<_, _>>().map(Self::Batch);
        }
        open::<wire::CommandMessage>(bytes)?.try_into()
    }
}

impl Reply {
    /// Its bytes.
    ///
    /// # Errors
    /// A response that the format does not know.
    pub fn encode(&self) -> Result<Bytes, CodecError> {
        Ok(envelope(FIRST, &wire::ReplyMessage::try_from(self)?))
    }

    /// Reads it back.
    ///
    /// # Errors
    /// The bytes are not from [`Reply::encode`] of this version.
    pub fn decode(bytes: Bytes) -> Result<Self, CodecError> {
        open::<wire::ReplyMessage>(bytes)?.try_into()
    }
}

/// The bytes of an outcome.
///
/// # Errors
/// A response that the format does not know.
pub fn encode_outcome(outcome: &Outcome) -> Result<Bytes, CodecError> {
    Ok(envelope(FIRST, &wire::OutcomeMessage::try_from(outcome)?))
}

/// Reads an outcome back.
///
/// # Errors
/// The bytes are not from [`encode_outcome`] of this version.
pub fn decode_outcome(bytes: Bytes) -> Result<Outcome, CodecError> {
    open::<wire::OutcomeMessage>(bytes)?.try_into()
}

fn envelope(version: u8, message: &impl Message) -> Bytes {
    let mut bytes = BytesMut::with_capacity(1 + message.encoded_len());
    bytes.put_u8(version);
    message.encode_raw(&mut bytes);
    bytes.freeze()
}

fn open<M: Message + Default>(mut bytes: Bytes) -> Result<M, CodecError> {
    match bytes.try_get_u8().ok() {
        Some(FIRST..=VERSION) => Ok(M::decode(bytes)?),
        found => Err(CodecError::Version { found }),
    }
}
