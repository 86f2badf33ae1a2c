use super::desired::{Backend, slices};
use super::diff::diff;
use super::*;
use crate::testing::{World, pod, service};
use quorate_resources::Change;
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn typed(mut object: Object) -> Typed<Service> {
    object.metadata.uid = Some(quorate_types::Uid::from_stored("service-uid"));
    let value = Arc::new(object.decode().unwrap());
    Typed { object: Arc::new(object), value }
}

fn backend(name: &str, port: i32) -> Backend {
    Backend {
        name: name.to_owned(),
        namespace: "shop".to_owned(),
        uid: format!("uid-{name}"),
        address: format!("10.0.0.{}", name.len()),
        node: Some("n1".to_owned()),
        serving: true,
        terminating: false,
        ports: BTreeMap::from([(("http".to_owned(), "TCP".to_owned()), port)]),
    }
}

fn conditions(slice: &Object, at: usize) -> (bool, bool, bool) {
    let conditions = slice.pointer(&format!("/endpoints/{at}/conditions")).unwrap();
    let is = |name: &str| conditions[name].as_bool().unwrap();
    (is("ready"), is("serving"), is("terminating"))
}

#[test]
fn an_endpoint_says_whether_its_pod_serves_and_whether_it_ends() {
    let table = [
        (true, false, (true, true, false)),
        (false, false, (false, false, false)),
        (true, true, (false, true, true)),
        (false, true, (false, false, true)),
    ];
    for (serving, terminating, expected) in table {
        let backend = Backend { serving, terminating, ..backend("a", 8080) };
        let slices = slices(&typed(service("web")), &[backend]);
        assert_eq!(conditions(&slices[0], 0), expected, "{serving} {terminating}");
    }
}

#[test]
fn a_service_may_publish_pods_that_are_not_ready() {
    let mut early = service("web");
    crate::edit::set_field(&mut early, &["spec", "publishNotReadyAddresses"], json!(true));
    let backend = Backend { serving: false, ..backend("a", 8080) };
    assert_eq!(conditions(&slices(&typed(early), &[backend])[0], 0), (true, false, false));
}

#[test]
fn a_slice_names_its_pods_ports_and_service() {
    let slices = slices(&typed(service("web")), &[backend("bb", 8080), backend("a", 8080)]);
    assert_eq!(slices.len(), 1);
    let slice = &slices[0];
    assert_eq!(slice.metadata.labels[SERVICE_NAME], "web");
    assert_eq!(slice.metadata.controller().unwrap().kind, "Service");
    let port = json!({ "name": "web", "protocol": "TCP", "port": 8080 });
    assert_eq!(slice.pointer("/ports"), Some(&json!([port])), "the named port is resolved");
    assert_eq!(slice.pointer("/addressType"), Some(&json!("IPv4")));
    let first = slice.pointer("/endpoints/0").unwrap();
    assert_eq!(first["targetRef"]["name"], "a", "sorted by pod");
    assert_eq!((&first["addresses"], &first["nodeName"]), (&json!(["10.0.0.1"]), &json!("n1")));
}

#[test]
fn pods_whose_named_port_differs_get_a_slice_of_their_own() {
    let slices = slices(&typed(service("web")), &[backend("a", 8080), backend("bb", 9090)]);
    let mut ports: Vec<&Value> = slices.iter().filter_map(|s| s.pointer("/ports/0/port")).collect();
    ports.sort_by_key(|port| port.as_i64());
    assert_eq!(ports, [&json!(8080), &json!(9090)]);
    assert_ne!(slices[0].metadata.name, slices[1].metadata.name);
}

#[test]
fn a_service_without_pods_has_one_empty_slice() {
    let slices = slices(&typed(service("web")), &[]);
    assert_eq!(slices.len(), 1);
    assert_eq!(slices[0].pointer("/endpoints"), Some(&json!([])));
}

#[test]
fn only_what_differs_is_written() {
    let service = typed(service("web"));
    let desired = || slices(&service, &[backend("a", 8080)]);
    let existing: Vec<Arc<Object>> = desired().into_iter().map(Arc::new).collect();
    assert_eq!(diff(&existing, desired()), []);
    assert!(matches!(diff(&[], desired())[..], [Change::Create(_)]));
    let ending = Backend { terminating: true, ..backend("a", 8080) };
    let changed = diff(&existing, slices(&service, &[ending]));
    assert!(matches!(changed[..], [Change::Update { .. }]), "{changed:?}");
    let moved = diff(&existing, slices(&service, &[backend("a", 9090)]));
    assert!(matches!(moved[..], [Change::Create(_), Change::Delete { .. }]), "{moved:?}");
}

fn serving_pod(name: &str, address: &str, node: &str) -> Object {
    let mut pod = pod(name, "web");
    let container = json!([{
        "name": "main", "image": "web:1", "ports": [{ "name": "http", "containerPort": 8080 }],
    }]);
    crate::edit::set_field(&mut pod, &["spec", "containers"], container);
    crate::edit::set_field(&mut pod, &["spec", "nodeName"], json!(node));
    let status = json!({
        "phase": "Running", "podIP": address,
        "conditions": [{ "type": "Ready", "status": "True" }],
    });
    pod.body.insert("status".into(), status);
    pod
}

/// Addresses of the endpoints of `web`, with whether each is ready.
fn ready(snapshot: &Snapshot) -> BTreeMap<String, bool> {
    let slices = existing(snapshot, "shop", "web");
    let endpoints = slices.iter().filter_map(|slice| slice.pointer("/endpoints")?.as_array());
    let pair = |endpoint: &Value| {
        let address = endpoint["addresses"][0].as_str().unwrap().to_owned();
        (address, endpoint["conditions"]["ready"].as_bool().unwrap())
    };
    endpoints.flat_map(|endpoints| endpoints.iter().map(pair)).collect()
}

#[tokio::test]
async fn endpoints_follow_pods_and_nodes() {
    let world = World::new().await;
    world.node("n1").await;
    world.create(service("web")).await;
    let _running = world.start(vec![Arc::new(EndpointSlices)]);
    for (name, address) in [("a", "10.0.0.1"), ("b", "10.0.0.2")] {
        let pod = serving_pod(name, address, "n1");
        let status = pod.body["status"].clone();
        world.create(pod).await;
        world.set_pod_status(name, status).await;
    }
    let (one, two) = ("10.0.0.1".to_owned(), "10.0.0.2".to_owned());
    let when = async |what: &str, expected: &[(&String, bool)]| {
        let expected: BTreeMap<String, bool> =
            expected.iter().map(|(address, ready)| ((*address).clone(), *ready)).collect();
        world.until(what, |snapshot| (ready(snapshot) == expected).then_some(())).await;
    };
    when("both ready", &[(&one, true), (&two, true)]).await;
    world.set_pod_status("a", json!({ "phase": "Running", "podIP": one.as_str() })).await;
    when("one is not ready", &[(&one, false), (&two, true)]).await;
    world.delete("/Pod", Some("shop"), "b").await;
    when("the other is ending", &[(&one, false), (&two, false)]).await;
    let status = serving_pod("a", &one, "n1").body["status"].clone();
    world.set_pod_status("a", status).await;
    when("one is ready again", &[(&one, true), (&two, false)]).await;
    let mut node = world.objects.get(&nodes::kind(), &ObjectKey::cluster("n1")).await.unwrap();
    let lost = json!({ "conditions": [{ "type": "Ready", "status": "Unknown" }] });
    node.body.insert("status".into(), lost);
    world.objects.update_status(node).await.unwrap();
    when("its node is lost", &[(&one, false), (&two, false)]).await;
}

#[tokio::test]
async fn a_service_without_a_selector_is_left_alone() {
    let world = World::new().await;
    let mut manual = service("manual");
    manual.body.get_mut("spec").and_then(Value::as_object_mut).unwrap().remove("selector");
    world.create(manual).await;
    world.create(service("web")).await;
    let _running = world.start(vec![Arc::new(EndpointSlices)]);
    world
        .until("the other has a slice", |s| (existing(s, "shop", "web").len() == 1).then_some(()))
        .await;
    assert!(existing(&world.settled().await, "shop", "manual").is_empty());
}
