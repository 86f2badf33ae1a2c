//! Leases as clients of etcd know them.

use crate::own::{Own, soon};
use futures::StreamExt;
use quorate_etcd::proto::etcdserverpb as pb;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_has_no_time_to_live() {
    let own = Own::start().await;
    let mut lease = own.lease();
    let ids = futures::stream::iter([5, 99].map(|id| pb::LeaseKeepAliveRequest { id }));
    own.grant(5, 60).await;
    let mut renewals = lease.lease_keep_alive(ids.chain(futures::stream::pending())).await.unwrap();
    let mut next = async || soon(renewals.get_mut().message()).await.unwrap().unwrap();
    let renewed = next().await;
    assert_eq!((renewed.id, renewed.ttl), (5, 60));
    let unknown = next().await;
    assert_eq!((unknown.id, unknown.ttl), (99, 0));
    assert!(unknown.header.is_some());
    let left = pb::LeaseTimeToLiveRequest { id: 99, keys: true };
    let left = lease.lease_time_to_live(left).await.unwrap().into_inner();
    assert_eq!((left.id, left.ttl, left.granted_ttl, left.keys.len()), (99, -1, 0, 0));
    own.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn short_ones_are_made_longer_and_keys_are_told_on_demand() {
    let own = Own::start().await;
    let mut lease = own.lease();
    for ttl in [-5, 0, 1] {
        let granted = lease.lease_grant(pb::LeaseGrantRequest { ttl, id: 0 }).await.unwrap();
        let granted = granted.into_inner();
        assert_eq!(granted.ttl, 2, "one and a half elections, rounded up");
        assert!(granted.id > 0);
        assert_eq!(granted.header.unwrap().revision, 1, "a grant is no revision");
    }
    own.grant(7, 100).await;
    for key in ["b", "a"] {
        let put = pb::PutRequest { key: key.to_owned().into(), lease: 7, ..Default::default() };
        own.kv().put(put).await.unwrap();
    }
    let ask = |keys| pb::LeaseTimeToLiveRequest { id: 7, keys };
    let told = lease.lease_time_to_live(ask(true)).await.unwrap().into_inner();
    assert_eq!((told.granted_ttl, told.keys), (100, vec!["a".into(), "b".into()]));
    assert!((95..=100).contains(&told.ttl), "{}", told.ttl);
    assert!(lease.lease_time_to_live(ask(false)).await.unwrap().into_inner().keys.is_empty());
    let revoked = lease.lease_revoke(pb::LeaseRevokeRequest { id: 7 }).await.unwrap();
    assert_eq!(revoked.into_inner().header.unwrap().revision, 4, "one revision for all its keys");
    assert!(own.keys("a").await.is_empty());
    own.stop().await;
}
