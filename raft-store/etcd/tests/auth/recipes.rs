//! What calls other services for its caller, and reads in chunks, gives nobody more than he may have.

use crate::client::{Client, denied, refusal, told};
use crate::cluster::Cluster;
use quorate_etcd::proto::etcdserverpb as pb;
use quorate_etcd::proto::v3electionpb::election_client::ElectionClient;
use quorate_etcd::proto::v3electionpb::{CampaignRequest, LeaderRequest};
use quorate_etcd::proto::v3lockpb::LockRequest;
use quorate_etcd::proto::v3lockpb::lock_client::LockClient;
use tonic::Code;

type Outcome = Result<(), (Code, String)>;

async fn chunks(client: &Client, key: &'static str) -> Outcome {
    let range = pb::RangeRequest { key: key.into(), ..Default::default() };
    let mut kv = client.kv();
    let mut stream = told(kv.range_stream(client.ask(range)).await)?.into_inner();
    while told(stream.message().await)?.is_some() {}
    Ok(())
}

async fn lock(client: &Client, name: &'static str) -> Outcome {
    let mut lock = LockClient::new(client.channel());
    let request = LockRequest { name: name.into(), lease: 0 };
    told(lock.lock(client.ask(request)).await).map(|_| ())
}

async fn campaign(client: &Client, name: &'static str) -> Outcome {
    let mut election = ElectionClient::new(client.channel());
    let request = CampaignRequest { name: name.into(), lease: 0, value: "v".into() };
    told(election.campaign(client.ask(request)).await).map(|_| ())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunks_locks_and_elections_are_their_callers() {
    let cluster = Cluster::one().await;
    let nobody = Client::connect(cluster.endpoints[0]).await;
    let (root, alice) = nobody.secure().await;
    root.put("b", "secret").await.unwrap();
    assert_eq!(chunks(&nobody, "b").await, refusal(Code::InvalidArgument, "user name is empty"));
    assert_eq!(chunks(&alice, "b").await, denied());
    assert_eq!(chunks(&alice, "a/b").await, Ok(()));
    assert_eq!(chunks(&root, "b").await, Ok(()));
    for recipe in [lock(&alice, "b").await, campaign(&alice, "b").await] {
        assert_eq!(recipe, refusal(Code::Unknown, "permission denied"), "etcd tells no code");
    }
    for recipe in [lock(&nobody, "a/b").await, campaign(&nobody, "a/b").await] {
        assert_eq!(recipe, refusal(Code::Unknown, "user name is empty"));
    }
    assert_eq!(lock(&alice, "a/lock").await, Ok(()));
    assert_eq!(campaign(&alice, "a/vote").await, Ok(()));
    let mut election = ElectionClient::new(alice.channel());
    let leader = LeaderRequest { name: "b".into() };
    let leader = told(election.leader(alice.ask(leader)).await).map(|_| ());
    assert_eq!(leader, refusal(Code::Unknown, "permission denied"));
    cluster.stop().await;
}
