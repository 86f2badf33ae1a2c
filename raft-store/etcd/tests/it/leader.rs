//! Callers that want a leader.

use crate::own::{PATIENCE, channel, soon, until};
use futures::StreamExt;
use pb::watch_request::RequestUnion;
use quorate_etcd::proto::etcdserverpb as pb;
use quorate_etcd::{Listener, Server, ServerOptions};
use quorate_member::{Member, MemberOptions, Timing};
use quorate_seams::Seams;
use quorate_store::Store;
use quorate_types::{ClusterId, MemberId};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tempfile::TempDir;
use tonic::transport::Channel;
use tonic::{Code, Request};

struct One {
    member: Member,
    channel: Channel,
    _server: Server,
    _dir: TempDir,
}

fn free() -> SocketAddr {
    quorate_seams::unused_loopback(1).unwrap()[0]
}

async fn start(id: u64, peers: &BTreeMap<MemberId, String>) -> One {
    let dir = TempDir::new().unwrap();
    let listen = peers[&MemberId(id)].parse().unwrap();
    let options = MemberOptions::new(ClusterId(7), MemberId(id), dir.path().join("m"), listen)
        .peers(peers.clone())
        .timing(Timing::fast());
    let seams = Seams::system();
    let member = Member::start(options, seams.clone()).await.unwrap();
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let addr = listener.local_addr();
    let server = listener.serve(&member, seams.clock, ServerOptions::default());
    One { member, channel: channel(addr).await, _server: server, _dir: dir }
}

fn wanting<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("hasleader", "true".parse().unwrap());
    request
}

fn watch() -> impl futures::Stream<Item = pb::WatchRequest> + Send + 'static {
    let create = pb::WatchCreateRequest { key: "k".into(), ..Default::default() };
    let create = pb::WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
    futures::stream::iter([create]).chain(futures::stream::pending())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_one_calls_that_want_one_are_refused_and_streams_end() {
    let peers = BTreeMap::from([1, 2].map(|id| (MemberId(id), free().to_string())));
    let (first, second) = tokio::join!(start(1, &peers), start(2, &peers));
    first.member.wait_ready(PATIENCE).await.unwrap();
    second.member.wait_ready(PATIENCE).await.unwrap();
    let leads = first.member.status().leading().is_some();
    let (leader, follower) = if leads { (first, second) } else { (second, first) };
    let mut client = pb::watch_client::WatchClient::new(follower.channel.clone());
    let mut wanting_stream = client.watch(wanting(watch())).await.unwrap().into_inner();
    let mut patient_stream = client.watch(watch()).await.unwrap().into_inner();
    assert!(soon(wanting_stream.message()).await.unwrap().unwrap().created);
    assert!(soon(patient_stream.message()).await.unwrap().unwrap().created);

    leader.member.kill().await;
    let ended = soon(wanting_stream.message()).await.unwrap_err();
    assert_eq!((ended.code(), ended.message()), (Code::Unavailable, "etcdserver: no leader"));
    let refused = client.watch(wanting(watch())).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::Unavailable, "etcdserver: no leader"));
    let mut kv = pb::kv_client::KvClient::new(follower.channel.clone());
    let range = pb::RangeRequest { key: "k".into(), serializable: true, ..Default::default() };
    let refused = kv.range(wanting(range.clone())).await.unwrap_err();
    assert_eq!(refused.message(), "etcdserver: no leader");
    assert!(kv.range(range).await.is_ok(), "who does not ask for a leader is served what there is");
    let still = futures::poll!(Box::pin(patient_stream.message()));
    assert!(still.is_pending(), "and his stream goes on");
    follower.member.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_learner_serves_what_needs_no_vote() {
    let peers = BTreeMap::from([(MemberId(1), free().to_string())]);
    let first = start(1, &peers).await;
    first.member.wait_ready(PATIENCE).await.unwrap();
    let addr = free();
    first.member.add_learner(MemberId(2), addr.to_string()).await.unwrap();
    let dir = TempDir::new().unwrap();
    let options = MemberOptions::new(ClusterId(7), MemberId(2), dir.path().join("m"), addr)
        .timing(Timing::fast())
        .join();
    let seams = Seams::system();
    let learner = Member::start(options, seams.clone()).await.unwrap();
    learner.wait_ready(PATIENCE).await.unwrap();
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let served = listener.local_addr();
    let _server = listener.serve(&learner, seams.clock, ServerOptions::default());
    let channel = channel(served).await;
    until("the learner's knowledge of itself", || async { learner.members().len() == 2 }).await;
    let mut kv = pb::kv_client::KvClient::new(channel.clone());
    let range =
        |serializable| pb::RangeRequest { key: "k".into(), serializable, ..Default::default() };
    until("a refusal", || {
        let mut kv = kv.clone();
        async move { kv.range(range(false)).await.is_err() }
    })
    .await;
    let refused = kv.range(range(false)).await.unwrap_err();
    let words = (Code::FailedPrecondition, "etcdserver: rpc not supported for learner");
    assert_eq!((refused.code(), refused.message()), words);
    let put = pb::PutRequest { key: "k".into(), ..Default::default() };
    let refused = kv.put(put).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), words);
    let mut client = pb::watch_client::WatchClient::new(channel.clone());
    assert_eq!(client.watch(watch()).await.unwrap_err().message(), words.1);
    assert!(kv.range(range(true)).await.is_ok());
    let mut maintenance = pb::maintenance_client::MaintenanceClient::new(channel);
    assert!(maintenance.status(pb::StatusRequest::default()).await.is_ok());
    learner.kill().await;
    first.member.kill().await;
}
