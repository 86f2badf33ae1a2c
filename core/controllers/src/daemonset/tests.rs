use super::*;
use crate::testing::{World, kind, object, pods};
use serde_json::{Value, json};
use std::sync::Arc;

fn daemon(place: usize, current: bool, available: bool) -> Daemon {
    Daemon { place, current, ended: false, deleting: false, available, created: None }
}

fn place<const N: usize>(node: &str, wanted: Wanted, pods: [Daemon; N]) -> Place {
    Place { node: node.to_owned(), wanted, pods: pods.into() }
}

fn limits(max_unavailable: usize, max_surge: usize) -> Limits {
    Limits { max_unavailable, max_surge, rolling: true }
}

fn step(places: &[Place], limits: Limits) -> (Vec<String>, Vec<usize>) {
    let plan = plan::plan(places, limits);
    (plan.create, plan.delete.into_iter().collect())
}

/// What it shows, the nodes, how much may be touched; the nodes that get a pod, the pods that go.
type Case = (&'static str, Vec<Place>, Limits, &'static [&'static str], &'static [usize]);

#[test]
fn a_step_does_what_the_table_says() {
    use Wanted::{No, Stays, Yes};
    let (old, new) = (daemon(0, false, true), daemon(1, true, true));
    let deleting = Daemon { deleting: true, ..daemon(0, false, false) };
    let down = daemon(0, false, false);
    let table: Vec<Case> = vec![
        ("one on an empty node", vec![place("a", Yes, [])], limits(1, 0), &["a"], &[]),
        ("none where it may only stay", vec![place("a", Stays, [])], limits(1, 0), &[], &[]),
        ("it stays", vec![place("a", Stays, [daemon(0, true, true)])], limits(1, 0), &[], &[]),
        ("it goes", vec![place("a", No, [daemon(0, true, true)])], limits(1, 0), &[], &[0]),
        (
            "the last must be gone",
            vec![place("a", Yes, [deleting.clone()])],
            limits(1, 0),
            &[],
            &[],
        ),
        (
            "of two the oldest stays",
            vec![place("a", Yes, [daemon(0, true, true), daemon(1, true, true)])],
            limits(1, 0),
            &[],
            &[1],
        ),
        (
            "one at a time",
            vec![place("a", Yes, [old.clone()]), place("b", Yes, [daemon(2, false, true)])],
            limits(1, 0),
            &[],
            &[0],
        ),
        (
            "not while another is missing",
            vec![place("a", Yes, [deleting]), place("b", Yes, [daemon(2, false, true)])],
            limits(1, 0),
            &[],
            &[],
        ),
        (
            "one that does not serve goes at once",
            vec![place("a", Yes, [down.clone()]), place("b", Yes, [daemon(2, false, false)])],
            limits(1, 0),
            &[],
            &[0, 2],
        ),
        (
            "with a surge the new one comes first",
            vec![place("a", Yes, [old.clone()]), place("b", Yes, [daemon(2, false, true)])],
            limits(0, 1),
            &["a"],
            &[],
        ),
        (
            "the old one goes when the new one serves",
            vec![place("a", Yes, [old.clone(), new])],
            limits(0, 1),
            &[],
            &[0],
        ),
        (
            "not before",
            vec![place("a", Yes, [old, daemon(1, true, false)])],
            limits(0, 1),
            &[],
            &[],
        ),
    ];
    for (what, places, limits, create, delete) in table {
        assert_eq!(
            step(&places, limits),
            (create.iter().map(|it| (*it).to_owned()).collect(), delete.to_vec()),
            "{what}"
        );
    }
    let on_delete = Limits { rolling: false, ..limits(1, 0) };
    assert_eq!(
        step(&[place("a", Yes, [down])], on_delete),
        (vec![], vec![]),
        "somebody else deletes"
    );
}

fn daemon_set(spec: &Value) -> Object {
    let mut set = object(json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet",
        "metadata": { "name": "log", "namespace": "shop" },
        "spec": {
            "selector": { "matchLabels": { "app": "log" } },
            "template": {
                "metadata": { "labels": { "app": "log" } },
                "spec": { "containers": [{ "name": "main", "image": "log:1" }] },
            },
        },
    }));
    for (name, value) in spec.as_object().unwrap() {
        edit::set_field(&mut set, &["spec", name.as_str()], value.clone());
    }
    set
}

fn nodes_of(pods: &[Arc<Object>]) -> Vec<String> {
    let mut nodes: Vec<String> = pods
        .iter()
        .filter_map(|pod| Some(pod.pointer("/spec/nodeName")?.as_str()?.to_owned()))
        .collect();
    nodes.sort();
    nodes
}

async fn cluster(names: &[&str]) -> World {
    let world = World::new().await;
    for name in names {
        world.node(name).await;
    }
    world
}

fn complete(status: &Value, count: i64) -> bool {
    let is = |field: &str| status[field] == count;
    is("desiredNumberScheduled") && is("updatedNumberScheduled") && is("numberAvailable")
}

async fn set_image(world: &World, image: &str) {
    let container = json!([{ "name": "main", "image": image }]);
    world
        .edit("apps/DaemonSet", ObjectKey::namespaced("shop", "log"), |set| {
            let path = ["spec", "template", "spec", "containers"];
            edit::set_field(set, &path, container.clone());
        })
        .await;
}

#[tokio::test]
async fn every_node_that_fits_has_one_pod() {
    let world = cluster(&["n1", "n2", "n3"]).await;
    let label = |value: &'static str| {
        move |node: &mut Object| drop(node.metadata.labels.insert("disk".into(), value.into()))
    };
    world.edit("/Node", ObjectKey::cluster("n1"), label("fast")).await;
    world.edit("/Node", ObjectKey::cluster("n2"), label("fast")).await;
    let mut set = daemon_set(&json!({}));
    let affinity = json!({ "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [{ "matchExpressions": [
            { "key": "disk", "operator": "In", "values": ["fast"] },
        ] }],
    } } });
    edit::set_field(&mut set, &["spec", "template", "spec", "affinity"], affinity);
    world.create(set).await;
    let _running = world.start(vec![Arc::new(DaemonSets::default())]);
    let _fleet = world.fleet(&["n1", "n2", "n3"]);
    world.pods_when("on the fast ones", |pods| nodes_of(pods) == ["n1", "n2"]).await;
    world.status_when("apps/DaemonSet", "log", |status| complete(status, 2)).await;
    world.edit("/Node", ObjectKey::cluster("n3"), label("fast")).await;
    world.pods_when("and on the third", |pods| nodes_of(pods) == ["n1", "n2", "n3"]).await;
    world.edit("/Node", ObjectKey::cluster("n1"), label("slow")).await;
    world.pods_when("not on the slow one", |pods| nodes_of(pods) == ["n2", "n3"]).await;
    let taint = |effect: &'static str| {
        move |node: &mut Object| {
            edit::set_field(node, &["spec", "taints"], json!([{ "key": "gpu", "effect": effect }]));
        }
    };
    world.edit("/Node", ObjectKey::cluster("n2"), taint("NoSchedule")).await;
    let status = |status: &Value| status["numberMisscheduled"] == 1;
    world.status_when("apps/DaemonSet", "log", status).await;
    assert_eq!(nodes_of(&pods(&world.settled().await)), ["n2", "n3"], "it may stay");
    world.edit("/Node", ObjectKey::cluster("n2"), taint("NoExecute")).await;
    world.pods_when("it is driven out", |pods| nodes_of(pods) == ["n3"]).await;
}

#[tokio::test]
async fn a_cordoned_node_keeps_its_daemon_and_gets_one() {
    let world = cluster(&["n1"]).await;
    let cordon = |node: &mut Object| {
        edit::set_field(node, &["spec", "unschedulable"], json!(true));
        let taint = json!([{ "key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule" }]);
        edit::set_field(node, &["spec", "taints"], taint);
    };
    world.edit("/Node", ObjectKey::cluster("n1"), cordon).await;
    world.create(daemon_set(&json!({}))).await;
    let _running = world.start(vec![Arc::new(DaemonSets::default())]);
    let made = world.pods_when("one", |pods| nodes_of(pods) == ["n1"]).await;
    let tolerations = made[0].pointer("/spec/tolerations").unwrap().to_string();
    assert!(tolerations.contains("node.kubernetes.io/unschedulable"), "{tolerations}");
}

#[tokio::test]
async fn an_update_leaves_one_node_at_a_time_without_a_pod() {
    let world = cluster(&["n1", "n2", "n3"]).await;
    world.create(daemon_set(&json!({}))).await;
    let _running = world.start(vec![Arc::new(DaemonSets::default())]);
    let _fleet = world.fleet(&["n1", "n2", "n3"]);
    world.status_when("apps/DaemonSet", "log", |status| complete(status, 3)).await;
    let (_, mut changes) = world.cache.subscribe();
    set_image(&world, "log:2").await;
    let done = |snapshot: &Snapshot| {
        let all = pods(snapshot);
        let new =
            |pod: &&Arc<Object>| pod.pointer("/spec/containers/0/image") == Some(&json!("log:2"));
        all.len() == 3 && all.iter().filter(new).count() == 3
    };
    loop {
        let snapshot = changes.next().await.unwrap().snapshot;
        let serving = crate::testing::serving(&snapshot);
        assert!(serving >= 2, "{serving} serve at {}", snapshot.revision());
        if done(&snapshot) && serving == 3 {
            break;
        }
    }
    let status = world.status_when("apps/DaemonSet", "log", |status| complete(status, 3)).await;
    assert_eq!(status["observedGeneration"], 2);
    let revisions = |snapshot: &Snapshot| -> Vec<i64> {
        let all = snapshot.objects_in(&kind("apps/ControllerRevision"), "shop");
        let mut numbers: Vec<i64> =
            all.filter_map(|one| one.pointer("/revision")?.as_i64()).collect();
        numbers.sort_unstable();
        numbers
    };
    assert_eq!(revisions(&world.settled().await), [1, 2]);
    set_image(&world, "log:1").await;
    world.until("the first is the third", |s| (revisions(s) == [2, 3]).then_some(())).await;
}

#[tokio::test]
async fn a_surge_has_the_new_pod_serve_before_the_old_one_goes() {
    let world = cluster(&["n1", "n2"]).await;
    let strategy = json!({ "updateStrategy": { "type": "RollingUpdate",
        "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 0 } } });
    world.create(daemon_set(&strategy)).await;
    let _running = world.start(vec![Arc::new(DaemonSets::default())]);
    let _fleet = world.fleet(&["n1", "n2"]);
    world.status_when("apps/DaemonSet", "log", |status| complete(status, 2)).await;
    let (_, mut changes) = world.cache.subscribe();
    set_image(&world, "log:2").await;
    loop {
        let snapshot = changes.next().await.unwrap().snapshot;
        let all = pods(&snapshot);
        let serving = crate::testing::serving(&snapshot);
        let alive = all.iter().filter(|pod| !pod.metadata.is_deleting()).count();
        assert!(serving >= 2 && alive <= 3, "{serving} of {alive} at {}", snapshot.revision());
        let old =
            all.iter().any(|p| p.pointer("/spec/containers/0/image") == Some(&json!("log:1")));
        if !old && serving == 2 && all.len() == 2 {
            break;
        }
    }
}

#[tokio::test]
async fn what_is_updated_on_deletion_waits_for_it() {
    let world = cluster(&["n1"]).await;
    world.create(daemon_set(&json!({ "updateStrategy": { "type": "OnDelete" } }))).await;
    let _running = world.start(vec![Arc::new(DaemonSets::default())]);
    let _fleet = world.fleet(&["n1"]);
    world.status_when("apps/DaemonSet", "log", |status| complete(status, 1)).await;
    set_image(&world, "log:2").await;
    world.status_when("apps/DaemonSet", "log", |status| status["observedGeneration"] == 2).await;
    let old = pods(&world.settled().await);
    assert_eq!(old[0].pointer("/spec/containers/0/image"), Some(&json!("log:1")));
    world.delete("/Pod", Some("shop"), &old[0].metadata.name).await;
    world.status_when("apps/DaemonSet", "log", |status| complete(status, 1)).await;
}

#[tokio::test]
async fn a_pod_that_ended_is_replaced_ever_more_slowly() {
    let world = cluster(&["n1"]).await;
    world.create(daemon_set(&json!({}))).await;
    let _running = world.start(vec![Arc::new(DaemonSets::default())]);
    let mut seen = BTreeSet::new();
    for round in 0..3 {
        let known = seen.clone();
        let fresh =
            |pods: &[Arc<Object>]| pods.len() == 1 && !known.contains(&pods[0].metadata.name);
        if round == 2 {
            world.pass(Duration::from_millis(500)).await;
            assert!(!fresh(&pods(&world.settled().await)), "it waits a second");
            world.pass(Duration::from_secs(1)).await;
        }
        let pods = world.pods_when("a new one", fresh).await;
        seen.insert(pods[0].metadata.name.clone());
        world.set_pod_status(&pods[0].metadata.name, json!({ "phase": "Failed" })).await;
    }
}
