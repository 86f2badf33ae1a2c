//! The usual jobs of the crate `etcd-client`, unmodified: what they get from a stock etcd they get from
//! ours.

use crate::servers::{Own, Stock, ready};
use quorate_client::etcd_client::{
    AlarmAction, AlarmType, Client, Compare, CompareOp, ConnectOptions, DeleteOptions, Error,
    EventType, GetOptions, LeaseTimeToLiveOptions, LockOptions, Permission, ProclaimOptions,
    PutOptions, ResignOptions, SortOrder, SortTarget, Txn, TxnOp, TxnOpResponse, WatchFilterType,
    WatchOptions,
};
use std::net::SocketAddr;

type Outcome = Result<(), Error>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_crates_jobs_run_on_ours() {
    let own = Own::start().await;
    all(own.addr).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_crates_jobs_run_on_a_stock_etcd() {
    if let Some(stock) = Stock::start().await {
        ready(stock.addr).await;
        all(stock.addr).await;
    }
}

async fn all(addr: SocketAddr) {
    let connect = || async {
        let options = ConnectOptions::new().with_require_leader(true);
        Client::connect([addr.to_string()], Some(options)).await.unwrap()
    };
    keys(connect().await).await.unwrap();
    transactions(connect().await).await.unwrap();
    watches(connect().await).await.unwrap();
    leases(connect().await).await.unwrap();
    locks(connect().await).await.unwrap();
    elections(connect().await).await.unwrap();
    operations(connect().await).await.unwrap();
    users(addr, connect().await).await.unwrap();
}

async fn keys(mut client: Client) -> Outcome {
    client.put("job/a", "1", None).await?;
    client.put("job/b", "2", None).await?;
    let put = client.put("job/a", "3", Some(PutOptions::new().with_prev_key())).await?;
    assert_eq!(put.prev_key().unwrap().value(), b"1");
    let sorted = GetOptions::new()
        .with_prefix()
        .with_sort(SortTarget::Key, SortOrder::Descend)
        .with_limit(1);
    let found = client.get("job/", Some(sorted)).await?;
    assert_eq!((found.count(), found.more()), (2, true));
    assert_eq!(found.kvs()[0].key(), b"job/b");
    let first = found.header().unwrap().revision() - 1;
    let past = client.get("job/a", Some(GetOptions::new().with_revision(first))).await?;
    assert_eq!((past.kvs()[0].value(), past.kvs()[0].version()), (&b"1"[..], 1));
    let compacted = client.compact(first + 1, None).await?;
    assert!(compacted.header().is_some());
    let refused = client.get("job/a", Some(GetOptions::new().with_revision(first))).await;
    assert!(refused.unwrap_err().to_string().contains("has been compacted"));
    let options = DeleteOptions::new().with_prefix().with_prev_key();
    let deleted = client.delete("job/", Some(options)).await?;
    assert_eq!((deleted.deleted(), deleted.prev_kvs().len()), (2, 2));
    Ok(())
}

async fn transactions(mut client: Client) -> Outcome {
    let swap = |value: &'static str| {
        Txn::new()
            .when([Compare::version("swap", CompareOp::Equal, 0)])
            .and_then([TxnOp::put("swap", value, None)])
            .or_else([
                TxnOp::get("swap", None),
                TxnOp::txn(Txn::new().and_then([TxnOp::delete("swap", None)])),
            ])
    };
    assert!(client.txn(swap("first")).await?.succeeded());
    let second = client.txn(swap("second")).await?;
    assert!(!second.succeeded());
    match &second.op_responses()[..] {
        [TxnOpResponse::Get(got), TxnOpResponse::Txn(nested)] => {
            assert_eq!(got.kvs()[0].value(), b"first");
            assert!(nested.succeeded());
        }
        other => panic!("answers: {other:?}"),
    }
    assert_eq!(client.get("swap", None).await?.count(), 0);
    Ok(())
}

async fn watches(mut client: Client) -> Outcome {
    let from = client.put("watched", "0", None).await?.header().unwrap().revision();
    let options = WatchOptions::new().with_start_revision(from).with_prev_key();
    let mut stream = client.watch("watched", Some(options)).await?;
    client.put("watched", "1", None).await?;
    client.delete("watched", None).await?;
    let mut told = Vec::new();
    while told.len() < 3 {
        let message = stream.message().await?.unwrap();
        told.extend(
            message
                .events()
                .iter()
                .map(|event| (event.event_type(), event.prev_kv().map(|kv| kv.value().to_vec()))),
        );
    }
    let want = [
        (EventType::Put, None),
        (EventType::Put, Some(b"0".to_vec())),
        (EventType::Delete, Some(b"1".to_vec())),
    ];
    assert_eq!(told, want);
    stream.request_progress().await?;
    let progress = stream.message().await?.unwrap();
    assert!(progress.events().is_empty() && !progress.canceled());
    let only_deletions = WatchOptions::new().with_filters([WatchFilterType::NoPut]);
    stream.watch("second", Some(only_deletions)).await?;
    let created = stream.message().await?.unwrap();
    assert!(created.created());
    stream.cancel(created.watch_id()).await?;
    assert!(stream.message().await?.unwrap().canceled());
    Ok(())
}

async fn leases(mut client: Client) -> Outcome {
    let lease = client.lease_grant(60, None).await?;
    let by_lease = PutOptions::new().with_lease(lease.id());
    client.put("leased", "1", Some(by_lease)).await?;
    let (mut keeper, mut answers) = client.lease_keep_alive(lease.id()).await?;
    for _ in 0..3 {
        keeper.keep_alive().await?;
        assert_eq!(answers.message().await?.unwrap().ttl(), 60);
    }
    let options = LeaseTimeToLiveOptions::new().with_keys();
    let left = client.lease_time_to_live(lease.id(), Some(options)).await?;
    assert_eq!((left.granted_ttl(), left.keys()), (60, &[b"leased".to_vec()][..]));
    assert!(client.leases().await?.leases().iter().any(|one| one.id() == lease.id()));
    client.lease_revoke(lease.id()).await?;
    assert_eq!(client.get("leased", None).await?.count(), 0);
    assert!(client.lease_keep_alive(lease.id()).await.is_err());
    Ok(())
}

async fn locks(mut client: Client) -> Outcome {
    let (mut second, lease) = (client.clone(), client.lease_grant(60, None).await?.id());
    let held = client.lock("lock", Some(LockOptions::new().with_lease(lease))).await?;
    let mut waits = tokio::spawn(async move { second.lock("lock", None).await });
    let early = tokio::time::timeout(std::time::Duration::from_millis(200), &mut waits).await;
    assert!(early.is_err(), "two hold the lock: {early:?}");
    client.unlock(held.key()).await?;
    let next = waits.await.unwrap()?;
    assert_ne!(next.key(), held.key());
    client.unlock(next.key()).await?;
    Ok(())
}

async fn elections(mut client: Client) -> Outcome {
    let lease = client.lease_grant(60, None).await?.id();
    let won = client.campaign("election", "me", lease).await?;
    let leader = won.leader().unwrap().clone();
    assert_eq!(client.leader("election").await?.kv().unwrap().value(), b"me");
    let mut seen = client.observe("election").await?;
    assert_eq!(seen.message().await?.unwrap().kv().unwrap().value(), b"me");
    let options = ProclaimOptions::new().with_leader(leader.clone());
    client.proclaim("still me", Some(options)).await?;
    assert_eq!(seen.message().await?.unwrap().kv().unwrap().value(), b"still me");
    client.resign(Some(ResignOptions::new().with_leader(leader))).await?;
    assert!(client.leader("election").await.is_err());
    Ok(())
}

async fn operations(mut client: Client) -> Outcome {
    let members = client.member_list().await?;
    let [member] = members.members() else { panic!("members: {members:?}") };
    assert!(!member.client_urls().is_empty() || !member.peer_urls().is_empty());
    let status = client.status().await?;
    assert_eq!(status.leader(), member.id());
    assert!(status.version().starts_with("3.") && status.raft_term() > 0);
    let hash = client.hash_kv(0).await?.hash();
    assert_eq!(client.hash_kv(0).await?.hash(), hash);
    client.put("changes the hash", "1", None).await?;
    assert_ne!(client.hash_kv(0).await?.hash(), hash);
    assert!(client.hash().await?.header().is_some());
    client.defragment().await?;
    let alarms = client.alarm(AlarmAction::Get, AlarmType::None, None).await?;
    assert!(alarms.alarms().is_empty());
    let mut snapshot = client.snapshot().await?;
    let mut bytes = 0;
    while let Some(part) = snapshot.message().await? {
        bytes += part.blob().len();
        if part.remaining_bytes() == 0 {
            break;
        }
    }
    assert!(bytes >= 4096, "{bytes} bytes of a snapshot");
    Ok(())
}

async fn users(addr: SocketAddr, mut client: Client) -> Outcome {
    client.role_add("root").await?;
    client.user_add("root", "secret", None).await?;
    client.user_grant_role("root", "root").await?;
    client.role_add("reader").await?;
    client.role_grant_permission("reader", Permission::read("open/").with_prefix()).await?;
    client.user_add("ann", "word", None).await?;
    client.user_grant_role("ann", "reader").await?;
    client.put("open/a", "1", None).await?;
    client.auth_enable().await?;
    let as_user = |name: &str, word: &str| {
        let options = ConnectOptions::new().with_user(name.to_owned(), word.to_owned());
        async move { Client::connect([addr.to_string()], Some(options)).await }
    };
    assert!(client.get("open/a", None).await.is_err(), "a stranger reads");
    assert!(as_user("ann", "wrong").await.is_err(), "a wrong password is taken");
    let mut ann = as_user("ann", "word").await?;
    assert_eq!(ann.get("open/a", None).await?.count(), 1);
    let denied = ann.put("open/a", "2", None).await.unwrap_err().to_string();
    assert!(denied.contains("permission denied"), "{denied}");
    let mut root = as_user("root", "secret").await?;
    root.user_change_password("ann", "other").await?;
    assert_eq!(root.user_list().await?.users(), ["ann", "root"]);
    root.user_revoke_role("ann", "reader").await?;
    root.user_delete("ann").await?;
    root.role_delete("reader").await?;
    root.auth_disable().await?;
    client.put("open/a", "3", None).await?;
    Ok(())
}
