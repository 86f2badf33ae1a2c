use super::plan::{Candidate, Phase, Scale, scale};
use super::timing::Timing;
use super::*;
use crate::testing::{World, deployment, pod, replica_set};
use proptest::prelude::*;
use serde_json::json;
use std::sync::Arc;

fn candidate(name: &str) -> Candidate {
    Candidate {
        name: name.to_owned(),
        node: Some("n1".to_owned()),
        phase: Phase::Running,
        ready: true,
        deletion_cost: 0,
        ready_since: Some("2026-01-01T00:00:00Z".to_owned()),
        restarts: 0,
        created: Some("2026-01-01T00:00:00Z".to_owned()),
    }
}

fn at(seconds: u64) -> Monotonic {
    Monotonic(Duration::from_secs(seconds))
}

#[test]
fn the_pod_that_is_missed_least_goes_first() {
    let healthy = candidate("healthy");
    let table = [
        ("unassigned", Candidate { node: None, ..candidate("x") }),
        ("pending", Candidate { phase: Phase::Pending, ..candidate("x") }),
        ("not ready", Candidate { ready: false, ..candidate("x") }),
        ("cheap", Candidate { deletion_cost: -1, ..candidate("x") }),
        ("restarted", Candidate { restarts: 1, ..candidate("x") }),
        (
            "ready later",
            Candidate { ready_since: Some("2026-01-02T00:00:00Z".to_owned()), ..candidate("x") },
        ),
        (
            "younger",
            Candidate { created: Some("2026-01-02T00:00:00Z".to_owned()), ..candidate("x") },
        ),
    ];
    for (what, worse) in table {
        let chosen = scale(&[healthy.clone(), worse.clone()], 1, 10);
        assert_eq!(chosen, Scale::Remove(vec![1]), "{what}");
        assert_eq!(scale(&[worse, healthy.clone()], 1, 10), Scale::Remove(vec![0]), "{what}");
    }
}

#[test]
fn pods_that_share_a_node_go_before_pods_that_are_alone() {
    let on = |name: &str, node: &str| Candidate { node: Some(node.to_owned()), ..candidate(name) };
    let pods = [on("a", "n1"), on("b", "n1"), on("c", "n1"), on("d", "n2"), on("e", "n3")];
    let Scale::Remove(places) = scale(&pods, 3, 10) else { panic!("two go") };
    assert!(places.iter().all(|at| pods[*at].node.as_deref() == Some("n1")), "{places:?}");
}

#[test]
fn a_step_is_no_larger_than_its_limit() {
    assert_eq!(scale(&[], 1000, 500), Scale::Add(500));
    assert_eq!(scale(&vec![candidate("x"); 700], 0, 500), { Scale::Remove((0..500).collect()) });
    assert_eq!(scale(&[candidate("x")], 1, 500), Scale::Keep);
}

proptest! {
    #[test]
    fn scaling_down_keeps_what_serves_and_spreads_it(
        pods in prop::collection::vec((0u8..4, any::<bool>()), 0..40),
        wanted in 0usize..40,
    ) {
        let candidates: Vec<Candidate> = pods
            .iter()
            .enumerate()
            .map(|(at, (node, ready))| Candidate {
                node: Some(format!("n{node}")),
                ready: *ready,
                ..candidate(&format!("p{at}"))
            })
            .collect();
        match scale(&candidates, wanted, 100) {
            Scale::Keep => prop_assert_eq!(candidates.len(), wanted),
            Scale::Add(count) => prop_assert_eq!(candidates.len() + count, wanted),
            Scale::Remove(places) => {
                let gone: BTreeSet<usize> = places.iter().copied().collect();
                prop_assert_eq!(gone.len(), places.len());
                prop_assert_eq!(candidates.len() - gone.len(), wanted);
                let ready = candidates.iter().filter(|pod| pod.ready).count();
                let left = (0..candidates.len()).filter(|at| !gone.contains(at));
                let ready_left = left.clone().filter(|at| candidates[*at].ready).count();
                prop_assert_eq!(ready_left, ready.min(wanted));
            }
        }
    }
}

#[test]
fn pods_are_available_once_they_have_been_ready_long_enough() {
    let mut timing = Timing::default();
    let (a, b) = (Uid::from_stored("a"), Uid::from_stored("b"));
    let minimum = Duration::from_secs(10);
    let one = BTreeSet::from([a.clone()]);
    let two = BTreeSet::from([a, b]);
    let count = |seen: timing::Availability| (seen.available, seen.next.map(|d| d.as_secs()));
    assert_eq!(count(timing.availability(&one, minimum, at(0))), (0, Some(10)));
    assert_eq!(count(timing.availability(&two, minimum, at(6))), (0, Some(4)));
    assert_eq!(count(timing.availability(&two, minimum, at(10))), (1, Some(6)));
    assert_eq!(count(timing.availability(&BTreeSet::new(), minimum, at(11))), (0, None));
    assert_eq!(count(timing.availability(&one, minimum, at(12))), (0, Some(10)), "ready anew");
    assert_eq!(count(timing.availability(&two, Duration::ZERO, at(12))), (2, None));
}

#[test]
fn pods_that_end_again_and_again_are_replaced_ever_more_slowly() {
    let mut timing = Timing::default();
    assert_eq!(timing.may_replace(at(0)), Ok(()));
    timing.replaced(at(0));
    assert_eq!(timing.may_replace(at(0)), Err(Duration::from_secs(1)));
    timing.replaced(at(1));
    assert_eq!(timing.may_replace(at(1)), Err(Duration::from_secs(2)));
    timing.all_well();
    assert_eq!(timing.may_replace(at(1)), Ok(()));
}

#[test]
fn zero_counts_are_left_out_of_the_status() {
    let counts = Counts { replicas: 2, ready: 1, ..Counts::default() };
    let expected = json!({ "replicas": 2, "readyReplicas": 1, "observedGeneration": 4 });
    assert_eq!(status::status(counts, Some(4)), expected);
}

#[tokio::test]
async fn a_set_makes_its_pods_in_one_transaction() {
    let world = World::new().await;
    let before = world.revision();
    world.create(replica_set("web", 5)).await;
    let running = world.start(vec![Arc::new(ReplicaSets::default())]);
    let pods = world.pods_when("five pods", |pods| pods.len() == 5).await;
    let revisions: BTreeSet<_> = pods.iter().map(|pod| pod.metadata.resource_version).collect();
    assert_eq!(revisions.len(), 1, "one revision for all");
    assert!(pods.iter().all(|pod| pod.metadata.controller().is_some_and(|c| c.name == "web")));
    world.status_when("apps/ReplicaSet", "web", |status| status["replicas"] == 5).await;
    assert!(world.revision().0 <= before.0 + 3, "created, pods with status, and at most one more");
    running.stop().await;
}

#[tokio::test]
async fn orphans_are_adopted_and_strangers_let_go() {
    let world = World::new().await;
    let orphan = world.create(pod("orphan", "web")).await;
    world.create(replica_set("web", 2)).await;
    let _running = world.start(vec![Arc::new(ReplicaSets::default())]);
    let pods = world.pods_when("two owned pods", |pods| {
        pods.len() == 2 && pods.iter().all(|pod| pod.metadata.controller().is_some())
    });
    let pods = pods.await;
    assert!(pods.iter().any(|pod| pod.metadata.uid == orphan.metadata.uid), "it was adopted");
    world
        .edit_pod("orphan", |pod| drop(pod.metadata.labels.insert("app".into(), "x".into())))
        .await;
    let pods = world.pods_when("released and replaced", |pods| {
        pods.len() == 3
            && pods
                .iter()
                .any(|pod| pod.metadata.name == "orphan" && pod.metadata.controller().is_none())
    });
    pods.await;
}

#[tokio::test]
async fn pods_that_ended_are_deleted_and_replaced() {
    let world = World::new().await;
    world.create(replica_set("web", 2)).await;
    let _running = world.start(vec![Arc::new(ReplicaSets::default())]);
    let pods = world.pods_when("two pods", |pods| pods.len() == 2).await;
    let failed = pods[0].metadata.name.clone();
    world.set_pod_status(&failed, json!({ "phase": "Failed" })).await;
    let pods = world.pods_when("it is replaced", |pods| {
        pods.len() == 2 && pods.iter().all(|pod| pod.metadata.name != failed)
    });
    pods.await;
}

#[tokio::test]
async fn nothing_is_made_in_a_namespace_that_is_being_deleted() {
    let world = World::new().await;
    world.create(deployment("other", 1)).await;
    let set = world.create(replica_set("web", 2)).await;
    world.delete("/Namespace", None, "shop").await;
    let snapshot = world.settled().await;
    let set = snapshot.get::<ReplicaSet>(&set.key()).unwrap();
    let selector = select::from_spec(&set.spec.selector).unwrap();
    let observed = observe(&snapshot, &set, &selector);
    let sets = ReplicaSets::default();
    let (changes, _) = sets.plan(&snapshot, &set.object.key(), &set, &observed, (at(0), BATCH));
    assert!(changes.iter().all(|change| !matches!(change, Change::Create(_))), "{changes:?}");
}
