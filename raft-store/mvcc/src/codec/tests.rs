//! Every value survives the way there and back; foreign bytes are errors.

use super::{CodecError, decode_outcome, encode_batch, encode_outcome};
use crate::{Command, Outcome, Reply};
use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use quorate_store::{
    Certainty, Compare, CompareOp, CompareTarget, Consistency, Error, KeyRange, KeyValue,
    LeaseGranted, Op, OpResponse, PutOp, RangeRequest, RangeResponse, Txn, TxnResponse,
};
use quorate_types::{LeaseId, MemberId, Revision, Term};
use std::time::Duration;

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..12).prop_map(Bytes::from)
}

fn revision() -> impl Strategy<Value = Revision> {
    any::<i64>().prop_map(Revision)
}

fn key_range() -> impl Strategy<Value = KeyRange> {
    prop_oneof![
        bytes().prop_map(KeyRange::Key),
        (bytes(), bytes()).prop_map(|(start, end)| KeyRange::Span(start, end)),
        bytes().prop_map(KeyRange::From),
    ]
}

fn request() -> impl Strategy<Value = RangeRequest> {
    (key_range(), revision(), 0usize..100, any::<[bool; 3]>()).prop_map(
        |(range, revision, limit, [serializable, keys_only, count_only])| RangeRequest {
            range,
            revision,
            limit,
            consistency: if serializable {
                Consistency::Serializable
            } else {
                Consistency::Linearizable
            },
            keys_only,
            count_only,
        },
    )
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        request().prop_map(Op::Range),
        (bytes(), bytes(), any::<i64>(), any::<bool>()).prop_map(|(key, value, lease, prev_kv)| {
            Op::Put(PutOp { key, value, lease: LeaseId(lease), prev_kv })
        }),
        (key_range(), any::<bool>()).prop_map(|(range, prev_kv)| Op::Delete { range, prev_kv }),
    ]
}

fn compare() -> impl Strategy<Value = Compare> {
    let op = prop_oneof![
        Just(CompareOp::Equal),
        Just(CompareOp::NotEqual),
        Just(CompareOp::Greater),
        Just(CompareOp::Less),
    ];
    let target = prop_oneof![
        any::<i64>().prop_map(CompareTarget::Version),
        revision().prop_map(CompareTarget::CreateRevision),
        revision().prop_map(CompareTarget::ModRevision),
        bytes().prop_map(CompareTarget::Value),
        any::<i64>().prop_map(|id| CompareTarget::Lease(LeaseId(id))),
    ];
    (key_range(), op, target).prop_map(|(range, op, target)| Compare { range, op, target })
}

fn txn() -> impl Strategy<Value = Txn> {
    (vec(compare(), 0..3), vec(op(), 0..4), vec(op(), 0..4), option::of(any::<u64>())).prop_map(
        |(compares, success, failure, fence)| Txn {
            compares,
            success,
            failure,
            fence: fence.map(Term),
        },
    )
}

fn command() -> impl Strategy<Value = Command> {
    let single = prop_oneof![
        txn().prop_map(Command::Txn),
        revision().prop_map(|revision| Command::Compact { revision }),
        any::<(i64, i64)>()
            .prop_map(|(id, ttl_seconds)| Command::LeaseGrant { id: LeaseId(id), ttl_seconds }),
        vec(any::<i64>(), 0..5)
            .prop_map(|ids| Command::LeaseRevoke { ids: ids.into_iter().map(LeaseId).collect() }),
    ];
    single.prop_recursive(2, 8, 4, |inner| vec(inner, 0..4).prop_map(Command::Batch))
}

fn key_value() -> impl Strategy<Value = KeyValue> {
    (bytes(), bytes(), revision(), revision(), any::<(i64, i64)>()).prop_map(
        |(key, value, create_revision, mod_revision, (version, lease))| KeyValue {
            key,
            value,
            create_revision,
            mod_revision,
            version,
            lease: LeaseId(lease),
        },
    )
}

fn op_response() -> impl Strategy<Value = OpResponse> {
    prop_oneof![
        (revision(), vec(key_value(), 0..3), any::<u64>(), any::<bool>()).prop_map(
            |(revision, kvs, count, more)| OpResponse::Range(RangeResponse {
                revision,
                kvs,
                count,
                more
            })
        ),
        option::of(key_value()).prop_map(|prev_kv| OpResponse::Put { prev_kv }),
        (any::<u64>(), vec(key_value(), 0..3))
            .prop_map(|(deleted, prev_kvs)| OpResponse::Delete { deleted, prev_kvs }),
    ]
}

fn reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        (revision(), any::<bool>(), vec(op_response(), 0..4)).prop_map(
            |(revision, succeeded, responses)| Reply::Txn(TxnResponse {
                revision,
                succeeded,
                responses
            })
        ),
        revision().prop_map(|revision| Reply::Compacted { revision }),
        revision().prop_map(|revision| Reply::LeaseRevoked { revision }),
        (any::<i64>(), any::<u64>(), 0u32..1_000_000_000).prop_map(|(id, seconds, nanos)| {
            let ttl = Duration::new(seconds, nanos);
            Reply::LeaseGranted(LeaseGranted { id: LeaseId(id), ttl })
        }),
    ]
}

fn error() -> impl Strategy<Value = Error> {
    let certainty = prop_oneof![Just(Certainty::Unknown), Just(Certainty::DefinitelyNot)];
    prop_oneof![
        (revision(), revision())
            .prop_map(|(requested, compacted)| Error::Compacted { requested, compacted }),
        (revision(), revision())
            .prop_map(|(requested, current)| Error::FutureRevision { requested, current }),
        Just(Error::EmptyKey),
        ".*".prop_map(|key| Error::DuplicateKey { key }),
        any::<(usize, usize)>().prop_map(|(given, limit)| Error::TooManyOps { given, limit }),
        any::<(usize, usize)>().prop_map(|(bytes, limit)| Error::TooLarge { bytes, limit }),
        any::<i64>().prop_map(|id| Error::LeaseNotFound(LeaseId(id))),
        any::<i64>().prop_map(|id| Error::LeaseExists(LeaseId(id))),
        any::<(i64, i64)>().prop_map(|(seconds, limit)| Error::LeaseTtl { seconds, limit }),
        any::<(u64, u64)>().prop_map(|(written, current)| Error::Fenced {
            written: Term(written),
            current: Term(current)
        }),
        option::of(any::<u64>())
            .prop_map(|leader| Error::NotLeader { leader: leader.map(MemberId) }),
        (".*", certainty).prop_map(|(reason, certainty)| Error::Unavailable { reason, certainty }),
        Just(Error::Timeout),
        ".*".prop_map(|reason| Error::Fatal { reason }),
    ]
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let single = prop_oneof![3 => reply().prop_map(Ok), 1 => error().prop_map(Err)];
    single.prop_recursive(2, 8, 4, |inner| {
        vec(inner, 0..4).prop_map(|outcomes| Ok(Reply::Batch(outcomes)))
    })
}

proptest! {
    #[test]
    fn commands_survive_the_way_there_and_back(command in command()) {
        let bytes = command.encode().unwrap();
        prop_assert_eq!(Command::decode(bytes).unwrap(), command);
    }

    #[test]
    fn a_batch_made_of_bytes_is_the_batch_of_the_commands(commands in vec(command(), 0..5)) {
        let bytes: Vec<Bytes> = commands.iter().map(|it| it.encode().unwrap()).collect();
        let batch = encode_batch(&bytes).unwrap();
        prop_assert_eq!(&batch, &Command::Batch(commands).encode().unwrap());
    }

    #[test]
    fn outcomes_survive_the_way_there_and_back(outcome in outcome()) {
        let bytes = encode_outcome(&outcome).unwrap();
        prop_assert_eq!(decode_outcome(bytes).unwrap(), outcome);
    }

    #[test]
    fn replies_survive_the_way_there_and_back(reply in reply()) {
        prop_assert_eq!(Reply::decode(reply.encode().unwrap()).unwrap(), reply);
    }

    #[test]
    fn foreign_bytes_never_panic(bytes in vec(any::<u8>(), 0..64)) {
        let versioned: Bytes = [&[1], bytes.as_slice()].concat().into();
        let _ = Command::decode(bytes.into());
        let _ = Command::decode(versioned.clone());
        let _ = Reply::decode(versioned.clone());
        let _ = decode_outcome(versioned);
    }

    #[test]
    fn damaged_commands_never_panic(
        command in command(), at in any::<prop::sample::Index>(), with in any::<u8>()
    ) {
        let mut bytes = command.encode().unwrap().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = with;
        let _ = Command::decode(Bytes::copy_from_slice(&bytes[..at]));
        let _ = Command::decode(bytes.into());
    }
}

#[test]
fn deep_nesting_is_an_error_not_a_stack_overflow() {
    let mut command = Command::Batch(vec![]);
    for _ in 0..2_000 {
        command = Command::Batch(vec![command]);
    }
    let encoded = std::thread::Builder::new()
        .stack_size(64 * 1024 * 1024)
        .spawn(move || {
            let bytes = command.encode().unwrap();
            std::mem::forget(command);
            bytes
        })
        .unwrap()
        .join()
        .unwrap();
    assert!(matches!(Command::decode(encoded), Err(CodecError::Malformed(_))));
}

#[test]
fn another_version_is_named() {
    let error = Command::decode(Bytes::from_static(&[9, 1, 2])).unwrap_err();
    assert_eq!(error, CodecError::Version { found: Some(9) });
    assert_eq!(Command::decode(Bytes::new()).unwrap_err(), CodecError::Version { found: None });
}
