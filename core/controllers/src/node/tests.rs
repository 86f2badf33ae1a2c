use super::*;
use crate::testing::{World, object, pod};
use serde_json::{Value, json};

fn at(seconds: u64) -> Monotonic {
    Monotonic(Duration::from_secs(seconds))
}

const LIMIT: Duration = Duration::from_secs(40);

#[test]
fn a_node_is_lost_once_its_renewal_has_not_changed_for_too_long() {
    let mut health = Health::default();
    let heard = |seconds| Standing::Heard(Duration::from_secs(seconds));
    assert_eq!(health.observe("n", Some("r1"), LIMIT, false, at(0)), heard(40));
    assert_eq!(health.observe("n", Some("r1"), LIMIT, false, at(39)), heard(1));
    assert_eq!(health.observe("n", Some("r2"), LIMIT, false, at(39)), heard(40));
    assert!(!health.is_overdue("n", Some("r2"), at(78)));
    assert!(health.is_overdue("n", Some("r2"), at(79)));
    assert!(!health.is_overdue("n", Some("r3"), at(79)), "it has just renewed");
    assert_eq!(health.observe("n", Some("r2"), LIMIT, false, at(79)), Standing::Lost(at(79)));
    assert_eq!(health.observe("n", Some("r2"), LIMIT, true, at(90)), Standing::Lost(at(79)));
    assert_eq!(health.observe("n", Some("r3"), LIMIT, true, at(91)), heard(40));
}

#[test]
fn a_new_leader_believes_the_marks_until_the_node_renews() {
    let mut health = Health::default();
    assert_eq!(health.observe("n", Some("r1"), LIMIT, true, at(5)), Standing::Lost(at(5)));
    let heard = health.observe("n", Some("r2"), LIMIT, true, at(6));
    assert_eq!(heard, Standing::Heard(LIMIT));
}

#[test]
fn the_brake_holds_when_most_nodes_are_silent() {
    use super::health::brakes;
    let table = [
        ((0, 3), false),
        ((1, 1), true),
        ((1, 3), false),
        ((2, 3), false),
        ((3, 3), true),
        ((3, 5), true),
        ((5, 10), false),
        ((6, 10), true),
        ((0, 0), false),
    ];
    for (counts, expected) in table {
        assert_eq!(brakes(counts), expected, "{counts:?}");
    }
}

fn typed(tolerations: &Value) -> Typed<Pod> {
    let mut pod = pod("a", "web");
    crate::edit::set_field(&mut pod, &["spec", "tolerations"], tolerations.clone());
    let value = Arc::new(pod.decode().unwrap());
    Typed { object: Arc::new(pod), value }
}

#[test]
fn tolerations_say_how_long_a_pod_stays() {
    let default = Duration::from_secs(300);
    let ours = desired::UNREACHABLE;
    let table = [
        (json!([]), Some(300), "none"),
        (
            json!([{ "key": ours, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 7 }]),
            Some(7),
            "a time",
        ),
        (json!([{ "key": ours, "operator": "Exists", "effect": "NoExecute" }]), None, "for ever"),
        (json!([{ "operator": "Exists" }]), None, "everything"),
        (
            json!([{ "key": ours, "operator": "Exists", "effect": "NoSchedule" }]),
            Some(300),
            "another effect",
        ),
        (json!([{ "key": "other", "operator": "Exists" }]), Some(300), "another key"),
        (json!([{ "key": ours, "value": "x" }]), Some(300), "another value"),
        (
            json!([{ "key": ours, "operator": "Exists", "tolerationSeconds": 9 },
                { "operator": "Exists" }]),
            Some(9),
            "the shortest counts",
        ),
        (
            json!([{ "key": ours, "operator": "Exists", "tolerationSeconds": -1 }]),
            Some(0),
            "not at all",
        ),
    ];
    for (tolerations, seconds, what) in table {
        let expected = seconds.map(Duration::from_secs);
        assert_eq!(desired::tolerated(&typed(&tolerations), default), expected, "{what}");
    }
}

fn node(status: &str, reason: &str) -> Object {
    object(json!({
        "apiVersion": "v1", "kind": "Node", "metadata": { "name": "n" },
        "spec": { "taints": [{ "key": "own", "effect": "NoSchedule" }] },
        "status": { "conditions": [
            { "type": "DiskPressure", "status": "False" },
            { "type": "Ready", "status": status, "reason": reason },
        ] },
    }))
}

#[test]
fn the_marks_come_and_go_and_leave_everything_else_alone() {
    let healthy = node("True", "AgentReady");
    assert_eq!(desired::tainted(&healthy, false, "t"), healthy);
    let lost = desired::tainted(&healthy, true, "t");
    assert!(desired::is_tainted(&lost));
    assert_eq!(desired::tainted(&lost, true, "later"), lost, "the time of the first stays");
    assert_eq!(desired::tainted(&lost, false, "t"), healthy);
    let unknown = desired::status(&healthy, true, "t");
    assert_eq!(unknown["conditions"][1]["status"], "Unknown");
    assert_eq!(unknown["conditions"][0]["status"], "False");
    assert_eq!(desired::status(&healthy, false, "t"), healthy.body["status"]);
    let mut marked = healthy.clone();
    marked.body.insert("status".into(), unknown);
    assert_eq!(desired::status(&marked, true, "later"), marked.body["status"]);
    assert_eq!(desired::status(&marked, false, "t")["conditions"][1]["status"], "True");
    let own = node("Unknown", "SaidByTheAgent");
    assert_eq!(desired::status(&own, false, "t"), own.body["status"], "only its own word");
}

fn options() -> NodeLifecycleOptions {
    NodeLifecycleOptions { grace: Duration::from_secs(10), evict_after: Duration::from_secs(20) }
}

fn ready_of(snapshot: &Snapshot, name: &str) -> Option<String> {
    let node = snapshot.object(&nodes::kind(), &ObjectKey::cluster(name))?;
    nodes::ready(&node).map(str::to_owned)
}

fn bound(name: &str, node: &str) -> Object {
    let mut pod = pod(name, "web");
    crate::edit::set_field(&mut pod, &["spec", "nodeName"], json!(node));
    pod
}

/// Seconds pass while some nodes renew every two.
async fn pass(world: &World, seconds: u64, alive: &[&str]) {
    for _ in 0..seconds / 2 {
        for name in alive {
            world.renew(name).await;
        }
        world.pass(Duration::from_secs(2)).await;
    }
}

#[tokio::test]
async fn the_pods_of_a_silent_node_are_deleted_after_their_time_and_the_others_stay() {
    let world = World::new().await;
    for name in ["n1", "n2", "n3"] {
        world.node(name).await;
    }
    world.create(bound("here", "n1")).await;
    world.create(bound("there", "n2")).await;
    let running = world.start(vec![Arc::new(Nodes::new(options()))]);
    pass(&world, 8, &["n1", "n2", "n3"]).await;
    assert_eq!(ready_of(&world.settled().await, "n1").as_deref(), Some("True"));
    pass(&world, 12, &["n2", "n3"]).await;
    let snapshot = world.settled().await;
    assert_eq!(ready_of(&snapshot, "n1").as_deref(), Some("Unknown"));
    let node = snapshot.object(&nodes::kind(), &ObjectKey::cluster("n1")).unwrap();
    assert!(desired::is_tainted(&node), "{node:?}");
    assert_eq!(ready_of(&snapshot, "n2").as_deref(), Some("True"));
    assert_eq!(crate::testing::pods(&snapshot).len(), 2, "its time is not yet over");
    pass(&world, 20, &["n2", "n3"]).await;
    let left = crate::testing::pods(&world.settled().await);
    let names: Vec<&str> = left.iter().map(|pod| pod.metadata.name.as_str()).collect();
    assert_eq!(names, ["there"]);
    pass(&world, 4, &["n1", "n2", "n3"]).await;
    let snapshot = world.settled().await;
    assert_eq!(ready_of(&snapshot, "n1").as_deref(), Some("True"), "it is heard of again");
    let node = snapshot.object(&nodes::kind(), &ObjectKey::cluster("n1")).unwrap();
    assert!(!desired::is_tainted(&node));
    running.stop().await;
}

#[tokio::test]
async fn nothing_is_evicted_when_all_nodes_fall_silent() {
    let world = World::new().await;
    for name in ["n1", "n2", "n3"] {
        world.node(name).await;
        world.create(bound(&format!("on-{name}"), name)).await;
    }
    let _running = world.start(vec![Arc::new(Nodes::new(options()))]);
    pass(&world, 8, &["n1", "n2", "n3"]).await;
    pass(&world, 200, &[]).await;
    let snapshot = world.settled().await;
    assert_eq!(ready_of(&snapshot, "n2").as_deref(), Some("Unknown"));
    assert_eq!(crate::testing::pods(&snapshot).len(), 3, "the brake holds");
    // Two come back: the third is an ordinary loss again, with its whole time.
    pass(&world, 12, &["n1", "n2"]).await;
    assert_eq!(crate::testing::pods(&world.settled().await).len(), 3);
    pass(&world, 30, &["n1", "n2"]).await;
    let left = crate::testing::pods(&world.settled().await);
    let names: Vec<&str> = left.iter().map(|pod| pod.metadata.name.as_str()).collect();
    assert_eq!(names, ["on-n1", "on-n2"]);
}

#[tokio::test]
async fn the_pods_of_a_deleted_node_are_deleted_after_the_grace_time() {
    let world = World::new().await;
    world.node("n1").await;
    world.node("n2").await;
    world.create(bound("here", "n1")).await;
    world.create(bound("there", "n2")).await;
    let _running = world.start(vec![Arc::new(Nodes::new(options()))]);
    pass(&world, 2, &["n1", "n2"]).await;
    world.delete("/Node", None, "n1").await;
    pass(&world, 6, &["n2"]).await;
    assert_eq!(crate::testing::pods(&world.settled().await).len(), 2);
    pass(&world, 8, &["n2"]).await;
    let left = crate::testing::pods(&world.settled().await);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].metadata.name, "there");
}
