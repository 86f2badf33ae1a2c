//! Numbers of a member.

use crate::cluster::{cluster, leader_first};
use futures::StreamExt;
use quorate_store::{KeyRange, RangeRequest, Store, Txn, WatchRequest};
use quorate_types::Revision;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_count_what_happened_and_read_as_prometheus_reads() {
    let root = tempfile::tempdir().unwrap();
    let members = leader_first(cluster(root.path().to_owned(), 3).await).await;
    let leader = &members[0];
    let before = leader.metrics().await.unwrap();
    for number in 0..10 {
        leader.txn(Txn::put(format!("{number}"), "v")).await.unwrap();
    }
    let refused = leader.range(RangeRequest::key("0").at(Revision(99))).await;
    assert!(refused.is_err());
    let mut watch =
        leader.watch(WatchRequest::new(KeyRange::all()).from(Revision(1))).await.unwrap();
    watch.next().await.unwrap().unwrap();

    let after = leader.metrics().await.unwrap();
    assert_eq!(after.writes.served - before.writes.served, 10);
    assert_eq!(after.writes.took.count(), after.writes.served);
    assert_eq!(after.reads.served - before.reads.served, 1, "a refusal is an answer");
    assert_eq!((after.watches, after.status.revision), (1, Revision(11)));
    assert!(after.log.syncs > before.log.syncs && after.applied_index <= after.last_index);
    let ids: Vec<_> = after.followers.iter().map(|follower| follower.id).collect();
    let mut others: Vec<_> = members[1..].iter().map(quorate_member::Member::id).collect();
    others.sort();
    assert_eq!(ids, others);
    assert!(members[1].metrics().await.unwrap().followers.is_empty());

    let text = after.to_text();
    for line in text.lines().filter(|line| !line.starts_with("# TYPE ")) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("quorate_") && value.parse::<f64>().is_ok(), "{line}");
    }
    assert!(text.contains("quorate_writes_total{outcome=\"served\"} "), "{text}");
    assert!(text.contains(&format!("quorate_revision {}\n", 11)), "{text}");
    drop(watch);
    assert_eq!(leader.metrics().await.unwrap().watches, 0);
}
