//! What a member says of itself.

use super::{WireError, decode, encode_message};
use bytes::Bytes;

/// An answer to `Method::Hello`. No bytes: nothing is known.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct Hello {
    /// The birth of its log; 0 when nobody said.
    #[prost(fixed64, tag = "1")]
    pub(crate) birth: u64,
    /// Whether it has voted or holds entries.
    #[prost(bool, tag = "2")]
    pub(crate) initialized: bool,
}

pub(crate) fn encode_hello(hello: &Hello) -> Bytes {
    encode_message(hello)
}

pub(crate) fn decode_hello(bytes: Bytes) -> Result<Hello, WireError> {
    decode("hello", bytes)
}
