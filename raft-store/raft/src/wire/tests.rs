use super::*;
use crate::types::{Membership, Node, Payload, Proposal, StoredMembership, Vote, log_id};
use crate::witness::Extent;
use openraft::raft::{AppendEntriesRequest, StreamAppendError, VoteRequest};
use std::collections::{BTreeMap, BTreeSet};

fn membership() -> Membership {
    let node = |n: u64| {
        (n, Node { name: format!("m{n}"), joining: n == 3, ..Node::at(format!("127.0.0.1:{n}")) })
    };
    Membership::new(
        vec![BTreeSet::from([1, 2]), BTreeSet::from([1, 3])],
        BTreeMap::from([node(1), node(2), node(3), node(4)]),
    )
    .unwrap()
}

#[test]
fn payloads_and_memberships_survive_the_round_trip() {
    let payloads = [
        Payload::Blank,
        Payload::Normal(Proposal::of(b"command")),
        Payload::Membership(membership()),
    ];
    for payload in payloads {
        assert_eq!(decode_payload(&encode_payload(&payload)).unwrap(), payload);
    }
    for stored in [
        StoredMembership::default(),
        StoredMembership::new(Some(log_id(0, 0)), membership()),
        StoredMembership::new(None, membership()),
    ] {
        assert_eq!(decode_membership(&encode_membership(&stored)).unwrap(), stored);
    }
}

#[test]
fn votes_survive_the_round_trip_and_are_never_empty() {
    for vote in [Vote::new(0, 0), Vote::new(7, 2), Vote::new_committed(7, 2)] {
        let bytes = encode_vote(&vote);
        assert!(!bytes.is_empty());
        assert_eq!(decode_vote(bytes).unwrap(), vote);
    }
    let mut request = VoteRequest::new(Vote::new(3, 1), Some(log_id(2, 9)));
    request.leadership_transfer = true;
    assert_eq!(decode_vote_request(encode_vote_request(&request, 5)).unwrap(), (5, request));
}

#[test]
fn appends_and_replies_survive_the_round_trip() {
    let entry = |index, payload| crate::types::Entry { log_id: log_id(2, index), payload };
    let request = AppendEntriesRequest {
        vote: Vote::new_committed(2, 1),
        prev_log_id: Some(log_id(0, 0)),
        leader_commit: None,
        entries: vec![entry(1, Payload::Blank), entry(2, Payload::Normal(Proposal::of(b"x")))],
    };
    for durable in [None, Some(log_id(2, 2))] {
        let envelope = Envelope { birth: 5, from: 6, durable };
        assert_eq!(decode_append(encode_append(&request, &envelope)).unwrap().0, envelope);
    }
    let (_, decoded) = decode_append(encode_append(&request, &Envelope::default())).unwrap();
    assert_eq!(decoded.vote, request.vote);
    assert_eq!(decoded.prev_log_id, request.prev_log_id);
    assert_eq!(decoded.leader_commit, None);
    assert_eq!(decoded.entries, request.entries);
    for reply in [
        Ok(None),
        Ok(Some(log_id(0, 0))),
        Err(StreamAppendError::Conflict(log_id(1, 4))),
        Err(StreamAppendError::HigherVote(Vote::new(9, 3))),
    ] {
        assert_eq!(decode_append_reply(encode_append_reply(&reply)).unwrap(), reply);
    }
}

#[test]
fn what_members_say_of_each_other_survives_the_round_trip() {
    let question = Question { member: 3, birth: 8 };
    assert_eq!(decode_question(encode_question(&question)).unwrap(), question);
    assert_eq!(decode_question(Bytes::new()).unwrap(), Question::default());
    let extents = [None, Some(Some(log_id(2, 9))), Some(None)];
    for seen in extents.map(|last| last.map(|last| Extent { term: 4, last })) {
        let hello = Hello::new(7, true, seen);
        let decoded = decode_hello(encode_hello(&hello)).unwrap();
        assert_eq!((decoded.birth, decoded.initialized, decoded.seen()), (7, true, seen));
    }
}

#[test]
fn damaged_bytes_are_refused_by_name() {
    let error = decode_payload(&Bytes::new()).unwrap_err().to_string();
    assert!(error.contains("entry payload"), "{error}");
    assert!(decode_payload(&Bytes::from_static(&[9])).is_err());
    assert!(decode_vote(Bytes::new()).is_err());
    assert!(decode_append_reply(Bytes::new()).is_err());
    assert!(Frame::decode(Bytes::from_static(b"\xff\xff")).is_err());
}
