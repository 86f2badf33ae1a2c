//! What the fuzz targets of messages between members run, and the ordinary tests on the committed
//! corpora and random bytes.
//!
//! Place: behind the feature `fuzzing`, for the package `fuzz/`. Takes any bytes and panics only if
//! a promise is broken.

#![allow(clippy::missing_panics_doc, reason = "a panic is what a fuzz target reports")]

use crate::births::Birth;
use crate::scratch::Scratch;
use crate::snapshot::{Inbox, Sums, Traffic};
use crate::wire::{
    Frame, decode_append, decode_append_reply, decode_held, decode_hello, decode_membership,
    decode_offer, decode_payload, decode_question, decode_reply, decode_transfer,
    decode_transfer_reply, decode_vote, decode_vote_reply, decode_vote_request, encode_append,
    encode_membership, encode_offer, encode_payload, encode_vote, encode_vote_request,
};
use bytes::Bytes;
use std::path::Path;

/// Reads every kind of message from foreign bytes; those that have one form are written alike.
pub fn wire(data: &[u8]) {
    let bytes = || Bytes::copy_from_slice(data);
    if let Ok(vote) = decode_vote(bytes()) {
        assert_eq!(decode_vote(encode_vote(&vote)).ok(), Some(vote));
    }
    if let Ok((birth, request)) = decode_vote_request(bytes()) {
        let again = decode_vote_request(encode_vote_request(&request, birth));
        assert_eq!(again.ok(), Some((birth, request)));
    }
    if let Ok((envelope, request)) = decode_append(bytes()) {
        let again = decode_append(encode_append(&request, &envelope));
        let again = again.expect("what was read can be written");
        assert_eq!(format!("{again:?}"), format!("{:?}", (envelope, request)));
    }
    if let Ok(membership) = decode_membership(&bytes()) {
        assert_eq!(decode_membership(&encode_membership(&membership)).ok(), Some(membership));
    }
    if let Ok(payload) = decode_payload(&bytes()) {
        let again = decode_payload(&encode_payload(&payload)).expect("can be read again");
        assert_eq!(format!("{again:?}"), format!("{payload:?}"));
    }
    let _ = decode_append_reply(bytes());
    let _ = decode_held(bytes());
    if let Ok(files) = decode_offer(bytes()) {
        assert_eq!(decode_offer(encode_offer(&files)).ok(), Some(files));
    }
    let _ = decode_reply(bytes());
    let _ = decode_hello(bytes());
    let _ = decode_question(bytes());
    let _ = decode_transfer(bytes());
    let _ = decode_transfer_reply(bytes());
    let _ = decode_vote_reply(bytes());
}

/// Receives a snapshot of foreign frames, each preceded by its length in two bytes. Nothing is
/// written outside the scratch directory.
pub fn snapshot(data: &[u8], scratch: &Path) {
    let mut frames = Vec::new();
    let mut rest = data;
    while let Some((length, tail)) = rest.split_first_chunk::<2>() {
        let (frame, tail) = tail.split_at(usize::from(u16::from_le_bytes(*length)).min(tail.len()));
        if let Ok(read) = Frame::decode(Bytes::copy_from_slice(frame)) {
            let written = read.clone().encode();
            assert_eq!(Frame::decode(written).ok(), Some(read));
        }
        frames.push(Ok(Bytes::copy_from_slice(frame)));
        rest = tail;
    }
    // Files as large as a header likes to announce are announced, not written.
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let Ok(scratch) = Scratch::open(scratch) else { return };
    runtime.expect("a runtime without timers").block_on(async {
        let inbox = Inbox::new(scratch, None, Sums::default(), Traffic::default());
        let half = frames.len() / 2;
        let broken = frames[..half].to_vec();
        // What a broken transfer leaves must not harm the next one.
        let any = Birth::new(0);
        let _ = inbox.receive(futures::stream::iter(broken), &any).await;
        let _ = inbox.receive(futures::stream::iter(frames), &any).await;
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Payload, Proposal, Vote};
    use crate::wire::{Chunk, File, Header, LogIdMsg};
    use quorate_seams::{Random, SeededRandom};
    use std::path::PathBuf;

    fn corpus(target: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target)
    }

    fn inputs(target: &str) -> Vec<Vec<u8>> {
        let files = std::fs::read_dir(corpus(target)).unwrap();
        files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }

    /// The inputs themselves, and each with some bytes changed, cut off and repeated.
    fn varied(target: &str, rounds: u64) -> Vec<Vec<u8>> {
        let inputs = inputs(target);
        assert!(!inputs.is_empty(), "no corpus for {target}");
        let mut all = inputs.clone();
        for seed in 0..rounds {
            let random = SeededRandom::new(seed);
            let below = |bound: usize| usize::try_from(random.below(bound as u64 + 1)).unwrap();
            let mut input = inputs[below(inputs.len() - 1)].clone();
            for _ in 0..below(4) {
                let at = below(input.len() - 1);
                input[at] = random.next_u64().to_le_bytes()[0];
            }
            match below(5) {
                0 => input.truncate(below(input.len())),
                1 => input.extend(inputs[below(inputs.len() - 1)].clone()),
                _ => {}
            }
            all.push(input);
        }
        all
    }

    #[test]
    fn messages_of_the_corpus_and_their_like_break_no_promise() {
        varied("wire", 5000).iter().for_each(|input| wire(input));
    }

    #[test]
    fn snapshots_of_the_corpus_and_their_like_break_no_promise() {
        let dir = tempfile::tempdir().unwrap();
        let scratch = dir.path().join("scratch");
        for input in varied("snapshot", 300) {
            snapshot(&input, &scratch);
        }
        let names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(names.len(), 1, "nothing is written beside the scratch directory");
    }

    fn framed(frames: Vec<Frame>) -> Vec<u8> {
        let frame = |frame: Frame| {
            let bytes = frame.encode();
            [&u16::try_from(bytes.len()).unwrap().to_le_bytes()[..], &bytes].concat()
        };
        frames.into_iter().flat_map(frame).collect()
    }

    fn header(names: &[(&str, u64)]) -> Frame {
        let file = |(name, length): &(&str, u64)| File {
            name: (*name).to_owned(),
            length: *length,
            ..File::default()
        };
        Frame::Header(Header {
            vote: Vote::new_committed(3, 1),
            last: LogIdMsg { term: 2, index: 9 },
            membership: Bytes::new(),
            files: names.iter().map(file).collect(),
            birth: 0,
        })
    }

    fn chunk(file: u32, offset: u64, data: &'static [u8]) -> Frame {
        let crc = crc32c::crc32c(data);
        Frame::Chunk(Chunk { file, offset, data: Bytes::from_static(data), crc })
    }

    /// Writes the committed corpora anew; they change only with the format.
    #[test]
    #[ignore = "writes into the source tree"]
    fn write_the_corpora() {
        let write = |target: &str, name: &str, bytes: &[u8]| {
            std::fs::create_dir_all(corpus(target)).unwrap();
            std::fs::write(corpus(target).join(name), bytes).unwrap();
        };
        let whole = [header(&[("a", 3), ("b", 0)]), chunk(0, 0, b"abc"), Frame::End];
        write("snapshot", "whole", &framed(whole.into()));
        let pieces = [header(&[("a", 4)]), chunk(0, 0, b"ab"), chunk(0, 2, b"cd"), Frame::End];
        write("snapshot", "pieces", &framed(pieces.into()));
        let too_many = [header(&[("a", 1)]), chunk(0, 0, b"a"), chunk(1, 0, b"b"), Frame::End];
        write("snapshot", "a-file-too-many", &framed(too_many.into()));
        let outside = [header(&[("../evil", 1)]), chunk(0, 0, b"a"), Frame::End];
        write("snapshot", "outside", &framed(outside.into()));
        write("wire", "vote", &encode_vote(&Vote::new_committed(3, 1)));
        let proposal = Payload::Normal(Proposal::of(b"command"));
        write("wire", "payload", &encode_payload(&proposal));
        write("wire", "blank", &encode_payload(&Payload::Blank));
    }
}
