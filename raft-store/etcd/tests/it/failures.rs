//! Failures have the codes and texts of etcd's table, since clients compare both.

use crate::own::Own;
use pb::request_op::Request as Op;
use quorate_etcd::proto::etcdserverpb as pb;
use tonic::{Code, Request, Status};

fn put(key: &str, value: &str) -> pb::PutRequest {
    pb::PutRequest {
        key: key.to_owned().into(),
        value: value.to_owned().into(),
        ..Default::default()
    }
}

fn op(op: Op) -> pb::RequestOp {
    pb::RequestOp { request: Some(op) }
}

fn txn(success: Vec<pb::RequestOp>) -> pb::TxnRequest {
    pb::TxnRequest { success, ..Default::default() }
}

fn puts(count: usize) -> Vec<pb::RequestOp> {
    (0..count).map(|number| op(Op::RequestPut(put(&format!("p{number}"), "v")))).collect()
}

#[track_caller]
fn is<T: std::fmt::Debug>(answer: Result<T, Status>, code: Code, text: &str) {
    let status = answer.unwrap_err();
    assert_eq!((status.code(), status.message()), (code, &*format!("etcdserver: {text}")));
}

const INVALID: Code = Code::InvalidArgument;

#[tokio::test(flavor = "multi_thread")]
async fn of_keys() {
    let own = Own::start().await;
    let mut kv = own.kv();
    own.put("k", "v").await;
    is(kv.put(put("", "v")).await, INVALID, "key is not provided");
    is(kv.range(pb::RangeRequest::default()).await, INVALID, "key is not provided");
    let all = pb::RangeRequest { range_end: "\0".into(), ..Default::default() };
    is(kv.range(all).await, INVALID, "key is not provided");
    is(kv.delete_range(pb::DeleteRangeRequest::default()).await, INVALID, "key is not provided");
    let keep = |request| pb::PutRequest { ignore_value: true, ..request };
    is(kv.put(keep(put("k", "v"))).await, INVALID, "value is provided");
    is(kv.put(keep(put("none", ""))).await, INVALID, "key not found");
    let keep = |lease, key| pb::PutRequest { ignore_lease: true, lease, ..put(key, "v") };
    is(kv.put(keep(5, "k")).await, INVALID, "lease is provided");
    is(kv.put(keep(0, "none")).await, INVALID, "key not found");
    let leased = pb::PutRequest { lease: 99, ..put("k", "v") };
    is(kv.put(leased).await, Code::NotFound, "requested lease not found");
    for (order, target) in [(3, 0), (0, 5), (-1, 0)] {
        let range = pb::RangeRequest {
            key: "k".into(),
            sort_order: order,
            sort_target: target,
            ..Default::default()
        };
        is(kv.range(range).await, INVALID, "invalid sort option");
    }
    own.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_transactions() {
    let own = Own::start().await;
    let mut kv = own.kv();
    is(kv.txn(txn(puts(129))).await, INVALID, "too many operations in txn request");
    assert!(kv.txn(txn(puts(128))).await.is_ok());
    let compare = pb::Compare { key: "k".into(), ..Default::default() };
    let compares = pb::TxnRequest { compare: vec![compare; 129], ..Default::default() };
    is(kv.txn(compares).await, INVALID, "too many operations in txn request");
    // What is left for a nested transaction shrinks by what is around it.
    let mut outer = puts(126);
    let inner = |count| {
        let puts = (0..count).map(|number| op(Op::RequestPut(put(&format!("i{number}"), "v"))));
        op(Op::RequestTxn(txn(puts.collect())))
    };
    outer.push(inner(1));
    assert!(kv.txn(txn(outer.clone())).await.is_ok());
    outer.pop();
    outer.push(inner(2));
    is(kv.txn(txn(outer)).await, INVALID, "too many operations in txn request");
    let twice = vec![op(Op::RequestPut(put("a", "1"))), op(Op::RequestPut(put("a", "2")))];
    is(kv.txn(txn(twice)).await, INVALID, "duplicate key given in txn request");
    let delete =
        pb::DeleteRangeRequest { key: "a".into(), range_end: "c".into(), ..Default::default() };
    let overlap = vec![op(Op::RequestDeleteRange(delete)), op(Op::RequestPut(put("b", "2")))];
    is(kv.txn(txn(overlap)).await, INVALID, "duplicate key given in txn request");
    is(kv.txn(txn(vec![pb::RequestOp::default()])).await, INVALID, "key not found");
    let compare = pb::TxnRequest { compare: vec![pb::Compare::default()], ..Default::default() };
    is(kv.txn(compare).await, INVALID, "key is not provided");
    own.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_revisions() {
    let own = Own::start().await;
    let mut kv = own.kv();
    for _ in 0..5 {
        own.put("k", "v").await;
    }
    let compact = |revision| pb::CompactionRequest { revision, physical: true };
    let (compacted, future) = (
        "mvcc: required revision has been compacted",
        "mvcc: required revision is a future revision",
    );
    kv.compact(compact(4)).await.unwrap();
    is(kv.compact(compact(4)).await, Code::OutOfRange, compacted);
    is(kv.compact(compact(99)).await, Code::OutOfRange, future);
    let at = |revision| pb::RangeRequest { key: "k".into(), revision, ..Default::default() };
    assert!(kv.range(at(4)).await.is_ok(), "the compacted revision itself is read");
    is(kv.range(at(3)).await, Code::OutOfRange, compacted);
    is(kv.range(at(7)).await, Code::OutOfRange, future);
    own.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_leases() {
    let own = Own::start().await;
    let mut lease = own.lease();
    own.grant(7, 60).await;
    let grant = |id, ttl| pb::LeaseGrantRequest { ttl, id };
    is(lease.lease_grant(grant(7, 60)).await, Code::FailedPrecondition, "lease already exists");
    let ttl = 9_000_000_001;
    is(lease.lease_grant(grant(8, ttl)).await, Code::OutOfRange, "too large lease TTL");
    let revoke = pb::LeaseRevokeRequest { id: 99 };
    is(lease.lease_revoke(revoke).await, Code::NotFound, "requested lease not found");
    own.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sizes() {
    let own = Own::start().await;
    let mut kv = own.kv();
    let large = |bytes: usize| pb::PutRequest {
        key: "k".into(),
        value: vec![7; bytes].into(),
        ..Default::default()
    };
    assert!(kv.put(large(1_500_000)).await.is_ok());
    is(kv.put(large(1_600_000)).await, INVALID, "request is too large");
    let status = kv.put(large(3_000_000)).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    let words = "grpc: received message larger than max (";
    assert!(status.message().starts_with(words), "{status:?}");
    assert!(status.message().ends_with(" vs. 2097152)"), "{status:?}");
    own.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_what_is_not_there() {
    let own = Own::start().await;
    let mut wire = tonic::client::Grpc::new(own.channel.clone());
    for (path, text) in [
        ("/nobody.Service/Call", "unknown service nobody.Service"),
        ("/etcdserverpb.KV/Nothing", ""),
    ] {
        wire.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<pb::RangeRequest, pb::RangeResponse>::default();
        let path = tonic::codegen::http::uri::PathAndQuery::from_static(path);
        let request = Request::new(pb::RangeRequest::default());
        let status = wire.unary(request, path, codec).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::Unimplemented, text));
    }
    own.stop().await;
}
