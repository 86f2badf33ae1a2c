//! Requests and answers, byte for byte as a client sees them.

use crate::world::{World, create};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use quorate_resources::Revision;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::SocketAddr;

pub(crate) struct Client(http1::SendRequest<Full<Bytes>>);

impl Client {
    pub(crate) async fn new(world: &World) -> Self {
        Self::to(world.server.address()).await
    }

    pub(crate) async fn to(address: SocketAddr) -> Self {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        drop(quorate_seams::spawn_detached(connection));
        Self(sender)
    }

    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Response<Incoming> {
        let mut request = Request::builder().method(method).uri(path).header("host", "test");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.0.ready().await.unwrap();
        self.0.send_request(request.body(Full::new(body.into())).unwrap()).await.unwrap()
    }

    /// Sends JSON and reads JSON.
    pub(crate) async fn json(&mut self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let kind =
            if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        read(self.send(method, path, &[("content-type", kind)], body).await).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> (u16, Value) {
        self.json("GET", path, Value::Null).await
    }
}

pub(crate) async fn read(response: Response<Incoming>) -> (u16, Value) {
    let code = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (
        code,
        serde_json::from_slice(&bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes))),
    )
}

/// The events of a watch, one by one.
struct Events(Incoming, VecDeque<Value>);

impl Events {
    async fn open(world: &World, query: &str) -> Self {
        let mut client = Client::new(world).await;
        let response = client.send("GET", &format!("{MAPS}?watch=true&{query}"), &[], "").await;
        assert_eq!(response.status(), 200);
        Self(response.into_body(), VecDeque::new())
    }

    async fn next(&mut self) -> Option<Value> {
        while self.1.is_empty() {
            let frame = self.0.frame().await?.unwrap().into_data().unwrap();
            let lines = frame.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            self.1.extend(lines.map(|line| serde_json::from_slice::<Value>(line).unwrap()));
        }
        self.1.pop_front()
    }

    async fn expect(&mut self, kind: &str, name: &str) -> Value {
        let event = self.next().await.expect("the watch goes on");
        assert_eq!(
            (&event["type"], &event["object"]["metadata"]["name"]),
            (&json!(kind), &json!(name)),
            "{event}"
        );
        event
    }
}

pub(crate) const MAPS: &str = "/api/v1/namespaces/default/configmaps";

pub(crate) fn map(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "labels": { "n": name } }, "data": { "a": "1" } })
}

#[tokio::test]
async fn failures_are_statuses_with_code_reason_and_details() {
    let world = World::start().await;
    let mut client = Client::new(&world).await;
    let (code, status) = client.get(&format!("{MAPS}/none")).await;
    assert_eq!((code, &status["reason"]), (404, &json!("NotFound")));
    assert_eq!(status["message"], "configmaps \"none\" not found");
    assert_eq!(status["details"], json!({ "name": "none", "kind": "configmaps" }));
    assert_eq!(client.json("POST", MAPS, map("a")).await.0, 201);
    let (code, status) = client.json("POST", MAPS, map("a")).await;
    assert_eq!((code, &status["reason"]), (409, &json!("AlreadyExists")));
    let (code, status) = client.json("POST", MAPS, map("A_b")).await;
    assert_eq!((code, &status["reason"]), (422, &json!("Invalid")));
    assert_eq!(status["details"]["causes"][0]["field"], "metadata.name");
    assert_eq!(status["details"]["causes"][0]["reason"], "FieldValueInvalid");
    let (code, status) = client.json("POST", "/api/v1/namespaces/gone/configmaps", map("a")).await;
    assert_eq!((code, status["message"].as_str().unwrap()), (404, "namespaces \"gone\" not found"));
    for (path, code) in
        [("/nothing", 404), ("/api/v1/things", 404), ("/apis/none/v1", 404), ("/apis/apps/v2", 404)]
    {
        let (got, status) = client.get(path).await;
        assert_eq!((got, &status["kind"]), (code, &json!("Status")), "{path}");
    }
    assert_eq!(client.json("PUT", MAPS, map("a")).await.0, 405);
    assert_eq!(client.json("POST", "/version", json!({})).await.0, 405);
    let broken = client.send("POST", MAPS, &[("content-type", "application/json")], "{").await;
    assert_eq!(read(broken).await.0, 400);
    let strange = client.send("POST", MAPS, &[("content-type", "text/html")], "x").await;
    assert_eq!(read(strange).await.0, 415);
    let refused = client.send("GET", MAPS, &[("accept", "text/html")], "").await;
    assert_eq!(read(refused).await.0, 406);
    let large = client.send("POST", MAPS, &[], vec![b' '; 4 << 20]).await;
    assert_eq!(read(large).await.0, 413);
}

#[tokio::test]
async fn writes_respect_versions_names_and_kinds() {
    let world = World::start().await;
    let mut client = Client::new(&world).await;
    let (_, created) = client.json("POST", MAPS, map("a")).await;
    let one = format!("{MAPS}/a");
    let mut next = created.clone();
    next["data"]["a"] = json!("2");
    let (code, updated) = client.json("PUT", &one, next.clone()).await;
    assert_eq!((code, &updated["data"]["a"]), (200, &json!("2")));
    let (code, status) = client.json("PUT", &one, next).await;
    assert_eq!((code, &status["reason"]), (409, &json!("Conflict")), "the version has passed");
    assert_eq!(client.json("PUT", &one, map("b")).await.0, 400, "another name");
    let mut other = map("a");
    other["metadata"]["namespace"] = json!("kube-system");
    assert_eq!(client.json("PUT", &one, other).await.0, 400, "another namespace");
    let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "a" } });
    assert_eq!(client.json("PUT", &one, secret).await.0, 400, "another kind");
    let stale = json!({ "metadata": { "resourceVersion": "1" }, "data": { "a": "3" } });
    assert_eq!(client.json("PATCH", &one, stale).await.0, 409);
    let (code, patched) =
        client.json("PATCH", &one, json!({ "data": { "a": null, "b": "1" } })).await;
    assert_eq!((code, &patched["data"]), (200, &json!({ "b": "1" })));
    let wrong = json!({ "preconditions": { "uid": "no" } });
    assert_eq!(client.json("DELETE", &one, wrong).await.0, 409);
    let (code, status) = client.json("DELETE", &one, Value::Null).await;
    assert_eq!((code, &status["status"]), (200, &json!("Success")));
    assert_eq!(status["details"]["uid"], created["metadata"]["uid"]);
}

#[tokio::test]
async fn dry_runs_answer_as_if_and_write_nothing() {
    let world = World::start().await;
    let mut client = Client::new(&world).await;
    let (code, created) = client.json("POST", &format!("{MAPS}?dryRun=All"), map("a")).await;
    assert_eq!((code, &created["data"]["a"]), (201, &json!("1")));
    assert_eq!(client.get(&format!("{MAPS}/a")).await.0, 404);
    let (_, created) = client.json("POST", MAPS, map("a")).await;
    let one = format!("{MAPS}/a?dryRun=All");
    assert_eq!(client.json("POST", &format!("{MAPS}?dryRun=All"), map("a")).await.0, 409);
    let (code, patched) = client.json("PATCH", &one, json!({ "data": { "a": "2" } })).await;
    assert_eq!((code, &patched["data"]["a"]), (200, &json!("2")));
    assert_eq!(client.json("DELETE", &one, Value::Null).await.0, 200);
    assert_eq!(client.json("PATCH", &format!("{MAPS}/a?dryRun=Some"), json!({})).await.0, 400);
    assert_eq!(client.get(&format!("{MAPS}/a")).await.1, created);
}

#[tokio::test]
async fn unknown_fields_are_ignored_warned_of_or_refused() {
    let world = World::start().await;
    let mut client = Client::new(&world).await;
    let with = |name: &str| {
        let mut map = map(name);
        map["dataa"] = json!({ "a": "1" });
        map.to_string()
    };
    for (name, mode, code, warned) in [
        ("a", "", 201, true),
        ("b", "Warn", 201, true),
        ("c", "Ignore", 201, false),
        ("d", "Strict", 400, false),
    ] {
        let response =
            client.send("POST", &format!("{MAPS}?fieldValidation={mode}"), &[], with(name)).await;
        let warning = response.headers().get("warning").map(|it| it.to_str().unwrap().to_owned());
        assert_eq!(response.status(), code, "{mode}");
        assert_eq!(
            warning.is_some_and(|it| it.contains("unknown field \\\"dataa\\\"")),
            warned,
            "{mode}"
        );
        let (_, body) = read(response).await;
        assert!(body.get("dataa").is_none());
        if code == 400 {
            assert!(
                body["message"].as_str().unwrap().contains("strict decoding error: unknown field"),
                "{body}"
            );
        }
    }
    let mistyped = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "x" }, "spec": { "replicas": "two" } });
    let (code, status) =
        client.json("POST", "/apis/apps/v1/namespaces/default/deployments", mistyped).await;
    assert_eq!(code, 400, "{status}");
    assert!(status["message"].as_str().unwrap().contains("spec.replicas"), "{status}");
}

#[tokio::test]
async fn lists_come_in_pages_of_one_revision() {
    let world = World::start().await;
    let mut client = Client::new(&world).await;
    for name in ["a", "b", "c", "d", "e"] {
        client.json("POST", MAPS, map(name)).await;
    }
    let (_, first) = client.get(&format!("{MAPS}?limit=2")).await;
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    assert_eq!(first["metadata"]["remainingItemCount"], 3);
    client.json("DELETE", &format!("{MAPS}/c"), Value::Null).await;
    let token = first["metadata"]["continue"].as_str().unwrap();
    let (_, second) = client.get(&format!("{MAPS}?limit=2&continue={token}")).await;
    let names: Vec<_> = second["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["metadata"]["name"].clone())
        .collect();
    assert_eq!(names, ["c", "d"], "the page is of the first page's revision");
    assert_eq!(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    let token = second["metadata"]["continue"].as_str().unwrap();
    let current = world.objects.store().status().revision;
    world.objects.store().compact(current).await.unwrap();
    let (code, status) = client.get(&format!("{MAPS}?limit=2&continue={token}")).await;
    assert_eq!((code, &status["reason"]), (410, &json!("Expired")));
    let fresh = status["metadata"]["continue"].as_str().unwrap();
    let (code, rest) = client.get(&format!("{MAPS}?limit=2&continue={fresh}")).await;
    assert_eq!((code, &rest["items"][0]["metadata"]["name"]), (200, &json!("e")));
    assert_eq!(client.get(&format!("{MAPS}?continue=bogus")).await.0, 400);
    let (_, chosen) = client.get(&format!("{MAPS}?labelSelector=n%20in%20(a,b,e)&limit=2")).await;
    assert_eq!(chosen["items"].as_array().unwrap().len(), 2);
    let token = chosen["metadata"]["continue"].as_str().unwrap();
    let (_, chosen) = client
        .get(&format!("{MAPS}?labelSelector=n%20in%20(a,b,e)&limit=2&continue={token}"))
        .await;
    assert_eq!(chosen["items"][0]["metadata"]["name"], "e");
    assert_eq!(chosen["metadata"].get("continue"), None);
    let (_, one) = client
        .get("/api/v1/configmaps?fieldSelector=metadata.name%3Da,metadata.namespace%3Ddefault")
        .await;
    assert_eq!(one["items"].as_array().unwrap().len(), 1);
    assert_eq!(client.get(&format!("{MAPS}?fieldSelector=data.a%3D1")).await.0, 400);
    let (code, status) = client.get(&format!("{MAPS}?resourceVersion=999999")).await;
    assert_eq!((code, &status["details"]["retryAfterSeconds"]), (504, &json!(1)));
}

#[tokio::test]
async fn watches_miss_nothing_and_follow_selectors() {
    let world = World::start().await;
    let mut client = Client::new(&world).await;
    let (_, a) = client.json("POST", MAPS, map("a")).await;
    let version = a["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    let mut all = Events::open(&world, "").await;
    all.expect("ADDED", "a").await;
    let mut later = Events::open(&world, &format!("resourceVersion={version}")).await;
    let mut chosen = Events::open(&world, "labelSelector=n%3Db&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan").await;
    let mark = chosen.next().await.unwrap();
    assert_eq!(mark["type"], "BOOKMARK");
    assert_eq!(mark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    client.json("POST", MAPS, map("b")).await;
    client.json("PATCH", &format!("{MAPS}/b"), json!({ "data": { "a": "2" } })).await;
    client
        .json("PATCH", &format!("{MAPS}/b"), json!({ "metadata": { "labels": { "n": "x" } } }))
        .await;
    client.json("DELETE", &format!("{MAPS}/b"), Value::Null).await;
    for watch in [&mut all, &mut later] {
        watch.expect("ADDED", "b").await;
        watch.expect("MODIFIED", "b").await;
        watch.expect("MODIFIED", "b").await;
        let gone = watch.expect("DELETED", "b").await;
        assert_eq!(
            gone["object"]["metadata"]["resourceVersion"],
            world.objects.store().status().revision.to_string()
        );
    }
    chosen.expect("ADDED", "b").await;
    chosen.expect("MODIFIED", "b").await;
    chosen.expect("DELETED", "b").await;
    let mut short = Events::open(&world, "timeoutSeconds=1").await;
    short.expect("ADDED", "a").await;
    assert!(short.next().await.is_none(), "the watch ends in time");
}

#[tokio::test]
async fn watches_from_forgotten_or_future_revisions_are_refused() {
    let world = World::start().await;
    let mut client = Client::new(&world).await;
    client.json("POST", MAPS, map("a")).await;
    client.json("POST", MAPS, map("b")).await;
    let now = world.objects.store().status().revision;
    world.objects.store().compact(now).await.unwrap();
    let old = Revision(2);
    let (code, status) = client.get(&format!("{MAPS}?watch=1&resourceVersion={old}")).await;
    assert_eq!((code, &status["reason"]), (410, &json!("Expired")), "{status}");
    assert_eq!(client.get(&format!("{MAPS}?watch=1&resourceVersion=99999")).await.0, 504);
    assert_eq!(client.get(&format!("{MAPS}?watch=1&resourceVersion=x")).await.0, 400);
    assert_eq!(client.get(&format!("{MAPS}?watch=1&sendInitialEvents=true")).await.0, 400);
}

#[tokio::test]
async fn objects_come_as_tables_and_as_metadata() {
    let world = World::start().await;
    let mut client = Client::new(&world).await;
    client.json("POST", MAPS, map("a")).await;
    let form = |kind: &str| format!("application/json;as={kind};v=v1;g=meta.k8s.io");
    let response = client.send("GET", MAPS, &[("accept", &form("Table"))], "").await;
    let (_, table) = read(response).await;
    assert_eq!(table["kind"], "Table");
    assert_eq!(table["columnDefinitions"][1]["name"], "Data");
    let cells = table["rows"][0]["cells"].as_array().unwrap();
    assert_eq!(cells[..2], [json!("a"), json!(1)]);
    assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    let response =
        client.send("GET", MAPS, &[("accept", &form("PartialObjectMetadataList"))], "").await;
    let (_, list) = read(response).await;
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    assert_eq!(list["items"][0].get("data"), None);
    let response = client.send("GET", MAPS, &[("accept", "application/yaml")], "").await;
    assert_eq!(response.headers()["content-type"], "application/yaml");
}

#[tokio::test]
async fn finalizers_hold_objects_and_propagation_adds_them() {
    let world = World::start().await;
    let mut client = Client::new(&world).await;
    let mut held = map("a");
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    client.json("POST", MAPS, held).await;
    let one = format!("{MAPS}/a");
    let (code, marked) = client.json("DELETE", &one, Value::Null).await;
    assert_eq!(code, 200);
    assert!(marked["metadata"]["deletionTimestamp"].is_string(), "{marked}");
    assert_eq!(
        client.json("PATCH", &one, json!({ "metadata": { "finalizers": null } })).await.0,
        200
    );
    assert_eq!(client.get(&one).await.0, 404, "the last finalizer was what kept it");
    for name in ["x", "y"] {
        client.json("POST", MAPS, map(name)).await;
    }
    let (code, gone) =
        client.json("DELETE", &format!("{MAPS}?labelSelector=n%3Dx"), Value::Null).await;
    assert_eq!((code, gone["items"].as_array().unwrap().len()), (200, 1));
    assert_eq!(client.get(&format!("{MAPS}/y")).await.0, 200);
    let options =
        json!({ "kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Sideways" });
    assert_eq!(client.json("DELETE", &format!("{MAPS}/y"), options).await.0, 400);
}

#[tokio::test]
async fn apply_owns_fields_and_reports_conflicts() {
    let world = World::start().await;
    let mut client = Client::new(&world).await;
    let mut apply = async |manager: &str, force: bool, data: Value| {
        let body = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" }, "data": data });
        let path = format!("{MAPS}/a?fieldManager={manager}&force={force}");
        let response = client
            .send(
                "PATCH",
                &path,
                &[("content-type", "application/apply-patch+yaml")],
                body.to_string(),
            )
            .await;
        read(response).await
    };
    let (code, created) = apply("one", false, json!({ "a": "1", "b": "1" })).await;
    assert_eq!(code, 201, "{created}");
    assert_eq!(created["metadata"]["managedFields"][0]["manager"], "one");
    let (code, status) = apply("two", false, json!({ "a": "2" })).await;
    assert_eq!((code, &status["reason"]), (409, &json!("Conflict")));
    assert_eq!(status["details"]["causes"][0]["reason"], "FieldManagerConflict");
    assert_eq!(status["details"]["causes"][0]["field"], ".data.a");
    let (code, _) = apply("two", true, json!({ "a": "2", "c": "3" })).await;
    assert_eq!(code, 200);
    let (_, now) = apply("one", false, json!({})).await;
    assert_eq!(
        now["data"],
        json!({ "a": "2", "c": "3" }),
        "what one no longer says goes, two's stays"
    );
    let same = apply("one", false, json!({})).await.1;
    assert_eq!(same["metadata"]["resourceVersion"], now["metadata"]["resourceVersion"]);
}

#[tokio::test]
async fn pods_are_bound_and_evicted_and_workloads_scaled() {
    let world = World::start().await;
    let mut client = Client::new(&world).await;
    let pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "generateName": "p-" }, "spec": { "containers": [{ "name": "c", "image": "i:1" }] } });
    let pods = "/api/v1/namespaces/default/pods";
    let (code, created) = client.json("POST", pods, pod).await;
    assert_eq!(code, 201, "{created}");
    let name = created["metadata"]["name"].as_str().unwrap();
    assert!(name.starts_with("p-") && name.len() == 7, "{name}");
    let none = json!({ "target": {} });
    assert_eq!(client.json("POST", &format!("{pods}/{name}/binding"), none).await.0, 400);
    let eviction =
        json!({ "apiVersion": "policy/v1", "kind": "Eviction", "metadata": { "name": name } });
    assert_eq!(client.json("POST", &format!("{pods}/{name}/eviction"), eviction).await.0, 201);
    create(&world.objects, json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": { "name": "r", "namespace": "default" },
        "spec": { "replicas": 0, "selector": { "matchLabels": { "a": "b" } }, "template": {
            "metadata": { "labels": { "a": "b" } }, "spec": { "containers": [{ "name": "c", "image": "i:1" }] } } },
    })).await;
    let scale = "/apis/apps/v1/namespaces/default/replicasets/r/scale";
    let (_, before) = client.get(scale).await;
    assert_eq!((&before["kind"], &before["spec"]["replicas"]), (&json!("Scale"), &json!(0)));
    assert_eq!(before["status"]["selector"], "a=b");
    let (code, after) = client.json("PATCH", scale, json!({ "spec": { "replicas": 2 } })).await;
    assert_eq!((code, &after["spec"]["replicas"]), (200, &json!(2)));
    let (code, _) = client.json("PATCH", scale, json!({ "spec": { "replicas": -1 } })).await;
    assert_eq!(code, 400);
    let mut stale = before.clone();
    stale["spec"]["replicas"] = json!(5);
    assert_eq!(client.json("PUT", scale, stale).await.0, 409);
}

#[tokio::test]
async fn health_version_and_documents_are_served() {
    let world = World::start().await;
    let mut client = Client::new(&world).await;
    for path in ["/healthz", "/livez", "/readyz", "/livez/ping"] {
        assert_eq!(client.get(path).await, (200, json!("ok")), "{path}");
    }
    let (_, text) = client.get("/readyz?verbose").await;
    assert!(text.as_str().unwrap().contains("readyz check passed"), "{text}");
    assert_eq!(client.get("/version").await.1["major"], "1");
    let (_, index) = client.get("/openapi/v3").await;
    let url = index["paths"]["apis/apps/v1"]["serverRelativeURL"].as_str().unwrap().to_owned();
    let (_, document) = client.get(&url).await;
    let path = "/apis/apps/v1/namespaces/{namespace}/deployments/{name}";
    assert!(document["paths"][path]["patch"]["requestBody"]["content"]["application/strategic-merge-patch+json"].is_object());
    assert!(document["components"]["schemas"]["io.k8s.api.core.v1.Container"].is_object());
}

#[tokio::test]
async fn the_api_is_a_service_without_a_socket() {
    let world = World::start().await;
    let mut api = quorate_server::Api::new(world.objects.clone());
    let request = Request::get("/api/v1/nodes/node-1").body(Full::new(Bytes::new())).unwrap();
    let response = tower_service::Service::call(&mut api, request).await.unwrap();
    assert_eq!(response.status(), 200);
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let node: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(node["metadata"]["name"], "node-1");
}
