//! Frames: what happened to the log, one thing each.

use super::fields::{Fields, put_log_id, put_optional_log_id};
use super::{ENTRY_HEAD, FRAME_HEADER};
use crate::types::{Entry, LogId};
use bytes::Bytes;
use crc32c::crc32c_append;
use quorate_seams::bug;
use quorate_types::LogIndex;

/// What every new segment repeats, so that the segments before it can go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    /// Grows with every opening of the log.
    pub(crate) incarnation: u64,
    /// Index of the first entry that is left; without a meaning when none is.
    pub(crate) first: u64,
    /// The last entry, or the purged one when none is left.
    pub(crate) last: Option<LogId>,
    pub(crate) purged: Option<LogId>,
    pub(crate) committed: Option<LogId>,
    pub(crate) vote: Option<Bytes>,
}

impl Carried {
    /// Forgets entries up to the id; the past is never un-purged.
    pub(crate) fn purge(&mut self, upto: LogId) {
        if self.purged.is_none_or(|purged| purged.index < upto.index) {
            self.purged = Some(upto);
        }
    }
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    State(Carried),
    Entry(Entry),
    Vote(Bytes),
    Committed(Option<LogId>),
    /// Entries after the index are gone; `None`: all that are not purged.
    Truncate(Option<LogIndex>),
    Purge(LogId),
}

/// A frame that was read, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FrameAt {
    pub(crate) frame: Frame,
    /// Where it begins, from the start of the group's frames.
    pub(crate) offset: usize,
    /// The chain value before it.
    pub(crate) previous: u32,
}

impl Frame {
    pub(super) const ENTRY: u8 = 2;

    /// The entry, if it is one.
    pub(crate) fn entry(&self) -> Option<&Entry> {
        match self {
            Self::Entry(entry) => Some(entry),
            _ => None,
        }
    }

    pub(super) fn kind(&self) -> u8 {
        match self {
            Self::State(_) => 1,
            Self::Entry(_) => Self::ENTRY,
            Self::Vote(_) => 3,
            Self::Committed(_) => 4,
            Self::Truncate(_) => 5,
            Self::Purge(_) => 6,
        }
    }

    /// The body's fixed part, and the rest that is written without copying.
    pub(super) fn body(&self) -> (Vec<u8>, Option<&Bytes>) {
        let mut head = Vec::with_capacity(ENTRY_HEAD);
        match self {
            Self::State(carried) => {
                head.extend_from_slice(&carried.incarnation.to_le_bytes());
                head.extend_from_slice(&carried.first.to_le_bytes());
                put_optional_log_id(&mut head, carried.last);
                put_optional_log_id(&mut head, carried.purged);
                put_optional_log_id(&mut head, carried.committed);
                head.push(u8::from(carried.vote.is_some()));
                return (head, carried.vote.as_ref());
            }
            Self::Entry(entry) => {
                put_log_id(&mut head, entry.id);
                return (head, Some(&entry.payload));
            }
            Self::Vote(vote) => return (head, Some(vote)),
            Self::Committed(id) => put_optional_log_id(&mut head, *id),
            Self::Truncate(kept) => {
                head.push(u8::from(kept.is_some()));
                head.extend_from_slice(&kept.unwrap_or_default().0.to_le_bytes());
            }
            Self::Purge(id) => put_log_id(&mut head, *id),
        }
        (head, None)
    }

    fn decode(kind: u8, body: &[u8]) -> Option<Self> {
        let mut fields = Fields(body);
        match kind {
            1 => Self::decode_state(&mut fields),
            Self::ENTRY => {
                let id = fields.log_id()?;
                Some(Self::Entry(Entry { id, payload: Bytes::copy_from_slice(fields.rest()) }))
            }
            3 => Some(Self::Vote(Bytes::copy_from_slice(body))),
            4 => {
                let id = fields.optional_log_id()?;
                fields.end(Self::Committed(id))
            }
            5 => {
                let index = fields.optional(|fields| Some(LogIndex(fields.u64()?)))?;
                fields.end(Self::Truncate(index))
            }
            6 => {
                let id = fields.log_id()?;
                fields.end(Self::Purge(id))
            }
            _ => None,
        }
    }

    fn decode_state(fields: &mut Fields<'_>) -> Option<Self> {
        let incarnation = fields.u64()?;
        let first = fields.u64()?;
        let last = fields.optional_log_id()?;
        let purged = fields.optional_log_id()?;
        let committed = fields.optional_log_id()?;
        let voted = fields.flag()?;
        let vote = Bytes::copy_from_slice(fields.rest());
        if !voted && !vote.is_empty() {
            return None;
        }
        let vote = voted.then_some(vote);
        Some(Self::State(Carried { incarnation, first, last, purged, committed, vote }))
    }
}

/// The frames of a group and the chain value after them; `Err` is where they stop making sense.
pub(crate) fn parse_frames(
    bytes: &[u8],
    count: u32,
    chain: u32,
) -> Result<(Vec<FrameAt>, u32), usize> {
    let mut frames = Vec::new();
    let (mut offset, mut chain) = (0, chain);
    for _ in 0..count {
        let (frame, length, crc) = parse_frame(&bytes[offset..], chain).ok_or(offset)?;
        frames.push(FrameAt { frame, offset, previous: chain });
        offset += length;
        chain = crc;
    }
    if offset == bytes.len() { Ok((frames, chain)) } else { Err(offset) }
}

/// The first frame of the bytes, its whole length and the chain value after it.
pub(super) fn parse_frame(bytes: &[u8], chain: u32) -> Option<(Frame, usize, u32)> {
    let mut fields = Fields(bytes);
    let length = usize::try_from(fields.u32()?).ok()?;
    let [kind, 0, 0, 0] = fields.array()? else { return None };
    let crc = fields.u32()?;
    let body = fields.0.get(..length)?;
    let right = crc32c_append(crc32c_append(chain, &bytes[..8]), body) == crc;
    if !right && !bug("log-reads-without-checksum") {
        return None;
    }
    Some((Frame::decode(kind, body)?, FRAME_HEADER + length, crc))
}
