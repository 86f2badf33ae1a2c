//! The Lock service.

use crate::own::{Own, soon, until};
use quorate_etcd::proto::v3lockpb::lock_client::LockClient;
use quorate_etcd::proto::v3lockpb::{LockRequest, UnlockRequest};
use tonic::Code;

#[tokio::test(flavor = "multi_thread")]
async fn one_holds_it_and_the_next_gets_it_when_he_lets_go() {
    let own = Own::start().await;
    let mut lock = LockClient::new(own.channel.clone());
    let (first, second) = (own.grant(0x77, 60).await, own.grant(0x78, 60).await);
    let request = |lease| LockRequest { name: "l".into(), lease };
    let held = lock.lock(request(first)).await.unwrap().into_inner();
    assert_eq!(held.key, "l/77");
    let again = lock.lock(request(first)).await.unwrap().into_inner();
    assert_eq!(again.key, held.key, "the same lease already holds it");
    let mut waiting = lock.clone();
    let waiting = quorate_seams::spawn(async move { waiting.lock(request(second)).await });
    until("the second claim", || async { own.keys("l").await == ["l/77", "l/78"] }).await;
    let unlocked = lock.unlock(UnlockRequest { key: held.key }).await.unwrap().into_inner();
    let got = soon(waiting.join()).await.unwrap().unwrap().into_inner();
    assert_eq!(got.key, "l/78");
    assert!(got.header.unwrap().revision >= unlocked.header.unwrap().revision);
    own.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_waiting_leaves_no_claim() {
    let own = Own::start().await;
    let mut lock = LockClient::new(own.channel.clone());
    let (first, second) = (own.grant(1, 60).await, own.grant(2, 60).await);
    let request = |lease| LockRequest { name: "l".into(), lease };
    lock.lock(request(first)).await.unwrap();
    let mut waiting = lock.clone();
    let waiting = quorate_seams::spawn(async move { waiting.lock(request(second)).await });
    until("the second claim", || async { own.keys("l").await == ["l/1", "l/2"] }).await;
    drop(waiting);
    until("its end", || async { own.keys("l").await == ["l/1"] }).await;
    own.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_ends_lets_go_and_one_that_is_none_is_refused() {
    let own = Own::start().await;
    let mut lock = LockClient::new(own.channel.clone());
    let held = lock.lock(LockRequest { name: "l".into(), lease: 0 }).await.unwrap().into_inner();
    let lease = i64::from_str_radix(std::str::from_utf8(&held.key[2..]).unwrap(), 16).unwrap();
    let revoke = quorate_etcd::proto::etcdserverpb::LeaseRevokeRequest { id: lease };
    let mut waiting = lock.clone();
    let next = own.grant(9, 60).await;
    let waiting = quorate_seams::spawn(async move {
        waiting.lock(LockRequest { name: "l".into(), lease: next }).await
    });
    until("the second claim", || async { own.keys("l").await.len() == 2 }).await;
    own.lease().lease_revoke(revoke).await.unwrap();
    assert_eq!(soon(waiting.join()).await.unwrap().unwrap().into_inner().key, "l/9");
    let refused = lock.lock(LockRequest { name: "l".into(), lease: 12345 }).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unknown, "as etcd's");
    assert_eq!(refused.message(), "etcdserver: requested lease not found");
    own.stop().await;
}
