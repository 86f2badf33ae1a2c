//! The header of a segment; its layout is in the parent module.

use super::fields::Fields;
use crate::types::Identity;
use crc32c::crc32c_append;
use quorate_types::{ClusterId, MemberId};

/// The format that this program writes and reads.
pub(crate) const VERSION: u32 = 1;
/// Bytes of a segment header.
pub(crate) const SEGMENT_HEADER: usize = 128;

const MAGIC: [u8; 8] = *b"QUORALOG";
/// The only raft group there is so far.
const RAFT_GROUP: u64 = 0;

/// What the first bytes of a segment say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) identity: Identity,
    pub(crate) sequence: u64,
    /// Index of the next entry; `u64::MAX` when any may come.
    pub(crate) next_index: u64,
    pub(crate) first_group: u64,
    /// Length of the file.
    pub(crate) capacity: u64,
    /// The chain value at the end of the segment before.
    pub(crate) seed: u32,
    /// Tells this log from every other that the member may have had; 0 when nobody said.
    pub(crate) birth: u64,
}

/// Why a segment header was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderFault {
    Magic,
    Version(u32),
    Checksum,
    Content,
}

impl SegmentHeader {
    /// The bytes, and the chain value after them.
    pub(crate) fn encode(&self) -> (Vec<u8>, u32) {
        let mut out = Vec::with_capacity(SEGMENT_HEADER);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        for number in [
            self.identity.cluster.0,
            self.identity.member.0,
            RAFT_GROUP,
            self.sequence,
            self.next_index,
            self.first_group,
            self.capacity,
        ] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.seed.to_le_bytes());
        out.extend_from_slice(&self.birth.to_le_bytes());
        out.resize(SEGMENT_HEADER, 0);
        let crc = checksum(self.seed, &out);
        out[12..16].copy_from_slice(&crc.to_le_bytes());
        (out, crc)
    }

    /// The header, and the chain value after it.
    pub(crate) fn decode(bytes: &[u8; SEGMENT_HEADER]) -> Result<(Self, u32), HeaderFault> {
        let mut fields = Fields(bytes);
        if fields.array() != Some(MAGIC) {
            return Err(HeaderFault::Magic);
        }
        let version = fields.u32().ok_or(HeaderFault::Content)?;
        if version != VERSION {
            return Err(HeaderFault::Version(version));
        }
        let crc = fields.u32().ok_or(HeaderFault::Content)?;
        let (group, header) = Self::fields(&mut fields).ok_or(HeaderFault::Content)?;
        if checksum(header.seed, bytes) != crc {
            return Err(HeaderFault::Checksum);
        }
        if group != RAFT_GROUP || fields.rest().iter().any(|byte| *byte != 0) {
            return Err(HeaderFault::Content);
        }
        Ok((header, crc))
    }

    fn fields(fields: &mut Fields<'_>) -> Option<(u64, Self)> {
        let cluster = ClusterId(fields.u64()?);
        let member = MemberId(fields.u64()?);
        let group = fields.u64()?;
        let header = Self {
            identity: Identity { cluster, member },
            sequence: fields.u64()?,
            next_index: fields.u64()?,
            first_group: fields.u64()?,
            capacity: fields.u64()?,
            seed: fields.u32()?,
            birth: fields.u64()?,
        };
        Some((group, header))
    }
}

fn checksum(seed: u32, bytes: &[u8]) -> u32 {
    crc32c_append(crc32c_append(seed, &bytes[..12]), &bytes[16..])
}
