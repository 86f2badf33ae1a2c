//! From frames to one vectored write.

use super::frame::parse_frame;
use super::{ALIGN, ENTRY_HEAD, FRAME_HEADER, Frame, GROUP_HEADER, GroupHeader, GroupKind};
use crate::types::{Entry, LogId};
use bytes::Bytes;
use crc32c::crc32c_append;
use std::ops::Range;

/// Payloads up to this many bytes are copied together; larger ones get a slice of their own.
const COPY_BYTES: usize = 4096;

/// Where an entry's frame lies on disk, and what proves it whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) segment: u64,
    /// Where the frame begins in the segment; segments are shorter than 4 GiB.
    pub(crate) offset: u32,
    /// Bytes of the payload.
    pub(crate) length: u32,
    /// The chain value before the frame.
    pub(crate) previous: u32,
}

/// A group ready to be written.
#[derive(Debug)]
pub(crate) struct Encoded {
    copied: Vec<u8>,
    parts: Vec<Part>,
    /// Bytes to write, padding included.
    pub(crate) length: u64,
    /// The chain value after the group.
    pub(crate) chain: u32,
    /// Places of the entries, in the order of the frames; offsets count from the group's header.
    pub(crate) entries: Vec<Place>,
}

#[derive(Debug)]
enum Part {
    Copied(Range<usize>),
    Shared(Bytes),
}

/// Bytes that the frame takes.
pub(crate) fn encoded_len(frame: &Frame) -> usize {
    let (head, rest) = match frame {
        Frame::Entry(entry) => (ENTRY_HEAD, entry.payload.len()),
        Frame::Vote(vote) => (0, vote.len()),
        other => {
            let (head, rest) = other.body();
            (head.len(), rest.map_or(0, Bytes::len))
        }
    };
    FRAME_HEADER + head + rest
}

/// Encodes a group. `header` says everything but length and frame count.
pub(crate) fn encode_group(header: GroupHeader, frames: &[Frame]) -> Encoded {
    let length = frames.iter().map(encoded_len).sum::<usize>();
    let count = frames.len();
    let header = GroupHeader {
        kind: GroupKind::Group,
        length: u32::try_from(length).expect("calls and groups are bounded far below 4 GiB"),
        frames: u32::try_from(count).expect("each frame takes bytes of a group below 4 GiB"),
        ..header
    };
    let (head, chain) = header.encode();
    let mut out =
        Encoded { copied: Vec::new(), parts: Vec::new(), length: 0, chain, entries: Vec::new() };
    out.copy(&head);
    for frame in frames {
        out.frame(header.segment, frame);
    }
    let padding = out.length.next_multiple_of(ALIGN) - out.length;
    out.copy(&[0; GROUP_HEADER][..usize::try_from(padding).unwrap_or(0)]);
    out
}

impl Encoded {
    /// The slices to write, one after the other.
    pub(crate) fn slices(&self) -> Vec<&[u8]> {
        self.parts.iter().map(|part| self.slice(part)).collect()
    }

    fn slice<'a>(&'a self, part: &'a Part) -> &'a [u8] {
        match part {
            Part::Copied(range) => &self.copied[range.clone()],
            Part::Shared(bytes) => bytes,
        }
    }

    fn frame(&mut self, segment: u64, frame: &Frame) {
        let (body, rest) = frame.body();
        let rest_len = rest.map_or(0, Bytes::len);
        let length = u32::try_from(body.len() + rest_len).expect("a frame is part of a group");
        let mut head = [0; 8];
        head[..4].copy_from_slice(&length.to_le_bytes());
        head[4] = frame.kind();
        let previous = self.chain;
        self.chain = crc32c_append(crc32c_append(previous, &head), &body);
        if let Some(rest) = rest {
            self.chain = crc32c_append(self.chain, rest);
        }
        if let Frame::Entry(_) = frame {
            let offset = u32::try_from(self.length).expect("a group is below 4 GiB");
            let length = u32::try_from(rest_len).expect("a payload is part of a frame");
            self.entries.push(Place { segment, offset, length, previous });
        }
        self.copy(&head);
        self.copy(&self.chain.to_le_bytes());
        self.copy(&body);
        match rest {
            Some(rest) if rest.len() > COPY_BYTES => {
                self.length += rest.len() as u64;
                self.parts.push(Part::Shared(rest.clone()));
            }
            Some(rest) => self.copy(rest),
            None => {}
        }
    }

    fn copy(&mut self, bytes: &[u8]) {
        let start = self.copied.len();
        self.copied.extend_from_slice(bytes);
        self.length += bytes.len() as u64;
        match self.parts.last_mut() {
            Some(Part::Copied(range)) if range.end == start => range.end = self.copied.len(),
            _ => self.parts.push(Part::Copied(start..self.copied.len())),
        }
    }
}

/// The payload in an entry's frame read back from its place; `None` when the bytes are not that entry.
pub(crate) fn verify_entry(bytes: &[u8], place: Place, id: LogId) -> Option<Entry> {
    match parse_frame(bytes, place.previous)? {
        (Frame::Entry(entry), _, _) if entry.id == id => Some(entry),
        _ => None,
    }
}
