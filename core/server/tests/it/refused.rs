//! Bad input: refused with the status that fits, and without a trace in the store.

use crate::client::{Client, MAPS, map, read};
use crate::world::{World, create};
use quorate_kinds::registry;
use quorate_resources::{Kind, KindInfo, Objects};
use quorate_seams::Seams;
use quorate_server::{Api, Server};
use quorate_store::MemoryStore;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

/// Anchors that double what they refer to, thirty times.
fn bomb() -> String {
    let lines = (1..30).map(|at| format!("a{at}: &a{at} [*a{0}, *a{0}]\n", at - 1));
    format!("a0: &a0 [x, x]\n{}", lines.collect::<String>())
}

#[tokio::test]
async fn bodies_that_are_no_objects_are_refused() {
    let world = World::start().await;
    let mut client = Client::new(&world).await;
    let before = world.objects.store().status().revision;
    let deep = "[".repeat(5000);
    let cases: [(&str, &[u8]); 9] = [
        ("application/json", b""),
        ("application/json", b"\xff\xfe{}"),
        ("application/json", b"[]"),
        ("application/json", b"\"x\""),
        ("application/json", b"{\"kind\":7}"),
        ("application/json", b"{\"metadata\":[]}"),
        ("application/json", deep.as_bytes()),
        ("application/yaml", b"a: [1"),
        ("application/vnd.kubernetes.protobuf", b"k8s\0\x0a\xff"),
    ];
    for (media_type, body) in cases {
        let headers = [("content-type", media_type)];
        let (code, status) = read(client.send("POST", MAPS, &headers, body.to_vec()).await).await;
        let text = String::from_utf8_lossy(body);
        assert_eq!((code, &status["kind"]), (400, &json!("Status")), "{text:.40}: {status}");
    }
    let yaml = [("content-type", "application/yaml")];
    let (code, status) = read(client.send("POST", MAPS, &yaml, bomb()).await).await;
    assert_eq!(code, 400, "{status}");
    assert_eq!(world.objects.store().status().revision, before, "nothing was written");
}

#[tokio::test]
async fn invalid_objects_name_every_field_at_fault() {
    let world = World::start().await;
    let mut client = Client::new(&world).await;
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "Web!", "labels": { "a": "-" } },
        "spec": { "replicas": -1, "selector": { "matchLabels": { "a": "b" } }, "template": {
            "metadata": { "labels": { "a": "c" } }, "spec": { "containers": [{ "name": "C" }] } } },
    });
    let (code, status) = client.json("POST", DEPLOYMENTS, deployment).await;
    assert_eq!((code, &status["reason"]), (422, &json!("Invalid")));
    assert_eq!(status["details"]["kind"], "Deployment");
    assert_eq!(status["details"]["group"], "apps");
    let causes = status["details"]["causes"].as_array().unwrap();
    let fields: Vec<&str> = causes.iter().map(|cause| cause["field"].as_str().unwrap()).collect();
    for field in [
        "metadata.name",
        "metadata.labels.a",
        "spec.replicas",
        "spec.template.metadata.labels",
        "spec.template.spec.containers[0].name",
    ] {
        assert!(fields.contains(&field), "{field} in {fields:?}");
    }
    assert_eq!(client.get(&format!("{DEPLOYMENTS}/Web!")).await.0, 404);
}

#[tokio::test]
async fn patches_that_make_no_sense_are_refused() {
    let world = World::start().await;
    let mut client = Client::new(&world).await;
    let (_, before) = client.json("POST", MAPS, map("a")).await;
    let apply = "application/apply-patch+yaml";
    let strategic = "application/strategic-merge-patch+json";
    let cases = [
        ("application/json-patch+json", "", "{}", 400),
        ("application/json-patch+json", "", "[{\"op\":\"remove\",\"path\":\"/x\"}]", 422),
        (
            "application/json-patch+json",
            "",
            "[{\"op\":\"replace\",\"path\":\"/kind\",\"value\":\"Pod\"}]",
            400,
        ),
        ("application/merge-patch+json", "", "7", 400),
        ("application/merge-patch+json", "", "{\"metadata\":{\"name\":\"b\"}}", 400),
        ("application/merge-patch+json", "", "{\"metadata\":{\"uid\":\"b\"}}", 409),
        (strategic, "", "[]", 400),
        (strategic, "", "{\"$patch\":\"grow\"}", 400),
        ("application/json", "", "{}", 415),
        (apply, "", "{}", 400),
        (apply, "?fieldManager=m", "metadata: { managedFields: [{}] }", 400),
        (apply, "?fieldManager=m", "metadata: { name: b }", 400),
        (apply, "?fieldManager=m", "kind: Pod", 400),
        (apply, "?fieldManager=m&force=maybe", "data: {}", 400),
    ];
    for (media_type, query, body, expected) in cases {
        let path = format!("{MAPS}/a{query}");
        let response = client.send("PATCH", &path, &[("content-type", media_type)], body).await;
        let (code, status) = read(response).await;
        assert_eq!(code, expected, "{media_type} {body}: {status}");
    }
    assert_eq!(client.get(&format!("{MAPS}/a")).await.1, before, "nothing was half applied");
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Site {
    spec: SiteSpec,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct SiteSpec {
    domain: String,
    #[serde(default)]
    pages: u32,
}

impl Kind for Site {
    const GROUP: &'static str = "example.com";
    const VERSION: &'static str = "v1";
    const KIND: &'static str = "Site";
    const PLURAL: &'static str = "sites";
    const NAMESPACED: bool = true;
}

#[tokio::test]
async fn rust_types_are_served_like_any_kind_and_held_to_their_schema() {
    let schema = json!({ "type": "object", "properties": { "spec": {
        "type": "object", "properties": {
            "domain": { "type": "string", "minLength": 3 },
            "pages": { "type": "integer", "default": 1, "maximum": 9 },
        } } } });
    let mut registry = registry();
    registry.register(KindInfo::of::<Site>().with_schema(schema)).unwrap();
    let seams = Seams::system();
    let store = MemoryStore::new(seams.clock.clone());
    let objects = Objects::new(store, registry.into(), seams);
    create(
        &objects,
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "default" } }),
    )
    .await;
    let server = Server::start(Api::new(objects), "127.0.0.1:0").await.unwrap();
    let mut client = Client::to(server.address()).await;
    let sites = "/apis/example.com/v1/namespaces/default/sites";
    let site = |spec: Value| json!({ "apiVersion": "example.com/v1", "kind": "Site", "metadata": { "generateName": "s" }, "spec": spec });
    let (code, made) =
        client.json("POST", sites, site(json!({ "domain": "a.b", "colour": 1 }))).await;
    assert_eq!((code, &made["spec"]), (201, &json!({ "domain": "a.b", "pages": 1 })));
    let (code, status) =
        client.json("POST", sites, site(json!({ "domain": "a", "pages": 10 }))).await;
    assert_eq!(code, 422);
    assert_eq!(status["details"]["causes"].as_array().unwrap().len(), 2, "{status}");
    assert_eq!(client.json("POST", sites, site(json!({ "domain": 1 }))).await.0, 400);
    let (_, groups) = client.get("/apis").await;
    assert!(groups.to_string().contains("example.com/v1"));
    assert_eq!(client.get("/openapi/v3/apis/example.com/v1").await.0, 200);
    server.stop().await;
}
