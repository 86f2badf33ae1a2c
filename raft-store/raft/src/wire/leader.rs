//! The envelope around answers to requests that only the leader can serve.

use super::{WireError, decode, encode_message, required};
use crate::Attempt;
use bytes::Bytes;

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct ReplyMsg {
    #[prost(oneof = "Kind", tags = "1, 2, 3")]
    kind: Option<Kind>,
}

#[derive(Clone, PartialEq, Eq, prost::Oneof)]
enum Kind {
    #[prost(bytes = "bytes", tag = "1")]
    Done(Bytes),
    #[prost(string, tag = "2")]
    Refused(String),
    #[prost(string, tag = "3")]
    Unknown(String),
}

pub(crate) fn encode_reply(reply: Attempt<Bytes>) -> Bytes {
    let kind = match reply {
        Attempt::Done(body) => Kind::Done(body),
        Attempt::Refused(reason) => Kind::Refused(reason),
        Attempt::Unknown(reason) => Kind::Unknown(reason),
    };
    encode_message(&ReplyMsg { kind: Some(kind) })
}

pub(crate) fn decode_reply(bytes: Bytes) -> Result<Attempt<Bytes>, WireError> {
    let message: ReplyMsg = decode("leader reply", bytes)?;
    Ok(match required("leader reply", "kind", message.kind)? {
        Kind::Done(body) => Attempt::Done(body),
        Kind::Refused(reason) => Attempt::Refused(reason),
        Kind::Unknown(reason) => Attempt::Unknown(reason),
    })
}
