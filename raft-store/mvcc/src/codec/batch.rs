//! Batches of commands, put together from bytes and taken apart again without copying: what every
//! entry is while there is load.

use super::{CodecError, FIRST, VERSION, wire};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::encoding::{decode_varint, encode_varint};
use prost::length_delimiter_len;

/// The bytes of [`crate::Command::Batch`] of commands that are bytes already: nothing is decoded. `head` is
/// put before them, for those who wrap them.
///
/// # Errors
/// One of them is of a version that this one does not know.
pub fn encode_batch(head: &[u8], commands: &[Bytes]) -> Result<Bytes, CodecError> {
    let mut messages = Vec::with_capacity(commands.len());
    let mut version = FIRST;
    for command in commands {
        match command.split_first() {
            Some((&needed @ FIRST..=VERSION, message)) => {
                version = version.max(needed);
                messages.push(message);
            }
            found => return Err(CodecError::Version { found: found.map(|(first, _)| *first) }),
        }
    }
    let inner = messages.iter().map(|it| 1 + length_delimiter_len(it.len()) + it.len()).sum();
    let length = head.len() + 1 + 1 + length_delimiter_len(inner) + inner;
    let mut bytes = BytesMut::with_capacity(length);
    bytes.put_slice(head);
    bytes.put_u8(version);
    put_field(&mut bytes, wire::BATCH_TAG, inner);
    for message in messages {
        put_field(&mut bytes, wire::COMMANDS_TAG, message.len());
        bytes.put_slice(message);
    }
    Ok(bytes.freeze())
}

/// The messages of a batch's commands, if the bytes are what [`encode_batch`] writes and nothing
/// else; all other ways to write the same are left to the general decoder.
pub(super) fn split(bytes: &Bytes) -> Option<Vec<Bytes>> {
    let mut rest = match bytes.first() {
        Some(FIRST..=VERSION) => bytes.slice(1..),
        _ => return None,
    };
    let batch = take_field(&mut rest, wire::BATCH_TAG)?;
    let mut messages = Vec::new();
    let mut left = if rest.is_empty() { batch } else { return None };
    while !left.is_empty() {
        messages.push(take_field(&mut left, wire::COMMANDS_TAG)?);
    }
    Some(messages)
}

/// The head of a field of so many bytes.
fn put_field(bytes: &mut BytesMut, tag: u8, length: usize) {
    bytes.put_u8(tag << 3 | LENGTH_DELIMITED);
    encode_varint(length as u64, bytes);
}

/// The field that the bytes begin with, if it is that one.
fn take_field(bytes: &mut Bytes, tag: u8) -> Option<Bytes> {
    if bytes.first() != Some(&(tag << 3 | LENGTH_DELIMITED)) {
        return None;
    }
    bytes.advance(1);
    let length = usize::try_from(decode_varint(bytes).ok()?).ok()?;
    (length <= bytes.len()).then(|| bytes.split_to(length))
}

const LENGTH_DELIMITED: u8 = 2;
