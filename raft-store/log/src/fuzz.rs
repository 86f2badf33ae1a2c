//! What the fuzz target of the log's frames runs, and the ordinary tests on the committed corpus
//! and random bytes.
//!
//! Place: behind the feature `fuzzing`, for the package `fuzz/`. Takes any bytes and panics only if
//! a promise is broken.

#![allow(clippy::missing_panics_doc, reason = "a panic is what a fuzz target reports")]

use crate::format::{
    FRAME_HEADER, Frame, GROUP_HEADER, GroupHeader, GroupKind, Place, SEGMENT_HEADER,
    SegmentHeader, encode_group, parse_frames, verify_entry,
};
use crate::types::LogId;
use crc32c::crc32c_append;
use quorate_types::{LogIndex, Term};

/// Reads headers and frames from foreign bytes. What is read is written alike.
pub fn frames(data: &[u8]) {
    if let Some(header) = data.first_chunk::<SEGMENT_HEADER>()
        && let Ok((segment, chain)) = SegmentHeader::decode(header)
    {
        assert_eq!(segment.encode(), (header.to_vec(), chain));
    }
    if let Some((header, chain)) = GroupHeader::decode(data)
        && let Some(rest) = data.get(GROUP_HEADER..)
        && let Some(body) = rest.get(..header.length as usize)
    {
        let _ = parse_frames(body, header.frames, chain);
    }
    let _ = parse_frames(data, 3, 0);
    let place = Place { segment: 0, offset: 0, length: 0, previous: 0 };
    let _ = verify_entry(data, place, LogId { term: Term(1), index: LogIndex(1) });
    behind_checksums(data);
}

/// The same bytes with every checksum right, which a fuzzer would hardly ever guess.
fn behind_checksums(data: &[u8]) {
    let header = GroupHeader {
        kind: GroupKind::Group,
        segment: 3,
        number: 7,
        durable: 6,
        length: 0,
        frames: 0,
        previous: 9,
    };
    // The chain begins with the header, which counts the frames.
    let (body, count) = sealed(data, 0);
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let (head, chain) = GroupHeader { length, frames: count, ..header }.encode();
    let (body, _) = sealed(data, chain);
    let Ok((found, _)) = parse_frames(&body, count, chain) else { return };
    let found: Vec<Frame> = found.into_iter().map(|at| at.frame).collect();
    let written = encode_group(header, &found).slices().concat();
    assert_eq!(written[..GROUP_HEADER + body.len()], [head.to_vec(), body].concat());
}

/// The bytes as frames whose lengths fit and whose checksums are right, and how many.
fn sealed(data: &[u8], mut chain: u32) -> (Vec<u8>, u32) {
    let (mut body, mut rest, mut count) = (Vec::new(), data, 0);
    while let Some((head, tail)) = rest.split_first_chunk::<2>() {
        let length = usize::from(head[1]).min(tail.len());
        let (payload, tail) = tail.split_at(length);
        let mut frame = [0; 8];
        frame[0] = head[1].min(u8::try_from(length).unwrap_or(u8::MAX));
        frame[4] = head[0] % 9;
        chain = crc32c_append(crc32c_append(chain, &frame), payload);
        body.extend_from_slice(&frame);
        body.extend_from_slice(&chain.to_le_bytes());
        body.extend_from_slice(payload);
        rest = tail;
        count += 1;
    }
    debug_assert!(body.len() >= FRAME_HEADER * count as usize, "every frame has a header");
    (body, count)
}

#[cfg(test)]
mod tests {
    use super::frames;
    use proptest::collection::vec;
    use proptest::prelude::*;

    #[test]
    fn the_corpus_breaks_no_promise() {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/frames");
        let files: Vec<_> = std::fs::read_dir(dir).unwrap().collect();
        assert!(!files.is_empty());
        for file in files {
            frames(&std::fs::read(file.unwrap().path()).unwrap());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

        #[test]
        fn random_bytes_break_no_promise(data in vec(any::<u8>(), 0..400)) {
            frames(&data);
        }

        #[test]
        fn short_frames_of_every_kind_break_no_promise(data in vec(0u8..40, 0..120)) {
            frames(&data);
        }
    }
}
