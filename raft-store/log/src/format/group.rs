//! The header of a group; its layout is in the parent module.

use super::fields::Fields;
use crc32c::crc32c_append;

/// Bytes of a group header.
pub(crate) const GROUP_HEADER: usize = 64;

const MAGIC: [u8; 4] = *b"QGRP";

/// What a header announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupKind {
    /// Frames follow.
    Group,
    /// Nothing follows; everything before is durable.
    Mark,
    /// The log goes on in the next segment.
    Seal,
}

/// One header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupHeader {
    pub(crate) kind: GroupKind,
    pub(crate) segment: u64,
    pub(crate) number: u64,
    pub(crate) durable: u64,
    pub(crate) length: u32,
    pub(crate) frames: u32,
    /// The chain value before the header.
    pub(crate) previous: u32,
}

impl GroupHeader {
    /// The bytes, and the chain value after them.
    pub(crate) fn encode(&self) -> ([u8; GROUP_HEADER], u32) {
        let mut out = [0; GROUP_HEADER];
        out[0..4].copy_from_slice(&MAGIC);
        out[8..12].copy_from_slice(&self.previous.to_le_bytes());
        out[12] = match self.kind {
            GroupKind::Group => 1,
            GroupKind::Mark => 2,
            GroupKind::Seal => 3,
        };
        out[16..24].copy_from_slice(&self.segment.to_le_bytes());
        out[24..32].copy_from_slice(&self.number.to_le_bytes());
        out[32..40].copy_from_slice(&self.durable.to_le_bytes());
        out[40..44].copy_from_slice(&self.length.to_le_bytes());
        out[44..48].copy_from_slice(&self.frames.to_le_bytes());
        let crc = crc32c_append(self.previous, &out[12..]);
        out[4..8].copy_from_slice(&crc.to_le_bytes());
        (out, crc)
    }

    /// The header and the chain value after it, if the bytes are a header that agrees with itself.
    pub(crate) fn decode(bytes: &[u8]) -> Option<(Self, u32)> {
        let mut fields = Fields(bytes.get(..GROUP_HEADER)?);
        if fields.array()? != MAGIC {
            return None;
        }
        let crc = fields.u32()?;
        let previous = fields.u32()?;
        if crc32c_append(previous, fields.0) != crc {
            return None;
        }
        let kind = match fields.array()? {
            [1, 0, 0, 0] => GroupKind::Group,
            [2, 0, 0, 0] => GroupKind::Mark,
            [3, 0, 0, 0] => GroupKind::Seal,
            _ => return None,
        };
        let header = Self {
            kind,
            segment: fields.u64()?,
            number: fields.u64()?,
            durable: fields.u64()?,
            length: fields.u32()?,
            frames: fields.u32()?,
            previous,
        };
        fields.rest().iter().all(|byte| *byte == 0).then_some((header, crc))
    }
}
