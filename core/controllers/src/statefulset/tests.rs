use super::*;
use crate::testing::{World, object, pods as all_pods};
use proptest::prelude::*;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

fn serving(ordinal: i32, hash: &str) -> Replica {
    Replica {
        ordinal,
        exists: true,
        ready: true,
        available: true,
        hash: hash.to_owned(),
        ..Replica::default()
    }
}

fn absent(ordinal: i32) -> Replica {
    Replica { ordinal, ..Replica::default() }
}

fn faulty(ordinal: i32, hash: &str) -> Replica {
    Replica { ready: false, available: false, ..serving(ordinal, hash) }
}

fn ending(ordinal: i32, hash: &str) -> Replica {
    Replica { deleting: true, ..serving(ordinal, hash) }
}

fn wanted(ordered: bool, partition: Option<i32>) -> Wanted {
    Wanted { ordered, update: "new".to_owned(), partition, max_unavailable: 1 }
}

/// What it shows; whether in order, the partition, the wanted and the condemned; what is made and what goes.
type Case =
    (&'static str, bool, Option<i32>, Vec<Replica>, Vec<Replica>, &'static [i32], &'static [i32]);

#[test]
fn a_step_does_what_the_table_says() {
    let (new, old) = (|at| serving(at, "new"), |at| serving(at, "old"));
    let table: Vec<Case> = vec![
        ("the first comes first", true, Some(0), vec![absent(0), absent(1)], vec![], &[0], &[]),
        (
            "the next waits for it",
            true,
            Some(0),
            vec![faulty(0, "new"), absent(1)],
            vec![],
            &[],
            &[],
        ),
        ("and comes when it serves", true, Some(0), vec![new(0), absent(1)], vec![], &[1], &[]),
        (
            "in parallel all at once",
            false,
            Some(0),
            vec![absent(0), absent(1)],
            vec![],
            &[0, 1],
            &[],
        ),
        (
            "one that ended is made anew",
            true,
            Some(0),
            vec![Replica { ended: true, ..new(0) }, absent(1)],
            vec![],
            &[],
            &[0],
        ),
        (
            "one that is ending is waited for",
            true,
            Some(0),
            vec![ending(0, "new"), absent(1)],
            vec![],
            &[],
            &[],
        ),
        ("the last goes first", true, Some(0), vec![new(0)], vec![new(1), new(2)], &[], &[2]),
        (
            "one after another",
            true,
            Some(0),
            vec![new(0)],
            vec![new(1), ending(2, "new")],
            &[],
            &[],
        ),
        (
            "not while one before it is faulty",
            true,
            Some(0),
            vec![new(0)],
            vec![faulty(1, "new"), new(2)],
            &[],
            &[],
        ),
        (
            "a faulty one that is last goes",
            true,
            Some(0),
            vec![new(0)],
            vec![faulty(1, "new")],
            &[],
            &[1],
        ),
        ("in parallel all go", false, Some(0), vec![new(0)], vec![new(1), new(2)], &[], &[1, 2]),
        (
            "an exchange begins at the end",
            true,
            Some(0),
            vec![old(0), old(1), old(2)],
            vec![],
            &[],
            &[2],
        ),
        (
            "goes on when that serves",
            true,
            Some(0),
            vec![old(0), old(1), new(2)],
            vec![],
            &[],
            &[1],
        ),
        ("not before", false, Some(0), vec![old(0), old(1), faulty(2, "new")], vec![], &[], &[]),
        (
            "and stops at the partition",
            true,
            Some(2),
            vec![old(0), old(1), new(2)],
            vec![],
            &[],
            &[],
        ),
        ("or is left to others", true, None, vec![old(0), old(1)], vec![], &[], &[]),
    ];
    for (what, ordered, partition, replicas, condemned, create, delete) in table {
        let plan = plan::plan(&replicas, &condemned, &wanted(ordered, partition));
        assert_eq!((&plan.create[..], &plan.delete[..]), (create, delete), "{what}");
    }
    let two = Wanted { max_unavailable: 2, ..wanted(true, Some(0)) };
    let plan = plan::plan(&[old(0), old(1), old(2)], &[], &two);
    assert_eq!(plan.delete, [2, 1], "two at a time if that is allowed");
}

proptest! {
    /// Whatever fails in between, an ordered exchange never takes down a second pod.
    #[test]
    fn an_exchange_ends_and_never_has_two_down(
        count in 1i32..6,
        partition in 0i32..6,
        faults in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut replicas: Vec<Replica> = (0..count).map(|at| serving(at, "old")).collect();
        let wanted = wanted(true, Some(partition));
        let mut faults = faults.into_iter();
        for _ in 0..200 {
            let plan = plan::plan(&replicas, &[], &wanted);
            for at in &plan.delete {
                let at = usize::try_from(*at).unwrap();
                replicas[at] = absent(replicas[at].ordinal);
            }
            for at in &plan.create {
                let hash = if *at < partition { "old" } else { "new" };
                // A new pod takes a moment; some moments are longer.
                replicas[usize::try_from(*at).unwrap()] = faulty(*at, hash);
            }
            let down = replicas.iter().filter(|one| !one.available).count();
            prop_assert!(down <= 1, "{replicas:?}");
            if faults.next().is_none_or(|fault| fault > 100) {
                for one in replicas.iter_mut().filter(|one| one.exists) {
                    (one.ready, one.available) = (true, true);
                }
            }
        }
        let hashes: Vec<&str> = replicas.iter().map(|one| one.hash.as_str()).collect();
        let expected: Vec<&str> =
            (0..count).map(|at| if at < partition { "old" } else { "new" }).collect();
        prop_assert_eq!(hashes, expected);
    }
}

#[test]
fn ordinals_are_read_from_names() {
    assert_eq!(desired::ordinal("db", "db-12"), Some(12));
    for other in ["db", "db-", "db-x", "db-01", "db-1-2", "web-1", "db--1"] {
        assert_eq!(desired::ordinal("db", other), None, "{other}");
    }
}

fn stateful_set(replicas: i32, spec: &Value) -> Object {
    let mut set = object(json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": { "name": "db", "namespace": "shop" },
        "spec": {
            "replicas": replicas,
            "serviceName": "db",
            "selector": { "matchLabels": { "app": "db" } },
            "template": {
                "metadata": { "labels": { "app": "db" } },
                "spec": { "containers": [{ "name": "main", "image": "db:1" }] },
            },
        },
    }));
    for (name, value) in spec.as_object().unwrap() {
        edit::set_field(&mut set, &["spec", name.as_str()], value.clone());
    }
    set
}

fn with_claims(policy: &Value) -> Value {
    json!({
        "persistentVolumeClaimRetentionPolicy": policy,
        "volumeClaimTemplates": [{ "metadata": { "name": "data" }, "spec": {
            "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } },
        } }],
    })
}

fn names(pods: &[Arc<Object>]) -> Vec<String> {
    pods.iter().map(|pod| pod.metadata.name.clone()).collect()
}

fn claims_of(snapshot: &Snapshot) -> Vec<String> {
    snapshot.objects_in(&claims::kind(), "shop").map(|one| one.metadata.name.clone()).collect()
}

fn key() -> ObjectKey {
    ObjectKey::namespaced("shop", "db")
}

async fn set_field(world: &World, path: &[&str], value: Value) {
    world.edit("apps/StatefulSet", key(), |set| edit::set_field(set, path, value.clone())).await;
}

#[tokio::test]
async fn pods_come_one_after_another_and_go_the_other_way() {
    let world = World::new().await;
    world.create(stateful_set(3, &json!({}))).await;
    let _running = world.start(vec![Arc::new(StatefulSets::default())]);
    let first = world.pods_when("the first", |pods| names(pods) == ["db-0"]).await;
    for (pointer, value) in [("/spec/hostname", "db-0"), ("/spec/subdomain", "db")] {
        assert_eq!(first[0].pointer(pointer), Some(&json!(value)), "{pointer}");
    }
    assert_eq!(first[0].metadata.labels["apps.kubernetes.io/pod-index"], "0");
    world.pass(Duration::from_secs(5)).await;
    assert_eq!(names(&all_pods(&world.settled().await)), ["db-0"], "it does not serve yet");
    let _fleet = world.fleet(&["n1"]);
    let done = |status: &Value| status["readyReplicas"] == 3 && status["currentReplicas"] == 3;
    world.status_when("apps/StatefulSet", "db", done).await;
    let (_, mut changes) = world.cache.subscribe();
    set_field(&world, &["spec", "replicas"], json!(0)).await;
    loop {
        let left = names(&all_pods(&changes.next().await.unwrap().snapshot));
        assert_eq!(left, ["db-0", "db-1", "db-2"][..left.len()], "the last goes first");
        if left.is_empty() {
            break;
        }
    }
}

#[tokio::test]
async fn in_parallel_nobody_waits() {
    let world = World::new().await;
    world.create(stateful_set(3, &json!({ "podManagementPolicy": "Parallel" }))).await;
    let _running = world.start(vec![Arc::new(StatefulSets::default())]);
    world.pods_when("all", |pods| names(pods) == ["db-0", "db-1", "db-2"]).await;
}

#[tokio::test]
async fn a_template_is_exchanged_down_to_the_partition() {
    let world = World::new().await;
    world.create(stateful_set(3, &json!({}))).await;
    let _running = world.start(vec![Arc::new(StatefulSets::default())]);
    let _fleet = world.fleet(&["n1"]);
    world.status_when("apps/StatefulSet", "db", |status| status["readyReplicas"] == 3).await;
    let strategy = json!({ "type": "RollingUpdate", "rollingUpdate": { "partition": 2 } });
    set_field(&world, &["spec", "updateStrategy"], strategy).await;
    let container = json!([{ "name": "main", "image": "db:2" }]);
    set_field(&world, &["spec", "template", "spec", "containers"], container).await;
    let images = |pods: &[Arc<Object>]| -> Vec<String> {
        let image = |pod: &Arc<Object>| {
            pod.pointer("/spec/containers/0/image").and_then(Value::as_str).unwrap().to_owned()
        };
        pods.iter().map(image).collect()
    };
    let at = |status: &Value, updated: i64| {
        status["updatedReplicas"] == updated && status["readyReplicas"] == 3
    };
    let half = world.status_when("apps/StatefulSet", "db", |status| at(status, 1)).await;
    assert_ne!(half["currentRevision"], half["updateRevision"]);
    assert_eq!(images(&all_pods(&world.settled().await)), ["db:1", "db:1", "db:2"]);
    // What is made anew below the partition keeps its template.
    let uid = all_pods(&world.settled().await)[0].metadata.uid.clone();
    world.delete("/Pod", Some("shop"), "db-0").await;
    world.pods_when("made anew", |pods| pods.len() == 3 && pods[0].metadata.uid != uid).await;
    assert_eq!(images(&all_pods(&world.settled().await)), ["db:1", "db:1", "db:2"]);
    set_field(&world, &["spec", "updateStrategy", "rollingUpdate", "partition"], json!(0)).await;
    let done = world
        .status_when("apps/StatefulSet", "db", |status| {
            at(status, 3) && status["currentRevision"] == status["updateRevision"]
        })
        .await;
    assert_eq!(done["currentReplicas"], 3);
    assert_eq!(images(&all_pods(&world.settled().await)), ["db:2", "db:2", "db:2"]);
}

#[tokio::test]
async fn a_pod_finds_its_claims_again_and_they_go_as_the_set_says() {
    let world = World::new().await;
    let policy = json!({ "whenScaled": "Delete", "whenDeleted": "Retain" });
    world.create(stateful_set(2, &with_claims(&policy))).await;
    let _running = world.start(crate::all(crate::ControllerOptions::default()));
    let _fleet = world.fleet(&["n1"]);
    world.status_when("apps/StatefulSet", "db", |status| status["readyReplicas"] == 2).await;
    let made = all_pods(&world.settled().await);
    let claim = made[1].pointer("/spec/volumes/0/persistentVolumeClaim/claimName");
    assert_eq!(claim, Some(&json!("data-db-1")));
    assert_eq!(claims_of(&world.settled().await), ["data-db-0", "data-db-1"]);
    world.delete("/Pod", Some("shop"), "db-1").await;
    let uid = made[1].metadata.uid.clone();
    world.pods_when("made anew", |pods| pods.len() == 2 && pods[1].metadata.uid != uid).await;
    assert_eq!(claims_of(&world.settled().await), ["data-db-0", "data-db-1"], "it has its claim");
    set_field(&world, &["spec", "replicas"], json!(1)).await;
    world.until("its claim goes with it", |s| (claims_of(s) == ["data-db-0"]).then_some(())).await;
    world.delete("apps/StatefulSet", Some("shop"), "db").await;
    world.pods_when("all pods go", <[Arc<Object>]>::is_empty).await;
    world.pass(Duration::from_secs(5)).await;
    assert_eq!(claims_of(&world.settled().await), ["data-db-0"], "what is kept is kept");
}

#[tokio::test]
async fn claims_go_with_the_set_if_it_says_so() {
    let world = World::new().await;
    let policy = json!({ "whenScaled": "Retain", "whenDeleted": "Delete" });
    world.create(stateful_set(2, &with_claims(&policy))).await;
    let _running = world.start(crate::all(crate::ControllerOptions::default()));
    let _fleet = world.fleet(&["n1"]);
    world.status_when("apps/StatefulSet", "db", |status| status["readyReplicas"] == 2).await;
    set_field(&world, &["spec", "replicas"], json!(1)).await;
    world.pods_when("one is left", |pods| names(pods) == ["db-0"]).await;
    assert_eq!(claims_of(&world.settled().await), ["data-db-0", "data-db-1"], "kept when scaled");
    world.delete("apps/StatefulSet", Some("shop"), "db").await;
    world.until("all claims go", |s| claims_of(s).is_empty().then_some(())).await;
}

#[tokio::test]
async fn no_second_pod_of_a_name_while_nobody_knows_what_became_of_the_first() {
    let world = World::new().await;
    world.node("n1").await;
    world.create(stateful_set(1, &json!({}))).await;
    let _running = world.start(vec![Arc::new(StatefulSets::default())]);
    let fleet = world.fleet(&["n1"]);
    world.status_when("apps/StatefulSet", "db", |status| status["readyReplicas"] == 1).await;
    fleet.kill("n1");
    world.delete("/Pod", Some("shop"), "db-0").await;
    world.pass(Duration::from_secs(60)).await;
    let pods = all_pods(&world.settled().await);
    assert!(pods.len() == 1 && pods[0].metadata.is_deleting(), "its agent has not confirmed");
}
