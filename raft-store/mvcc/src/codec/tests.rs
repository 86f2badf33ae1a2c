//! Every value survives the way there and back; foreign bytes are errors.

use super::{CodecError, batch, decode_outcome, encode_batch, encode_outcome};
use crate::{Alarm, AlarmKind, Command, Outcome, Reply};
use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use quorate_auth::{Access, AuthChange, Caller, Permission};
use quorate_store::{
    AuthError, Certainty, Compare, CompareOp, CompareTarget, Consistency, Error, KeyRange,
    KeyValue, LeaseGranted, Op, OpResponse, PutOp, RangeRequest, RangeResponse, RequestId,
    RevisionFilter, Sort, SortTarget, Txn, TxnResponse,
};
use quorate_types::limits::MAX_TXN_DEPTH;
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
    let filter = (any::<[i64; 4]>()).prop_map(|revisions| {
        let [min_mod, max_mod, min_create, max_create] = revisions.map(Revision);
        RevisionFilter { min_mod, max_mod, min_create, max_create }
    });
    let filter = prop_oneof![Just(RevisionFilter::default()), filter];
    (key_range(), revision(), 0usize..100, any::<[bool; 3]>(), option::of(sort()), filter).prop_map(
        |(range, revision, limit, [serializable, keys_only, count_only], sort, filter)| {
            RangeRequest {
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
                sort,
                filter,
            }
        },
    )
}

fn sort() -> impl Strategy<Value = Sort> {
    let targets = [
        SortTarget::Key,
        SortTarget::Version,
        SortTarget::CreateRevision,
        SortTarget::ModRevision,
        SortTarget::Value,
    ];
    (prop::sample::select(targets.to_vec()), any::<bool>())
        .prop_map(|(target, descending)| Sort { target, descending })
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        request().prop_map(Op::Range),
        (bytes(), bytes(), any::<i64>(), any::<[bool; 3]>()).prop_map(
            |(key, value, lease, [prev_kv, ignore_value, ignore_lease])| {
                let lease = LeaseId(lease);
                Op::Put(PutOp { key, value, lease, prev_kv, ignore_value, ignore_lease })
            }
        ),
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

fn txn_of(op: impl Strategy<Value = Op> + Clone) -> impl Strategy<Value = Txn> {
    let request = option::of(any::<u128>().prop_map(RequestId));
    let fence = option::of(any::<u64>().prop_map(Term));
    (vec(compare(), 0..3), vec(op.clone(), 0..4), vec(op, 0..4), fence, request).prop_map(
        |(compares, success, failure, fence, request_id)| Txn {
            compares,
            success,
            failure,
            fence,
            request_id,
        },
    )
}

fn txn() -> impl Strategy<Value = Txn> {
    let nested = op().prop_recursive(3, 12, 4, |op| txn_of(op).prop_map(Op::Txn));
    txn_of(nested)
}

fn alarm() -> impl Strategy<Value = Alarm> {
    any::<u64>().prop_map(|member| Alarm { member: MemberId(member), kind: AlarmKind::NoSpace })
}

fn caller() -> impl Strategy<Value = Caller> {
    prop_oneof![
        Just(Caller::anonymous()),
        ("[a-z]{1,4}", any::<u64>()).prop_map(|(user, revision)| Caller::new(user, revision)),
    ]
}

fn auth_change() -> impl Strategy<Value = AuthChange> {
    let access = prop::sample::select(vec![Access::Read, Access::Write, Access::ReadWrite]);
    let name = || "[a-z]{0,4}".prop_map(String::from);
    prop_oneof![
        Just(AuthChange::Enable),
        Just(AuthChange::Disable),
        (name(), bytes(), any::<bool>()).prop_map(|(name, password, no_password)| {
            AuthChange::UserAdd { name, password, no_password }
        }),
        name().prop_map(|name| AuthChange::UserDelete { name }),
        (name(), bytes())
            .prop_map(|(name, password)| AuthChange::UserChangePassword { name, password }),
        (name(), name()).prop_map(|(user, role)| AuthChange::UserGrantRole { user, role }),
        (name(), name()).prop_map(|(user, role)| AuthChange::UserRevokeRole { user, role }),
        name().prop_map(|name| AuthChange::RoleAdd { name }),
        name().prop_map(|name| AuthChange::RoleDelete { name }),
        (name(), access, key_range()).prop_map(|(role, access, range)| {
            AuthChange::RoleGrant { role, permission: Permission::new(access, range) }
        }),
        (name(), key_range()).prop_map(|(role, range)| AuthChange::RoleRevoke { role, range }),
        (name(), any::<u64>(), name())
            .prop_map(|(user, revision, prefix)| { AuthChange::SignIn { user, revision, prefix } }),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    let single = prop_oneof![
        4 => txn().prop_map(Command::Txn),
        1 => revision().prop_map(|revision| Command::Compact { revision }),
        1 => any::<(i64, i64)>()
            .prop_map(|(id, ttl_seconds)| Command::LeaseGrant { id: LeaseId(id), ttl_seconds }),
        1 => vec(any::<i64>(), 0..5)
            .prop_map(|ids| Command::LeaseRevoke { ids: ids.into_iter().map(LeaseId).collect() }),
        1 => vec(any::<(i64, i64)>(), 0..5).prop_map(|leases| Command::LeaseCheckpoint {
            remaining: leases.into_iter().map(|(id, seconds)| (LeaseId(id), seconds)).collect()
        }),
        1 => (any::<bool>(), alarm()).prop_map(|(raise, alarm)| Command::Alarm { raise, alarm }),
        1 => ("[a-z]*", bytes()).prop_map(|(machine, body)| Command::Custom { machine, body }),
        1 => auth_change().prop_map(Command::Auth),
    ];
    let single = (option::of(caller()), single).prop_map(|(caller, command)| match caller {
        Some(caller) => Command::OnBehalf { caller, command: Box::new(command) },
        None => command,
    });
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
    .prop_recursive(3, 8, 3, |inner| {
        (revision(), any::<bool>(), vec(inner, 0..3)).prop_map(
            |(revision, succeeded, responses)| {
                OpResponse::Txn(TxnResponse { revision, succeeded, responses })
            },
        )
    })
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
        any::<u64>().prop_map(|known| Reply::LeaseCheckpointed { known }),
        (revision(), ".*").prop_map(|(revision, token)| Reply::Auth { revision, token }),
        vec(alarm(), 0..3).prop_map(Reply::Alarms),
        (revision(), bytes()).prop_map(|(revision, answer)| Reply::Custom { revision, answer }),
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
        ".*".prop_map(|key| Error::KeyNotFound { key }),
        ".*".prop_map(|key| Error::ValueProvided { key }),
        ".*".prop_map(|key| Error::LeaseProvided { key }),
        ".*".prop_map(|reason| Error::Invalid { reason }),
        Just(Error::NoSpace),
        prop::sample::select(AuthError::ALL.to_vec()).prop_map(Error::Auth),
        revision().prop_map(|revision| Error::AlreadyApplied { revision }),
        ("[a-z]*", ".*").prop_map(|(machine, reason)| Error::Refused { machine, reason }),
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
        let whole = encode_batch(&[], &bytes).unwrap();
        prop_assert_eq!(batch::split(&whole), Some(bytes.iter().map(|it| it.slice(1..)).collect()));
        let headed = encode_batch(b"head", &bytes).unwrap();
        prop_assert_eq!(&headed, &[&b"head"[..], &whole[..]].concat());
        let commands = Command::Batch(commands);
        prop_assert_eq!(&whole, &commands.encode().unwrap());
        prop_assert_eq!(Command::decode(whole).unwrap(), commands);
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
        let versioned: Bytes = [&[2], bytes.as_slice()].concat().into();
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
fn what_is_nested_too_deep_to_be_read_back_is_not_written() {
    let batches = (0..9).fold(Command::Batch(vec![]), |inner, _| Command::Batch(vec![inner]));
    assert!(matches!(batches.encode(), Err(CodecError::Unsupported(_))));
    let nested = |depth: usize| {
        Command::Txn((1..depth).fold(Txn::put("k", "v"), |txn, _| Txn::ops([Op::Txn(txn)])))
    };
    assert!(matches!(nested(MAX_TXN_DEPTH + 1).encode(), Err(CodecError::Unsupported(_))));
    let deepest = Command::Batch(vec![Command::Batch(vec![nested(MAX_TXN_DEPTH)])]);
    assert_eq!(Command::decode(deepest.encode().unwrap()).unwrap(), deepest);
}

#[test]
fn foreign_bytes_nested_without_end_are_an_error_not_a_stack_overflow() {
    // Field 5, a batch, whose field 1, a command, is the rest.
    let mut bytes = Vec::new();
    for _ in 0..5_000 {
        for tag in [0x0a, 0x2a] {
            let mut head = vec![tag];
            prost::encoding::encode_varint(bytes.len() as u64, &mut head);
            head.extend(bytes);
            bytes = head;
        }
    }
    bytes.insert(0, 1);
    assert!(matches!(Command::decode(bytes.into()), Err(CodecError::Malformed(_))));
}

#[test]
fn what_the_first_version_wrote_is_read_and_written_alike() {
    let txn = Txn::ops([Op::put("k", "v"), Op::delete("d"), Op::Range(RangeRequest::key("r"))]);
    let txn = txn.when(Compare::absent("k")).fenced(Some(Term(3)));
    let written: &[u8] = b"\x01\x0a\x2f\x0a\x0b\x0a\x05\x0a\x01k\x10\x01\x10\x01\x28\x00\x12\x08\x12\x06\x0a\x01k\x12\x01v\x12\x09\x1a\x07\x0a\x05\x0a\x01d\x10\x01\x12\x09\x0a\x07\x0a\x05\x0a\x01r\x10\x01\x20\x03";
    let command = Command::Txn(txn);
    assert_eq!(command.encode().unwrap(), written, "{:02x?}", command.encode().unwrap().as_ref());
    assert_eq!(Command::decode(Bytes::from_static(written)).unwrap(), command);
}

#[test]
fn only_what_is_new_is_written_in_the_new_version() {
    let version = |command: Command| command.encode().unwrap()[0];
    assert_eq!(version(Command::Txn(Txn::put("k", "v"))), 1);
    let sorted = RangeRequest::key("k").sorted(SortTarget::Value, true);
    let ignoring = PutOp { key: "k".into(), ignore_value: true, ..PutOp::default() };
    for txn in [
        Txn::ops([Op::Txn(Txn::default())]),
        Txn::ops([Op::Put(ignoring)]),
        Txn::ops([Op::Range(sorted)]),
        Txn::default().identified(RequestId(1)),
    ] {
        assert_eq!(version(Command::Txn(txn.clone())), 2, "{txn:?}");
        assert_eq!(version(Command::Batch(vec![Command::Txn(txn)])), 2);
    }
}

#[test]
fn a_named_caller_needs_the_version_that_knows_users_and_an_anonymous_one_does_not() {
    let version = |caller: Caller, command: Command| {
        let command = Command::OnBehalf { caller, command: Box::new(command) };
        command.encode().unwrap()[0]
    };
    let put = || Command::Txn(Txn::put("k", "v"));
    assert_eq!(version(Caller::anonymous(), put()), 1);
    assert_eq!(version(Caller::new("alice", 2), put()), 3);
    assert_eq!(version(Caller::anonymous(), Command::Auth(AuthChange::Enable)), 3);
    let twice = Command::OnBehalf { caller: Caller::anonymous(), command: Box::new(put()) };
    for inner in [twice, Command::Batch(vec![put()])] {
        let command = Command::OnBehalf { caller: Caller::anonymous(), command: Box::new(inner) };
        assert!(matches!(command.encode(), Err(CodecError::Unsupported(_))));
    }
}

#[test]
fn another_version_is_named() {
    let error = Command::decode(Bytes::from_static(&[9, 1, 2])).unwrap_err();
    assert_eq!(error, CodecError::Version { found: Some(9) });
    assert_eq!(Command::decode(Bytes::new()).unwrap_err(), CodecError::Version { found: None });
}
