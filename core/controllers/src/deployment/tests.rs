use super::desired;
use super::rollout::{Limits, Size, paused, recreate, rolling};
use super::status::{Facts, status};
use proptest::prelude::*;
use quorate_kinds::DeploymentSpec;
use quorate_resources::Object;
use serde_json::{Value, json};

fn spec(replicas: i32, surge: &Value, unavailable: &Value) -> DeploymentSpec {
    serde_json::from_value(json!({
        "replicas": replicas,
        "selector": {},
        "template": {},
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": { "maxSurge": surge, "maxUnavailable": unavailable },
        },
    }))
    .unwrap()
}

#[test]
fn percentages_round_towards_more_pods_as_in_kubernetes() {
    let table = [
        (10, json!("25%"), json!("25%"), 3, 2),
        (1, json!("25%"), json!("25%"), 1, 0),
        (4, json!("25%"), json!("25%"), 1, 1),
        (3, json!(2), json!(1), 2, 1),
        (10, json!("0%"), json!("5%"), 0, 1),
        (10, json!(0), json!("100%"), 0, 10),
        (2, json!(0), json!(9), 0, 2),
        (0, json!("25%"), json!("25%"), 0, 1),
    ];
    for (replicas, surge, unavailable, max_surge, max_unavailable) in table {
        let limits = desired::limits(&spec(replicas, &surge, &unavailable));
        let expected = Limits { desired: replicas, max_surge, max_unavailable };
        assert_eq!(limits, expected, "{replicas} {surge} {unavailable}");
    }
}

fn limits(desired: i32, max_surge: i32, max_unavailable: i32) -> Limits {
    Limits { desired, max_surge, max_unavailable }
}

fn size(wanted: i32, existing: i32, available: i32) -> Size {
    Size { wanted, existing, available }
}

#[test]
fn a_rolling_step_does_what_the_table_says() {
    let empty = Size::default();
    // (new, old, limits) -> (new, old)
    let table = vec![
        (empty, vec![], limits(3, 1, 1), 3, vec![], "a new deployment starts at full size"),
        (empty, vec![size(4, 4, 4)], limits(4, 1, 0), 1, vec![4], "surge first, nothing given up"),
        (empty, vec![size(4, 4, 4)], limits(4, 0, 1), 0, vec![3], "no surge: one is given up"),
        (empty, vec![size(4, 4, 4)], limits(4, 1, 1), 1, vec![3], "both at once"),
        (size(1, 1, 1), vec![size(4, 4, 4)], limits(4, 1, 0), 1, vec![3], "one for one"),
        (
            size(1, 1, 1),
            vec![size(3, 4, 4)],
            limits(4, 1, 0),
            1,
            vec![3],
            "the old pod is not gone",
        ),
        (size(1, 1, 1), vec![size(3, 3, 3)], limits(4, 1, 0), 2, vec![3], "now it is"),
        (
            size(1, 1, 0),
            vec![size(4, 4, 4)],
            limits(4, 1, 0),
            1,
            vec![4],
            "a new pod that is not ready holds",
        ),
        (
            size(2, 2, 0),
            vec![size(3, 3, 1)],
            limits(4, 1, 2),
            2,
            vec![2],
            "unavailable old pods go first",
        ),
        (size(4, 4, 4), vec![size(1, 1, 1)], limits(4, 1, 0), 4, vec![0], "the last old pod"),
        (size(4, 4, 4), vec![], limits(6, 1, 0), 6, vec![], "scaled up"),
        (size(6, 6, 6), vec![], limits(2, 1, 0), 2, vec![], "scaled down"),
        (
            size(2, 2, 2),
            vec![size(1, 1, 1), size(2, 2, 2)],
            limits(4, 1, 0),
            2,
            vec![0, 2],
            "oldest first",
        ),
    ];
    for (new, old, limits, expected_new, expected_old, what) in table {
        let sizes = rolling(new, &old, limits);
        assert_eq!((sizes.new, sizes.old), (expected_new, expected_old), "{what}");
    }
}

#[test]
fn recreate_starts_nothing_before_the_old_is_gone() {
    let limits = limits(3, 0, 3);
    let step = |old: Size, left| recreate(Size::default(), &[old], left, limits);
    assert_eq!((step(size(3, 3, 3), 3).new, step(size(3, 3, 3), 3).old), (0, vec![0]));
    assert_eq!(step(size(0, 0, 0), 1).new, 0, "one is still ending");
    assert_eq!(step(size(0, 0, 0), 0).new, 3);
    assert_eq!(recreate(size(3, 3, 3), &[], 0, Limits { desired: 1, ..limits }).new, 1);
}

#[test]
fn a_paused_deployment_scales_without_exchanging_pods() {
    let limits = |desired| limits(desired, 1, 0);
    assert_eq!(paused(None, &[size(3, 3, 3)], limits(5)), (None, vec![5]));
    assert_eq!(paused(Some(size(2, 2, 2)), &[size(3, 3, 3)], limits(4)), (Some(2), vec![3]));
    assert_eq!(paused(Some(size(2, 2, 2)), &[size(2, 2, 2)], limits(6)), (Some(4), vec![2]));
    assert_eq!(paused(Some(size(4, 4, 4)), &[size(0, 0, 0)], limits(1)), (Some(1), vec![0]));
    assert_eq!(paused(None, &[], limits(3)), (None, vec![]), "nothing is started");
}

/// One replica set of the model: what is asked for, what runs, what was last reported.
#[derive(Clone, Copy, Debug)]
struct Model {
    wanted: i32,
    running: i32,
    ready: i32,
    reported: Size,
}

impl Model {
    fn new(running: i32, ready: i32) -> Self {
        let ready = ready.min(running);
        Self { wanted: running, running, ready, reported: size(running, running, ready) }
    }

    fn seen(&self) -> Size {
        Size { wanted: self.wanted, ..self.reported }
    }

    /// One pass of the replica set controller: gives up pods that are not ready first.
    fn reconcile(&mut self) {
        self.running = self.wanted;
        self.ready = self.ready.min(self.running);
        self.reported = size(self.wanted, self.running, self.ready);
    }
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Step,
    Reconcile(usize),
    Ready(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => Just(Act::Step),
        3 => (0usize..3).prop_map(Act::Reconcile),
        3 => (0usize..3).prop_map(Act::Ready),
    ]
}

fn step(sets: &mut [Model], limits: Limits) {
    let old: Vec<Size> = sets[1..].iter().map(Model::seen).collect();
    let sizes = rolling(sets[0].seen(), &old, limits);
    for (set, wanted) in sets.iter_mut().zip(std::iter::once(sizes.new).chain(sizes.old)) {
        set.wanted = wanted;
    }
}

prop_compose! {
    fn world()(
        desired in 0i32..12,
        max_surge in 0i32..5,
        max_unavailable in 0i32..5,
        first in (0i32..12, 0i32..12),
        second in (0i32..12, 0i32..12),
        new in (0i32..6, 0i32..6),
    ) -> (Vec<Model>, Limits) {
        let stuck = max_surge == 0 && max_unavailable == 0;
        let max_unavailable = if stuck { 1 } else { max_unavailable.min(desired) };
        let max_surge = if max_unavailable == 0 { max_surge.max(1) } else { max_surge };
        let sets = [new, first, second].map(|(running, ready)| Model::new(running, ready));
        (sets.to_vec(), limits(desired, max_surge, max_unavailable))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// In whatever order passes interleave and pods become ready.
    #[test]
    fn a_rollout_keeps_its_limits_at_every_moment(
        (mut sets, limits) in world(),
        acts in prop::collection::vec(act(), 1..80),
    ) {
        let ready = |sets: &[Model]| sets.iter().map(|set| set.ready).sum::<i32>();
        let running = |sets: &[Model]| sets.iter().map(|set| set.running.max(set.wanted)).sum::<i32>();
        let floor = limits.min_available().min(ready(&sets));
        let ceiling = (limits.desired + limits.max_surge).max(running(&sets));
        for act in acts {
            match act {
                Act::Step => step(&mut sets, limits),
                Act::Reconcile(at) => sets[at].reconcile(),
                Act::Ready(at) => sets[at].ready = (sets[at].ready + 1).min(sets[at].running),
            }
            prop_assert!(ready(&sets) >= floor, "{sets:?} {limits:?} after {act:?}");
            prop_assert!(running(&sets) <= ceiling, "{sets:?} {limits:?} after {act:?}");
        }
    }

    /// Old pods may never become ready again; new ones do.
    #[test]
    fn a_rollout_arrives((mut sets, limits) in world(), old_recover: bool) {
        for _ in 0..80 {
            step(&mut sets, limits);
            sets.iter_mut().for_each(Model::reconcile);
            for (at, set) in sets.iter_mut().enumerate() {
                if at == 0 || old_recover {
                    set.ready = set.running;
                }
                set.reconcile();
            }
        }
        let wanted: Vec<i32> = sets.iter().map(|set| set.wanted).collect();
        prop_assert_eq!(wanted, [limits.desired, 0, 0], "{:?} {:?}", sets, limits);
    }
}

fn facts(new: Size, old: Vec<Size>) -> Facts {
    Facts {
        generation: Some(3),
        limits: limits(3, 1, 1),
        new: Some(new),
        new_name: "web-abc".to_owned(),
        old,
        ready: new.available,
        terminating: 0,
        collisions: 0,
        paused: false,
        overdue: false,
    }
}

fn condition<'a>(status: &'a Value, kind: &str) -> &'a Value {
    let conditions = status["conditions"].as_array().unwrap();
    conditions.iter().find(|condition| condition["type"] == kind).unwrap()
}

#[test]
fn the_status_says_how_far_the_rollout_is() {
    let moving = status(&facts(size(2, 2, 1), vec![size(2, 2, 1)]), None, "t1");
    assert_eq!(moving["replicas"], 4);
    assert_eq!(moving["updatedReplicas"], 2);
    assert_eq!(moving["availableReplicas"], 2);
    assert_eq!(moving["unavailableReplicas"], 2);
    assert_eq!(moving["observedGeneration"], 3);
    assert_eq!(condition(&moving, "Available")["status"], "True");
    assert_eq!(condition(&moving, "Progressing")["reason"], "ReplicaSetUpdated");
    let done = status(&facts(size(3, 3, 3), vec![size(0, 0, 0)]), Some(&moving), "t2");
    assert_eq!(condition(&done, "Progressing")["reason"], "NewReplicaSetAvailable");
    assert_eq!(condition(&done, "Progressing")["lastTransitionTime"], "t1", "it was true before");
    assert_eq!(condition(&done, "Progressing")["lastUpdateTime"], "t2");
    assert!(done.get("unavailableReplicas").is_none());
    let mut late = facts(size(3, 3, 0), vec![]);
    late.overdue = true;
    let late = status(&late, Some(&done), "t3");
    assert_eq!(condition(&late, "Progressing")["reason"], "ProgressDeadlineExceeded");
    assert_eq!(condition(&late, "Available")["status"], "False");
    assert_eq!(condition(&late, "Available")["lastTransitionTime"], "t3");
}

#[test]
fn a_status_that_says_the_same_is_the_same() {
    let facts = facts(size(3, 3, 3), vec![]);
    let first = status(&facts, None, "t1");
    assert_eq!(status(&facts, Some(&first), "t2"), first);
}

fn deployment(image: &str) -> Object {
    serde_json::from_value(json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "web", "namespace": "shop", "uid": "u1",
            "annotations": {
                "note": "kept",
                "kubectl.kubernetes.io/last-applied-configuration": "{}",
            },
        },
        "spec": {
            "replicas": 3,
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": { "containers": [{ "name": "web", "image": image }] },
            },
        },
    }))
    .unwrap()
}

#[test]
fn a_template_has_one_hash_and_another_template_another() {
    let hash = |image, collisions| desired::template_hash(&deployment(image), collisions);
    assert_eq!(hash("web:1", 0), hash("web:1", 0));
    assert_ne!(hash("web:1", 0), hash("web:2", 0));
    assert_ne!(hash("web:1", 0), hash("web:1", 1), "a collision draws another one");
    assert_eq!(hash("web:1", 0).len(), 10);
}

#[test]
fn the_replica_set_carries_the_hash_wherever_pods_are_selected() {
    let set = desired::replica_set(&deployment("web:1"), "hash", 7, 2);
    assert_eq!(set.metadata.name, "web-hash");
    assert_eq!(set.metadata.labels["pod-template-hash"], "hash");
    assert_eq!(set.pointer("/spec/selector/matchLabels/pod-template-hash"), Some(&json!("hash")));
    assert_eq!(set.pointer("/spec/selector/matchLabels/app"), Some(&json!("web")));
    let label = "/spec/template/metadata/labels/pod-template-hash";
    assert_eq!(set.pointer(label), Some(&json!("hash")));
    assert_eq!(set.pointer("/spec/replicas"), Some(&json!(2)));
    assert_eq!(desired::revision_of(&set), 7);
    assert_eq!(set.metadata.annotations["note"], "kept");
    assert_eq!(set.metadata.annotations.len(), 2, "what was applied is not about the set");
    assert!(set.metadata.controller().is_some_and(|owner| owner.uid.as_str() == "u1"));
}
