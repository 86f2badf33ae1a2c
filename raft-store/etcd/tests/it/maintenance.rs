//! What operators ask a member.

use crate::own::Own;
use quorate_etcd::proto::etcdserverpb as pb;
use quorate_etcd::proto::etcdserverpb::maintenance_client::MaintenanceClient;

async fn hash(own: &Own) -> u32 {
    let mut client = MaintenanceClient::new(own.channel.clone());
    client.hash(pb::HashRequest {}).await.unwrap().into_inner().hash
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_tells_whether_keys_and_leases_are_the_same() {
    let own = Own::start().await;
    own.put("k", "1").await;
    let first = hash(&own).await;
    assert_eq!(hash(&own).await, first);
    own.grant(7, 3600).await;
    let leased = hash(&own).await;
    assert_ne!(leased, first);
    own.put("k", "1").await;
    assert_ne!(hash(&own).await, leased, "the history is longer");
    own.stop().await;
}
