//! The bytes on disk, format version 1. All integers are little endian.
//!
//! A log is a directory of segments `<sequence as 20 digits>.log` with contiguous sequence numbers,
//! and of spares `<20 digits>.spare` whose content means nothing. A segment is a header of 128 bytes
//! followed by groups, each aligned to 64 bytes. What follows the last group means nothing: a
//! recycled file still holds what it held before.
//!
//! Segment header:
//!
//! | bytes | field |
//! |---|---|
//! | 0..8 | magic `QUORALOG` |
//! | 8..12 | format version, 1 |
//! | 12..16 | CRC-32C of the other 124 bytes, continued from the chain seed |
//! | 16..24 | cluster |
//! | 24..32 | member |
//! | 32..40 | raft group; 0, for stores with several groups later |
//! | 40..48 | sequence number, as in the file name |
//! | 48..56 | index of the next entry when the segment was started; all ones when any may come |
//! | 56..64 | number of the segment's first group |
//! | 64..72 | length of the file |
//! | 72..76 | chain seed: the chain value at the end of the segment before; 0 in the first one |
//! | 76..84 | birth: the same in all segments of a log, drawn when it was made; 0 if nobody said |
//! | 84..128 | zeros |
//!
//! Group header, 64 bytes:
//!
//! | bytes | field |
//! |---|---|
//! | 0..4 | magic `QGRP` |
//! | 4..8 | CRC-32C of bytes 12..64, continued from the chain value before |
//! | 8..12 | the chain value before, so that a header can be checked by itself |
//! | 12 | kind: 1 group, 2 mark, 3 seal |
//! | 13..16 | zeros |
//! | 16..24 | sequence number of the segment |
//! | 24..32 | group number: grows by one with every group of the log |
//! | 32..40 | durable: every group up to this number had been synced when this header was written |
//! | 40..44 | length of the frames in bytes, without the padding to 64 |
//! | 44..48 | number of frames |
//! | 48..64 | zeros |
//!
//! Frame:
//!
//! | bytes | field |
//! |---|---|
//! | 0..4 | length of the body |
//! | 4 | kind |
//! | 5..8 | zeros |
//! | 8..12 | CRC-32C of bytes 0..8 and the body, continued from the chain value before |
//! | 12.. | body |
//!
//! Frame kinds and bodies; an optional log id is one byte 0 or 1 and, in both cases, term `u64` and
//! index `u64` (zeros when absent):
//!
//! | kind | body |
//! |---|---|
//! | 1 state | incarnation `u64`; index of the first entry `u64`; optional log ids last, purged, committed; 0 or 1; vote |
//! | 2 entry | term `u64`, index `u64`, payload |
//! | 3 vote | vote |
//! | 4 committed | optional log id |
//! | 5 truncate | 0 or 1, last kept index `u64` |
//! | 6 purge | term `u64`, index `u64` |
//!
//! # The chain
//!
//! Each checksum continues the one before it, through segment header, group headers and frames and
//! from segment to segment. CRC-32C maps different states to different states under the same bytes,
//! so identical bytes in another place of the chain do not pass: a spliced, shortened or stale frame
//! is noticed. Two rules keep stale bytes out for good. Every segment has its own sequence number in
//! its header. And every opening of the log writes and syncs a state frame with a higher incarnation
//! before anything else, so that the remains of a group that a crash tore never fit behind it.
//!
//! # Groups, marks and seals
//!
//! A group is written at once, then synced, and only then is the next one written. So a crash can
//! tear only the last group, and `durable` in a later header proves that an earlier group was whole.
//! When the writer falls idle it puts a **mark** behind the last group: a header without frames, not
//! synced and not part of the chain, which the next group overwrites. Without it, nothing on disk
//! would tell the last acknowledged group from a torn one.
//!
//! Behind a group that is the first in its place the writer may put zeros, which mean nothing: they
//! only make room that later groups overwrite.
//!
//! A new segment is written completely (header and a state frame) and synced under a spare's name,
//! then renamed, then its directory is synced; so a segment that exists has a whole first group. After
//! that a **seal** is written where the old segment ends: if a sealed segment has no successor, the
//! successor is missing.
//!
//! # What recovery can tell
//!
//! It reads all segments in order. Where the chain ends in the last segment, every 64th byte beyond
//! is searched for headers of this segment. One whose `durable` covers the place where the chain ended
//! proves damage; without one the place is the end of the log, and a begun group there is cut as torn.
//! Noticed as damage: any wrong byte before the last group; in the last group if a mark, a seal
//! or a later group proves it; a missing or shortened file, except all of them. Not noticed: the last
//! acknowledged group wiped together with its mark; the whole directory emptied or put back to an
//! older copy. An emptied directory gets a log of another birth, by which the other members notice. A payload that imitates group headers can only turn a torn tail into a refusal.

mod encode;
mod fields;
mod frame;
mod group;
mod segment;

pub(crate) use encode::{Encoded, Place, encode_group, encoded_len, verify_entry};
pub(crate) use frame::{Carried, Frame, FrameAt, parse_frames};
pub(crate) use group::{GROUP_HEADER, GroupHeader, GroupKind};
pub(crate) use segment::{HeaderFault, SEGMENT_HEADER, SegmentHeader, VERSION};

/// Groups begin at multiples of this.
pub(crate) const ALIGN: u64 = 64;
/// Bytes of a frame before its body.
pub(crate) const FRAME_HEADER: usize = 12;
/// Bytes of an entry's body before its payload.
pub(crate) const ENTRY_HEAD: usize = 16;

/// The next multiple of [`ALIGN`].
pub(crate) fn align(length: u64) -> u64 {
    length.next_multiple_of(ALIGN)
}

#[cfg(test)]
mod tests;
