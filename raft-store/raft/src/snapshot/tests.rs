use super::outgoing::files_in;
use super::*;
use crate::births::Birth;
use crate::scratch::{Scratch, ScratchDir};
use crate::state::State;
use crate::types::Vote;
use crate::wire::{Chunk, File, Frame, Header, LogIdMsg};
use bytes::Bytes;
use futures::{StreamExt, stream};
use quorate_mvcc::{ApplyEntry, Command, EntryKind, MemoryDb, Mvcc};
use quorate_store::Txn;
use quorate_types::{LogIndex, Term};
use std::path::Path;
use std::sync::Arc;

fn file(name: &str, bytes: &[u8]) -> File {
    let (length, crc) = (bytes.len() as u64, Some(crc32c::crc32c(bytes)));
    File { name: name.to_owned(), length, crc, from: 0 }
}

fn header(files: Vec<File>) -> Frame {
    Frame::Header(Header {
        vote: Vote::new_committed(3, 1),
        last: LogIdMsg { term: 2, index: 9 },
        membership: Bytes::new(),
        files,
        birth: 0,
    })
}

fn chunk(file: u32, offset: u64, data: &'static [u8]) -> Frame {
    let crc = crc32c::crc32c(data);
    Frame::Chunk(Chunk { file, offset, data: Bytes::from_static(data), crc })
}

fn inbox(dir: &Path) -> (Inbox, Traffic) {
    let traffic = Traffic::default();
    let scratch = Scratch::open(&dir.join("scratch")).unwrap();
    (Inbox::new(scratch, None, Sums::default(), traffic.clone()), traffic)
}

async fn receive(inbox: &Inbox, frames: Vec<Frame>) -> Result<ScratchDir, String> {
    let frames = stream::iter(frames.into_iter().map(|frame| Ok(frame.encode())));
    // A connection that breaks, unless the end came before.
    let frames = frames.chain(stream::iter([Err("connection reset".to_owned())]));
    let received = inbox.receive(frames, &Birth::new(0)).await;
    received.map(|incoming| incoming.copy).map_err(|error| error.to_string())
}

fn content(copy: &ScratchDir, name: &str) -> Vec<u8> {
    std::fs::read(copy.join("state").join(name)).unwrap()
}

#[tokio::test]
async fn a_transfer_goes_on_where_it_broke_off_even_if_more_files_are_sent() {
    let dir = tempfile::tempdir().unwrap();
    let (inbox, traffic) = inbox(dir.path());
    let (a, b, c) = (file("a", b"abcd"), file("b", b"efgh"), file("c", b""));
    assert_eq!(inbox.offer(vec![a.clone(), b.clone()]).await.unwrap(), [0, 0]);
    let broken = vec![header(vec![a.clone(), b.clone()]), chunk(0, 0, b"abcd"), chunk(1, 0, b"ef")];
    assert_eq!(receive(&inbox, broken).await.err().unwrap(), "connection reset");

    // The next copy of the state has a file more.
    let held = inbox.offer(vec![a.clone(), b.clone(), c.clone()]).await.unwrap();
    assert_eq!(held, [4, 2, 0]);
    let files = vec![File { from: 4, ..a }, File { from: 2, ..b }, c];
    let rest = vec![header(files), chunk(1, 2, b"gh"), Frame::End];
    let copy = receive(&inbox, rest).await.unwrap();
    for (name, expected) in [("a", &b"abcd"[..]), ("b", b"efgh"), ("c", b"")] {
        assert_eq!(content(&copy, name), expected);
    }
    let SnapshotTraffic { received, received_bytes, reused_bytes, .. } = traffic.so_far();
    assert_eq!((received, received_bytes, reused_bytes), (1, 8, 6));
}

#[tokio::test]
async fn a_newer_offer_takes_over_from_a_transfer_that_hangs() {
    let dir = tempfile::tempdir().unwrap();
    let (inbox, traffic) = inbox(dir.path());
    let a = file("a", b"abcd");
    let sent = vec![header(vec![a.clone()]), chunk(0, 0, b"ab")];
    let sent = stream::iter(sent.into_iter().map(|frame| Ok(frame.encode())));
    // The connection is broken, and this end does not know.
    let any = Birth::new(0);
    let hanging = inbox.receive(sent.chain(stream::pending()).boxed(), &any);
    let again = async {
        while traffic.so_far().received_bytes < 2 {
            tokio::task::yield_now().await;
        }
        inbox.offer(vec![a]).await.unwrap()
    };
    let (hung, held) = futures::future::join(hanging, again).await;
    assert!(hung.err().unwrap().to_string().contains("newer transfer"));
    assert_eq!(held, [2]);
}

#[tokio::test]
async fn what_is_kept_of_another_file_of_that_name_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let (inbox, _) = inbox(dir.path());
    let broken = vec![header(vec![file("a", b"abcd")]), chunk(0, 0, b"ab")];
    receive(&inbox, broken).await.err().unwrap();
    assert_eq!(inbox.offer(vec![file("a", b"wxyz")]).await.unwrap(), [0], "same name and length");
    assert_eq!(
        inbox.offer(vec![file("a", b"abcd")]).await.unwrap(),
        [0],
        "it made room for the other"
    );

    let gone = vec![header(vec![File { from: 2, ..file("a", b"abcd") }]), chunk(0, 2, b"cd")];
    let error = receive(&inbox, gone).await.err().unwrap();
    assert!(error.contains("offer it again"), "{error}");
}

#[tokio::test]
async fn a_file_that_does_not_add_up_is_refused_and_sent_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (inbox, _) = inbox(dir.path());
    let a = file("a", b"abcd");
    // Every piece is right, but one is of another file.
    let wrong = vec![header(vec![a.clone()]), chunk(0, 0, b"ab"), chunk(0, 2, b"xx"), Frame::End];
    let error = receive(&inbox, wrong).await.err().unwrap();
    assert!(error.contains("not what was sent"), "{error}");
    assert_eq!(inbox.offer(vec![a.clone()]).await.unwrap(), [0]);
    let right = vec![header(vec![a]), chunk(0, 0, b"abcd"), Frame::End];
    assert_eq!(content(&receive(&inbox, right).await.unwrap(), "a"), b"abcd");
}

#[tokio::test]
async fn a_sender_that_knows_no_offers_and_no_sums_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let (inbox, _) = inbox(dir.path());
    let old = File { crc: None, ..file("a", b"abcd") };
    let broken = vec![header(vec![old.clone()]), chunk(0, 0, b"ab")];
    receive(&inbox, broken).await.err().unwrap();
    let whole = vec![header(vec![old]), chunk(0, 0, b"abcd"), Frame::End];
    assert_eq!(content(&receive(&inbox, whole).await.unwrap(), "a"), b"abcd");
}

#[tokio::test]
async fn frames_that_no_sender_sends_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (inbox, _) = inbox(dir.path());
    let a = || header(vec![file("a", b"abcd")]);
    let Frame::Chunk(mut flipped) = chunk(0, 0, b"abcd") else { unreachable!() };
    flipped.crc ^= 1;
    let cases: Vec<(&str, Vec<Frame>)> = vec![
        ("begin with its header", vec![chunk(0, 0, b"abcd")]),
        ("second header", vec![a(), a()]),
        ("arrived damaged", vec![a(), Frame::Chunk(flipped)]),
        ("piece of the snapshot is missing", vec![a(), chunk(0, 2, b"cd")]),
        ("piece of the snapshot is missing", vec![a(), chunk(7, 0, b"ab")]),
        ("longer than announced", vec![a(), chunk(0, 0, b"abcde")]),
        ("ended before it was complete", vec![a(), chunk(0, 0, b"ab"), Frame::End]),
        ("no plain file name", vec![header(vec![file("../a", b"abcd")])]),
        ("no plain file name", vec![header(vec![file("", b"abcd")])]),
    ];
    for (expected, frames) in cases {
        let error = receive(&inbox, frames).await.err().unwrap();
        assert!(error.contains(expected), "{expected}: {error}");
        assert_eq!(
            inbox.offer(Vec::new()).await.unwrap(),
            [0_u64; 0],
            "nothing is kept for the next case"
        );
    }
}

fn state_with(keys: u64) -> Arc<Mvcc> {
    let mvcc = Mvcc::open(Arc::new(MemoryDb::new()), quorate_mvcc::Options::default()).unwrap();
    let entry = |index: u64| ApplyEntry {
        index: LogIndex(index),
        term: Term(1),
        kind: EntryKind::Command(Command::Txn(Txn::put(format!("{index}"), "v")).encode().unwrap()),
    };
    mvcc.apply((1..=keys).map(entry).collect()).unwrap();
    mvcc
}

#[tokio::test]
async fn whole_files_are_taken_from_the_receivers_own_state() {
    let dir = tempfile::tempdir().unwrap();
    let scratch = Scratch::open(&dir.path().join("scratch")).unwrap();
    let (own, _held) = State::new(state_with(5));
    let inbox =
        Inbox::new(scratch.clone(), Some(own.downgrade()), Sums::default(), Traffic::default());
    let files_of = |keys: u64| {
        let copy = scratch.dir("other").unwrap();
        state_with(keys).checkpoint(&copy.join("state")).unwrap();
        files_in(&copy.join("state"), &Sums::default()).unwrap()
    };
    let equal: Vec<File> =
        files_of(5).into_iter().map(|file| File { name: "other-name".into(), ..file }).collect();
    assert_eq!(inbox.offer(equal.clone()).await.unwrap(), [equal[0].length]);
    assert_eq!(inbox.offer(files_of(6)).await.unwrap(), [0], "another state shares nothing");
}

#[test]
fn sums_of_large_files_follow_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("large");
    let sums = Sums::default();
    for fill in [1_u8, 2] {
        let bytes = vec![fill; 2 << 20];
        // Another file of that name, as a state's files are replaced.
        let _ = std::fs::remove_file(&path);
        std::fs::write(&path, &bytes).unwrap();
        std::fs::File::open(&path)
            .unwrap()
            .set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(fill.into()))
            .unwrap();
        for _ in 0..2 {
            assert_eq!(sums.of(&path).unwrap(), crc32c::crc32c(&bytes));
        }
    }
}
