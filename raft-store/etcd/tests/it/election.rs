//! The Election service.

use crate::own::{Own, soon, until};
use quorate_etcd::proto::v3electionpb::election_client::ElectionClient;
use quorate_etcd::proto::v3electionpb::{
    CampaignRequest, LeaderRequest, ProclaimRequest, ResignRequest,
};
use tonic::Code;

fn campaign(lease: i64, value: &'static str) -> CampaignRequest {
    CampaignRequest { name: "e".into(), lease, value: value.into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn leaders_follow_each_other_and_observers_see_them() {
    let own = Own::start().await;
    let mut election = ElectionClient::new(own.channel.clone());
    let name = || LeaderRequest { name: "e".into() };
    let nobody = election.leader(name()).await.unwrap_err();
    assert_eq!((nobody.code(), nobody.message()), (Code::Unknown, "election: no leader"));
    let mut observed = election.observe(name()).await.unwrap().into_inner();
    let (first, second) = (own.grant(0x77, 60).await, own.grant(0x78, 60).await);
    let won = election.campaign(campaign(first, "v1")).await.unwrap().into_inner();
    let leader = won.leader.unwrap();
    assert_eq!((&leader.name[..], &leader.key[..], leader.lease), (&b"e"[..], &b"e/77"[..], first));
    assert_eq!(soon(observed.message()).await.unwrap().unwrap().kv.unwrap().value, "v1");
    let proclaim = ProclaimRequest { leader: Some(leader.clone()), value: "v2".into() };
    election.proclaim(proclaim).await.unwrap();
    assert_eq!(soon(observed.message()).await.unwrap().unwrap().kv.unwrap().value, "v2");
    let mut other = election.clone();
    let waiting = quorate_seams::spawn(async move { other.campaign(campaign(second, "w1")).await });
    until("the second claim", || async { own.keys("e").await == ["e/77", "e/78"] }).await;
    let told = election.leader(name()).await.unwrap().into_inner();
    assert_eq!(told.kv.unwrap().value, "v2");
    election.resign(ResignRequest { leader: Some(leader.clone()) }).await.unwrap();
    let won = soon(waiting.join()).await.unwrap().unwrap().into_inner();
    assert_eq!(won.leader.unwrap().key, "e/78");
    assert_eq!(soon(observed.message()).await.unwrap().unwrap().kv.unwrap().value, "w1");
    let proclaim = ProclaimRequest { leader: Some(leader.clone()), value: "v3".into() };
    let late = election.proclaim(proclaim).await.unwrap_err();
    assert_eq!((late.code(), late.message()), (Code::Unknown, "election: not leader"));
    election.resign(ResignRequest { leader: Some(leader) }).await.unwrap();
    own.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_campaigns_again_only_changes_its_value() {
    let own = Own::start().await;
    let mut election = ElectionClient::new(own.channel.clone());
    let lease = own.grant(5, 60).await;
    let first =
        election.campaign(campaign(lease, "v1")).await.unwrap().into_inner().leader.unwrap();
    let again =
        election.campaign(campaign(lease, "v2")).await.unwrap().into_inner().leader.unwrap();
    assert_eq!(first, again);
    let told = election.leader(LeaderRequest { name: "e".into() }).await.unwrap().into_inner();
    assert_eq!(told.kv.unwrap().value, "v2");
    let missing = election.resign(ResignRequest { leader: None }).await.unwrap_err();
    assert_eq!(missing.message(), "\"leader\" field must be provided");
    own.stop().await;
}
