//! One segment, read group by group to where its chain ends.

use super::replay::Replay;
use super::window::Window;
use crate::error::Error;
use crate::format::{
    ALIGN, Frame, FrameAt, GROUP_HEADER, GroupHeader, GroupKind, HeaderFault, Place,
    SEGMENT_HEADER, SegmentHeader, VERSION, align, parse_frames,
};
use crate::segments::{Segment, Tail, track};
use crate::types::Identity;
use std::collections::VecDeque;
use std::ops::Range;

/// Where and how the chain of a segment ended.
#[derive(Debug, Default)]
pub(super) struct End {
    /// A seal says that there is a next segment.
    pub(super) sealed: bool,
    /// Frames and bytes of a group that was begun and is not whole.
    pub(super) torn: Option<(u32, u64)>,
    /// Where headers of later groups may begin.
    pub(super) search_from: u64,
    /// The last whole group.
    pub(super) last_group: Option<Range<u64>>,
}

enum Step {
    Group { frames: Vec<FrameAt>, start: u64, tail: Tail },
    End(End),
}

/// Reads and checks the header of a segment; gives it with the chain value after it.
pub(super) fn read_header(
    window: &mut Window<'_>,
    sequence: u64,
    expected: Identity,
) -> Result<(SegmentHeader, u32), Error> {
    let path = window.path.to_path_buf();
    let damaged = |reason| Error::Damaged { path: window.path.to_path_buf(), offset: 0, reason };
    let short = damaged("the file is too short for a segment");
    let wrong = damaged("the segment header is wrong");
    let Some(bytes) = window.bytes(0, SEGMENT_HEADER)?.and_then(|it| it.first_chunk()) else {
        return Err(short);
    };
    let (header, chain) = match SegmentHeader::decode(bytes) {
        Ok(decoded) => decoded,
        Err(HeaderFault::Version(found)) => {
            return Err(Error::Version { path, found, supported: VERSION });
        }
        Err(HeaderFault::Magic | HeaderFault::Checksum | HeaderFault::Content) => {
            return Err(wrong);
        }
    };
    if header.identity != expected {
        return Err(Error::Foreign { path, found: header.identity, expected });
    }
    if header.sequence != sequence {
        return Err(wrong);
    }
    if header.capacity != window.length {
        let reason = "the file does not have the length it was made with";
        return Err(Error::Damaged { path, offset: window.length, reason });
    }
    Ok((header, chain))
}

/// Replays every whole group from the tail on and moves the tail behind them.
pub(super) fn read_groups(
    window: &mut Window<'_>,
    tail: &mut Tail,
    replay: &mut Replay,
    list: &mut VecDeque<Segment>,
) -> Result<End, Error> {
    let mut last_group = None;
    loop {
        match next_group(window, tail)? {
            Step::End(end) => return Ok(End { last_group, ..end }),
            Step::Group { frames, start, tail: behind } => {
                for at in &frames {
                    let (place, offset) = place(tail.segment, start, at);
                    replay.apply(&at.frame, place).map_err(|reason| Error::Damaged {
                        path: window.path.to_path_buf(),
                        offset,
                        reason,
                    })?;
                    track(list, &at.frame);
                }
                last_group = Some(tail.offset..behind.offset);
                *tail = behind;
            }
        }
    }
}

/// The highest group number that a header of this segment beyond the offset calls durable.
pub(super) fn proven_durable(
    window: &mut Window<'_>,
    segment: u64,
    from: u64,
) -> Result<u64, Error> {
    let (mut offset, mut proven) = (from, 0);
    while let Some(bytes) = window.bytes(offset, GROUP_HEADER)? {
        if let Some((header, _)) = GroupHeader::decode(bytes)
            && header.segment == segment
        {
            proven = proven.max(header.durable);
        }
        offset += ALIGN;
    }
    Ok(proven)
}

fn next_group(window: &mut Window<'_>, tail: &Tail) -> Result<Step, Error> {
    let mut end = End { search_from: tail.offset, ..End::default() };
    let Some(bytes) = window.bytes(tail.offset, GROUP_HEADER)? else {
        return Ok(Step::End(end));
    };
    let fits = |header: &GroupHeader| {
        header.previous == tail.chain
            && header.segment == tail.segment
            && header.number == tail.number
    };
    let Some((header, chain)) = GroupHeader::decode(bytes).filter(|(header, _)| fits(header))
    else {
        return Ok(Step::End(end));
    };
    end.sealed = header.kind == GroupKind::Seal;
    if header.kind != GroupKind::Group {
        return Ok(Step::End(end));
    }
    let start = tail.offset + GROUP_HEADER as u64;
    let length = usize::try_from(header.length).unwrap_or(usize::MAX);
    let behind = start + align(u64::from(header.length));
    let body = window.bytes(start, length)?;
    let parsed = body.map(|body| parse_frames(body, header.frames, chain));
    let Some(Ok((frames, chain))) = parsed else {
        end.torn = Some((header.frames, behind - tail.offset));
        // The header itself vouches for the groups before it; nothing inside the group can.
        end.search_from = behind;
        return Ok(Step::End(end));
    };
    let tail = Tail { offset: behind, chain, number: tail.number + 1, ..*tail };
    Ok(Step::Group { frames, start, tail })
}

/// Where an entry lies, and the offset of any frame in its file.
fn place(segment: u64, start: u64, at: &FrameAt) -> (Option<Place>, u64) {
    let offset = start + at.offset as u64;
    let place = |payload: usize| {
        Some(Place {
            segment,
            offset: u32::try_from(offset).ok()?,
            length: u32::try_from(payload).ok()?,
            previous: at.previous,
        })
    };
    match &at.frame {
        Frame::Entry(entry) => (place(entry.payload.len()), offset),
        _ => (None, offset),
    }
}
