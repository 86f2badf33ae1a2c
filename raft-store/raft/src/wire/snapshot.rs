//! The frames of a snapshot transfer: one header, chunks in file order, one end; and the offer before
//! it, answered with what the receiver has already.

use super::{WireError, decode, encode_message, required};
use crate::types::Vote;
use crate::wire::entry::LogIdMsg;
use crate::wire::vote::VoteMsg;
use bytes::Bytes;

/// One message of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Header(Header),
    Chunk(Chunk),
    /// Everything has been sent.
    End,
}

/// What is going to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The sending leader's vote.
    pub(crate) vote: Vote,
    /// Last entry that the state contains.
    pub(crate) last: LogIdMsg,
    /// The encoded membership of the state.
    pub(crate) membership: Bytes,
    pub(crate) files: Vec<File>,
    /// The birth of the log that it is for; 0 for any.
    pub(crate) birth: u64,
}

/// One file of the state.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct File {
    /// Name within the directory, without a separator.
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    /// Bytes.
    #[prost(uint64, tag = "2")]
    pub(crate) length: u64,
    /// CRC-32C of all bytes; members before it was added do not send it.
    #[prost(fixed32, optional, tag = "3")]
    pub(crate) crc: Option<u32>,
    /// Where sending begins: the receiver has what comes before.
    #[prost(uint64, tag = "4")]
    pub(crate) from: u64,
}

impl File {
    /// Whether both mean the same bytes.
    pub(crate) fn is(&self, other: &Self) -> bool {
        (&self.name, self.length, self.crc) == (&other.name, other.length, other.crc)
            && self.crc.is_some()
    }
}

/// The files that a member is about to send.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct OfferMsg {
    #[prost(message, repeated, tag = "1")]
    files: Vec<File>,
}

/// For each file how many of its bytes the receiver has.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct HeldMsg {
    #[prost(uint64, repeated, tag = "1")]
    bytes: Vec<u64>,
}

pub(crate) fn encode_offer(files: &[File]) -> Bytes {
    encode_message(&OfferMsg { files: files.to_vec() })
}

pub(crate) fn decode_offer(bytes: Bytes) -> Result<Vec<File>, WireError> {
    Ok(decode::<OfferMsg>("snapshot offer", bytes)?.files)
}

pub(crate) fn encode_held(bytes: Vec<u64>) -> Bytes {
    encode_message(&HeldMsg { bytes })
}

pub(crate) fn decode_held(bytes: Bytes) -> Result<Vec<u64>, WireError> {
    Ok(decode::<HeldMsg>("what is held of a snapshot", bytes)?.bytes)
}

/// A piece of a file; pieces come in order.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Chunk {
    /// Position of the file in the header.
    #[prost(uint32, tag = "1")]
    pub(crate) file: u32,
    #[prost(uint64, tag = "2")]
    pub(crate) offset: u64,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) data: Bytes,
    /// CRC-32C of the data.
    #[prost(fixed32, tag = "4")]
    pub(crate) crc: u32,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct FrameMsg {
    #[prost(oneof = "Kind", tags = "1, 2, 3")]
    kind: Option<Kind>,
}

#[derive(Clone, PartialEq, Eq, prost::Oneof)]
enum Kind {
    #[prost(message, tag = "1")]
    Header(HeaderMsg),
    #[prost(message, tag = "2")]
    Chunk(Chunk),
    #[prost(bool, tag = "3")]
    End(bool),
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct HeaderMsg {
    #[prost(message, optional, tag = "1")]
    vote: Option<VoteMsg>,
    #[prost(message, optional, tag = "2")]
    last: Option<LogIdMsg>,
    #[prost(bytes = "bytes", tag = "3")]
    membership: Bytes,
    #[prost(message, repeated, tag = "4")]
    files: Vec<File>,
    #[prost(fixed64, tag = "5")]
    birth: u64,
}

impl Frame {
    pub(crate) fn encode(self) -> Bytes {
        let kind = match self {
            Self::Header(header) => Kind::Header(HeaderMsg {
                vote: Some((&header.vote).into()),
                last: Some(header.last),
                membership: header.membership,
                files: header.files,
                birth: header.birth,
            }),
            Self::Chunk(chunk) => Kind::Chunk(chunk),
            Self::End => Kind::End(true),
        };
        encode_message(&FrameMsg { kind: Some(kind) })
    }

    pub(crate) fn decode(bytes: Bytes) -> Result<Self, WireError> {
        const NAME: &str = "snapshot frame";
        let message: FrameMsg = decode(NAME, bytes)?;
        Ok(match required(NAME, "kind", message.kind)? {
            Kind::Header(header) => Self::Header(Header {
                vote: required(NAME, "vote", header.vote)?.into(),
                last: required(NAME, "last", header.last)?,
                membership: header.membership,
                files: header.files,
                birth: header.birth,
            }),
            Kind::Chunk(chunk) => Self::Chunk(chunk),
            Kind::End(_) => Self::End,
        })
    }
}
