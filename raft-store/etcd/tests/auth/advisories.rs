//! What others have been warned of, and every RPC that must not be open: tried over the wire.

use crate::client::{Client, denied, put, refusal, told};
use crate::cluster::Cluster;
use futures::StreamExt;
use pb::request_op::Request as Op;
use pb::watch_request::RequestUnion;
use quorate_etcd::proto::authpb::permission::Type;
use quorate_etcd::proto::etcdserverpb as pb;
use quorate_seams::{Seams, timeout};
use std::time::Duration;
use tonic::Code;
use tonic::Code::InvalidArgument;
use tonic::transport::Channel;

fn nested(op: Op) -> pb::TxnRequest {
    let one = |request| pb::TxnRequest {
        success: vec![pb::RequestOp { request: Some(request) }],
        ..Default::default()
    };
    one(Op::RequestTxn(one(Op::RequestTxn(one(op)))))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nested_transactions_previous_values_and_leases_are_no_way_around_permissions() {
    let cluster = Cluster::one().await;
    let client = Client::connect(cluster.endpoints[0]).await;
    let (root, _) = client.secure().await;
    root.grant("role", Type::Write, ("w", "")).await.unwrap();
    let root = client.sign_in("root", "root-password").await;
    let mut leases = pb::lease_client::LeaseClient::new(client.channel());
    let grant = pb::LeaseGrantRequest { ttl: 600, id: 5 };
    leases.lease_grant(root.ask(grant)).await.unwrap();
    root.kv().put(root.ask(pb::PutRequest { lease: 5, ..put("secret", "1") })).await.unwrap();
    let alice = client.sign_in("alice", "alice-password").await;
    let range = pb::RangeRequest { key: "secret".into(), ..Default::default() };
    let delete = pb::DeleteRangeRequest { key: "w".into(), prev_kv: true, ..Default::default() };
    for op in [
        Op::RequestPut(put("secret", "2")),
        Op::RequestRange(range),
        Op::RequestPut(pb::PutRequest { prev_kv: true, ..put("w", "2") }),
        Op::RequestPut(pb::PutRequest { lease: 5, ..put("a/1", "2") }),
        Op::RequestDeleteRange(delete),
    ] {
        let outcome = told(alice.kv().txn(alice.ask(nested(op.clone()))).await).map(|_| ());
        assert_eq!(outcome, denied(), "{op:?}");
    }
    alice.kv().txn(alice.ask(nested(Op::RequestPut(put("w", "2"))))).await.unwrap();
    let keep = |keys| pb::LeaseTimeToLiveRequest { id: 5, keys };
    let asked = told(leases.lease_time_to_live(alice.ask(keep(true))).await).map(|_| ());
    assert_eq!(asked, denied());
    let left = leases.lease_time_to_live(alice.ask(keep(false))).await.unwrap().into_inner();
    assert!(left.ttl > 0 && left.keys.is_empty());
    let all = leases.lease_time_to_live(root.ask(keep(true))).await.unwrap().into_inner();
    assert_eq!(all.keys, ["secret"]);
    let revoked = told(leases.lease_revoke(alice.ask(pb::LeaseRevokeRequest { id: 5 })).await);
    assert_eq!(revoked.map(|_| ()), denied());
    let listed = told(leases.lease_leases(alice.ask(pb::LeaseLeasesRequest {})).await);
    assert_eq!(listed.map(|_| ()), denied());
    let renewals = futures::stream::iter([pb::LeaseKeepAliveRequest { id: 5 }]);
    let mut renewed = leases.lease_keep_alive(alice.ask(renewals)).await.unwrap().into_inner();
    assert_eq!(told(renewed.next().await.unwrap()).map(|_| ()), denied());
    cluster.stop().await;
}

/// What every RPC answers, but for those that say who somebody is.
async fn every_rpc(client: &Client) -> Vec<(&'static str, Result<(), (Code, String)>)> {
    let channel = || client.channel();
    let mut kv = client.kv();
    let mut lease = pb::lease_client::LeaseClient::new(channel());
    let mut members = pb::cluster_client::ClusterClient::new(channel());
    let mut maintenance = pb::maintenance_client::MaintenanceClient::new(channel());
    let mut auth = client.auth();
    macro_rules! ask {
        ($service:ident . $rpc:ident ( $message:expr )) => {{
            let asked = $service.$rpc(client.ask($message)).await;
            (stringify!($rpc), told(asked).map(|_| ()))
        }};
    }
    let key = || bytes::Bytes::from_static(b"secret");
    let alarm = |action: pb::alarm_request::AlarmAction| pb::AlarmRequest {
        action: action.into(),
        ..Default::default()
    };
    let renewals = futures::stream::iter([pb::LeaseKeepAliveRequest { id: 5 }]);
    let mut renewed = lease.lease_keep_alive(client.ask(renewals)).await.unwrap().into_inner();
    let renewed = renewed.next().await.unwrap();
    let snapshot = maintenance.snapshot(client.ask(pb::SnapshotRequest {})).await;
    vec![
        ask!(kv.range(pb::RangeRequest { key: key(), ..Default::default() })),
        ask!(kv.put(put("secret", "v"))),
        ask!(kv.delete_range(pb::DeleteRangeRequest { key: key(), ..Default::default() })),
        ask!(kv.txn(nested(Op::RequestPut(put("secret", "v"))))),
        ask!(kv.compact(pb::CompactionRequest { revision: 1, physical: false })),
        ask!(lease.lease_grant(pb::LeaseGrantRequest { ttl: 60, id: 0 })),
        ask!(lease.lease_revoke(pb::LeaseRevokeRequest { id: 5 })),
        ask!(lease.lease_time_to_live(pb::LeaseTimeToLiveRequest { id: 5, keys: false })),
        ask!(lease.lease_leases(pb::LeaseLeasesRequest {})),
        ("lease_keep_alive", told(renewed).map(|_| ())),
        ask!(members.member_add(pb::MemberAddRequest::default())),
        ask!(members.member_remove(pb::MemberRemoveRequest::default())),
        ask!(members.member_update(pb::MemberUpdateRequest::default())),
        ask!(members.member_promote(pb::MemberPromoteRequest::default())),
        ask!(members.member_list(pb::MemberListRequest::default())),
        ask!(maintenance.alarm(alarm(pb::alarm_request::AlarmAction::Get))),
        ask!(maintenance.alarm(alarm(pb::alarm_request::AlarmAction::Deactivate))),
        ask!(maintenance.status(pb::StatusRequest::default())),
        ask!(maintenance.defragment(pb::DefragmentRequest {})),
        ask!(maintenance.hash(pb::HashRequest {})),
        ask!(maintenance.hash_kv(pb::HashKvRequest::default())),
        ask!(maintenance.move_leader(pb::MoveLeaderRequest::default())),
        ("snapshot", told(snapshot).map(|_| ())),
        ask!(auth.auth_enable(pb::AuthEnableRequest {})),
        ask!(auth.auth_disable(pb::AuthDisableRequest {})),
        ask!(auth.user_add(pb::AuthUserAddRequest { name: "m".into(), ..Default::default() })),
        ask!(auth.user_get(pb::AuthUserGetRequest { name: "root".into() })),
        ask!(auth.user_list(pb::AuthUserListRequest {})),
        ask!(auth.user_delete(pb::AuthUserDeleteRequest { name: "root".into() })),
        ask!(auth.user_change_password(pb::AuthUserChangePasswordRequest {
            name: "root".into(),
            password: "mine".into(),
            ..Default::default()
        })),
        ask!(auth.user_grant_role(pb::AuthUserGrantRoleRequest {
            user: "alice".into(),
            role: "root".into()
        })),
        ask!(auth.user_revoke_role(pb::AuthUserRevokeRoleRequest {
            name: "root".into(),
            role: "root".into()
        })),
        ask!(auth.role_add(pb::AuthRoleAddRequest { name: "mine".into() })),
        ask!(auth.role_get(pb::AuthRoleGetRequest { role: "root".into() })),
        ask!(auth.role_list(pb::AuthRoleListRequest {})),
        ask!(auth.role_delete(pb::AuthRoleDeleteRequest { role: "role".into() })),
        ask!(auth.role_grant_permission(pb::AuthRoleGrantPermissionRequest::default())),
        ask!(auth.role_revoke_permission(pb::AuthRoleRevokePermissionRequest::default())),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_rpc_is_open_to_who_has_not_said_who_they_are() {
    let cluster = Cluster::one().await;
    let client = Client::connect(cluster.endpoints[0]).await;
    client.secure().await;
    let before = cluster.members[0].core().auth().await.unwrap();
    for (rpc, outcome) in every_rpc(&client).await {
        assert_eq!(outcome, refusal(InvalidArgument, "user name is empty"), "{rpc}");
    }
    for (rpc, outcome) in every_rpc(&client.with("nobody.1")).await {
        assert_eq!(outcome, refusal(Code::Unauthenticated, "invalid auth token"), "{rpc}");
    }
    let after = cluster.members[0].core().auth().await.unwrap();
    assert_eq!(after, before, "nothing has changed");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_without_the_role_root_administers_nothing() {
    let cluster = Cluster::one().await;
    let client = Client::connect(cluster.endpoints[0]).await;
    let (root, alice) = client.secure().await;
    let mut leases = pb::lease_client::LeaseClient::new(client.channel());
    leases.lease_grant(root.ask(pb::LeaseGrantRequest { ttl: 600, id: 5 })).await.unwrap();
    root.kv().put(root.ask(pb::PutRequest { lease: 5, ..put("secret", "1") })).await.unwrap();
    let before = cluster.members[0].core().auth().await.unwrap();
    let first_alarm = |rpc: &str, seen: &mut usize| rpc == "alarm" && std::mem::take(seen) == 1;
    let mut gets = 1;
    for (rpc, outcome) in every_rpc(&alice).await {
        // Everybody who is known may.
        let open = ["lease_grant", "lease_time_to_live", "member_list", "status"];
        if open.contains(&rpc) || first_alarm(rpc, &mut gets) {
            assert_eq!(outcome, Ok(()), "{rpc}");
        } else {
            assert_eq!(outcome, denied(), "{rpc}");
        }
    }
    let after = cluster.members[0].core().auth().await.unwrap();
    assert_eq!(after, before, "nothing has changed");
    cluster.stop().await;
}

/// A watch stream with one watch asked for.
async fn watch(client: &Client, create: pb::WatchCreateRequest) -> Watching {
    let request = pb::WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
    let open = futures::stream::iter([request]).chain(futures::stream::pending());
    let mut watch = pb::watch_client::WatchClient::<Channel>::new(client.channel());
    Watching(watch.watch(client.ask(open)).await.unwrap().into_inner())
}

struct Watching(tonic::Streaming<pb::WatchResponse>);

impl Watching {
    async fn next(&mut self) -> pb::WatchResponse {
        let clock = Seams::system().clock;
        let next = timeout(&*clock, Duration::from_secs(20), self.0.next()).await;
        next.expect("an answer in time").expect("an answer").unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_never_sees_more_than_its_permission() {
    let cluster = Cluster::one().await;
    let client = Client::connect(cluster.endpoints[0]).await;
    let (root, _) = client.secure().await;
    root.grant("role", Type::Read, ("one", "")).await.unwrap();
    let alice = client.sign_in("alice", "alice-password").await;
    let create = |key: &str, end: &str| pb::WatchCreateRequest {
        key: key.to_owned().into(),
        range_end: end.to_owned().into(),
        ..Default::default()
    };
    // From one key that may be read, to everything after it; no key at all; more than was granted.
    for (key, end) in [("one", "\0"), ("one", "one\0\0"), ("", ""), ("", "\0"), ("a/", "a1")] {
        let answer = watch(&alice, create(key, end)).await.next().await;
        assert!(answer.created && answer.canceled && answer.watch_id == -1, "{key:?} {end:?}");
        let words = "rpc error: code = PermissionDenied desc = etcdserver: permission denied";
        assert_eq!(answer.cancel_reason, words, "{key:?} {end:?}");
    }
    let nobody = watch(&client, create("one", "")).await.next().await;
    let words = "rpc error: code = InvalidArgument desc = etcdserver: user name is empty";
    assert_eq!(nobody.cancel_reason, words);
    let mut one = watch(&alice, create("one", "")).await;
    assert!(one.next().await.created);
    root.put("one-more", "unseen").await.unwrap();
    root.put("one", "seen").await.unwrap();
    let seen = one.next().await;
    assert_eq!(seen.events.len(), 1);
    assert_eq!(seen.events[0].kv.as_ref().unwrap().value, "seen");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_ends_when_its_reader_may_not_read_any_more() {
    let cluster = Cluster::one().await;
    let client = Client::connect(cluster.endpoints[0]).await;
    let (root, alice) = client.secure().await;
    let create =
        pb::WatchCreateRequest { key: "a/".into(), range_end: "a0".into(), ..Default::default() };
    let mut watching = watch(&alice, create).await;
    assert!(watching.next().await.created);
    root.put("a/1", "seen").await.unwrap();
    assert_eq!(watching.next().await.events.len(), 1);
    // Others come and go.
    root.user_add("bob", "x").await.unwrap();
    root.put("a/1", "seen").await.unwrap();
    assert_eq!(watching.next().await.events.len(), 1);
    root.revoke("role", ("a/", "a0")).await.unwrap();
    root.put("a/1", "unseen").await.unwrap();
    let last = watching.next().await;
    assert!(last.canceled && last.events.is_empty(), "{last:?}");
    let words = "rpc error: code = PermissionDenied desc = etcdserver: permission denied";
    assert_eq!(last.cancel_reason, words);
    cluster.stop().await;
}
