use super::*;
use crate::types::{Entry, Identity, LogId};
use bytes::Bytes;
use proptest::prelude::*;
use quorate_types::{ClusterId, LogIndex, MemberId, Term};

fn id(term: u64, index: u64) -> LogId {
    LogId { term: Term(term), index: LogIndex(index) }
}

fn any_id() -> impl Strategy<Value = LogId> {
    (any::<u64>(), any::<u64>()).prop_map(|(term, index)| id(term, index))
}

fn any_bytes() -> impl Strategy<Value = Bytes> {
    let size = prop_oneof![0usize..40, 4090usize..4100];
    (size, any::<u8>()).prop_map(|(size, fill)| Bytes::from(vec![fill; size]))
}

fn any_frame() -> impl Strategy<Value = Frame> {
    let maybe = || proptest::option::of(any_id());
    let state =
        (any::<u64>(), any::<u64>(), maybe(), maybe(), maybe(), proptest::option::of(any_bytes()));
    prop_oneof![
        state.prop_map(|(incarnation, first, last, purged, committed, vote)| {
            Frame::State(Carried { incarnation, first, last, purged, committed, vote })
        }),
        (any_id(), any_bytes()).prop_map(|(id, payload)| Frame::Entry(Entry { id, payload })),
        any_bytes().prop_map(Frame::Vote),
        maybe().prop_map(Frame::Committed),
        proptest::option::of(any::<u64>()).prop_map(|kept| Frame::Truncate(kept.map(LogIndex))),
        any_id().prop_map(Frame::Purge),
    ]
}

fn header(previous: u32) -> GroupHeader {
    GroupHeader {
        kind: GroupKind::Group,
        segment: 3,
        number: 7,
        durable: 6,
        length: 0,
        frames: 0,
        previous,
    }
}

fn parse(bytes: &[u8]) -> Option<Vec<Frame>> {
    let (header, chain) = GroupHeader::decode(bytes)?;
    let body = bytes.get(GROUP_HEADER..GROUP_HEADER + header.length as usize)?;
    let (frames, _) = parse_frames(body, header.frames, chain).ok()?;
    Some(frames.into_iter().map(|at| at.frame).collect())
}

proptest! {
    #[test]
    fn a_group_reads_back_as_it_was_encoded(
        frames in proptest::collection::vec(any_frame(), 0..8),
        previous: u32,
    ) {
        let group = encode_group(header(previous), &frames);
        let bytes = group.slices().concat();
        prop_assert_eq!(bytes.len() as u64, group.length);
        prop_assert_eq!(bytes.len() % 64, 0);
        prop_assert_eq!(parse(&bytes), Some(frames.clone()));
        let entries = frames.iter().filter_map(|frame| match frame {
            Frame::Entry(entry) => Some(entry.clone()),
            _ => None,
        });
        for (entry, place) in entries.zip(&group.entries) {
            let frame = &bytes[place.offset as usize..];
            prop_assert_eq!(verify_entry(frame, *place, entry.id), Some(entry));
        }
    }

    #[test]
    fn identical_frames_fail_behind_another_chain(frame in any_frame(), one: u32, other: u32) {
        prop_assume!(one != other);
        let bytes = encode_group(header(one), std::slice::from_ref(&frame)).slices().concat();
        let (decoded, chain) = GroupHeader::decode(&bytes).unwrap();
        let body = &bytes[GROUP_HEADER..GROUP_HEADER + decoded.length as usize];
        prop_assert!(parse_frames(body, 1, chain).is_ok());
        prop_assert!(parse_frames(body, 1, chain ^ one ^ other).is_err());
    }

    #[test]
    fn a_flipped_bit_is_never_taken_for_something_else(
        frame in any_frame(),
        at: prop::sample::Index,
        bit in 0u32..8,
    ) {
        let group = encode_group(header(5), std::slice::from_ref(&frame));
        let mut bytes = group.slices().concat();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let parsed = parse(&bytes);
        prop_assert!(parsed.is_none() || parsed == Some(vec![frame]), "only padding may differ");
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>, count: u32, chain: u32) {
        let _ = GroupHeader::decode(&bytes);
        let _ = parse_frames(&bytes, count, chain);
        if let Some(head) = bytes.first_chunk() {
            let _ = SegmentHeader::decode(head);
        }
    }
}

#[test]
fn a_segment_header_reads_back_and_every_flipped_bit_is_noticed() {
    let header = SegmentHeader {
        identity: Identity { cluster: ClusterId(1), member: MemberId(2) },
        sequence: 3,
        next_index: 4,
        first_group: 5,
        capacity: 6,
        seed: 7,
        birth: 8,
    };
    let (bytes, chain) = header.encode();
    let bytes: [u8; SEGMENT_HEADER] = bytes.try_into().unwrap();
    assert_eq!(SegmentHeader::decode(&bytes), Ok((header, chain)));
    for at in 0..SEGMENT_HEADER * 8 {
        let mut wrong = bytes;
        wrong[at / 8] ^= 1 << (at % 8);
        assert!(SegmentHeader::decode(&wrong).is_err(), "bit {at}");
    }
}
