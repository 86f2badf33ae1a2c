//! Who calls and whether they may, byte for byte: over an API without a socket.

use crate::client::{MAPS, map};
use crate::world::create;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::Request;
use hyper::body::Frame;
use quorate_resources::Objects;
use quorate_seams::Seams;
use quorate_server::Api;
use quorate_server::access::{Access, AccountTokens, Rbac, Tokens, User};
use quorate_server::pki::Pki;
use quorate_store::MemoryStore;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;

struct World {
    objects: Objects,
    api: Api,
}

impl World {
    async fn new() -> Self {
        let seams = Seams::system();
        let store = MemoryStore::new(seams.clock.clone());
        let objects = Objects::new(store, Arc::new(quorate_kinds::registry()), seams);
        let space =
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "default" } });
        create(&objects, space).await;
        let robot = json!({ "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": { "name": "robot", "namespace": "default" } });
        create(&objects, robot).await;
        let place = tempfile::tempdir().unwrap();
        let pki = Pki::open(place.path(), &[], objects.seams().clock.wall()).unwrap();
        let key = pki.account_key.as_bytes();
        let accounts = AccountTokens::new(objects.clone(), key, "https://cluster.test").unwrap();
        let rbac = Arc::new(Rbac::new(objects.clone()));
        rbac.bootstrap().await.unwrap();
        let tokens = Tokens::new().with("root", User::admin()).with("alice", User::new("alice"));
        let access = Access::new()
            .with_authenticator(Arc::new(tokens))
            .with_accounts(Arc::new(accounts))
            .with_rbac(rbac);
        let api = Api::new(objects.clone()).with_access(access);
        Self { objects, api }
    }

    /// Asks as whoever has the token; nobody's is empty.
    async fn ask(&self, token: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.ask_with(token, method, path, &[], body).await
    }

    async fn ask_with(
        &self,
        token: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> (u16, Value) {
        let kind = match method {
            "PATCH" => "application/merge-patch+json",
            _ => "application/json",
        };
        let mut request = Request::builder().method(method).uri(path).header("content-type", kind);
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.api.handle(request.body(Full::new(Bytes::from(body))).unwrap()).await;
        let code = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (code, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    async fn review(&self, token: &str, path: &str, spec: Value) -> (u16, Value) {
        let (code, answer) = self.ask(token, "POST", path, json!({ "spec": spec })).await;
        (code, if code == 201 { answer["status"].clone() } else { answer })
    }
}

#[tokio::test]
async fn refusals_read_as_those_of_kubernetes() {
    let world = World::new().await;
    let unauthorized = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "Unauthorized", "reason": "Unauthorized", "code": 401,
    });
    for token in ["", "guessed"] {
        let got = world.ask(token, "GET", MAPS, Value::Null).await;
        assert_eq!(got, (401, unauthorized.clone()), "{token:?}");
    }
    let (code, status) = world
        .ask("alice", "GET", "/apis/apps/v1/namespaces/a/deployments/web/scale", Value::Null)
        .await;
    assert_eq!((code, &status["reason"]), (403, &json!("Forbidden")));
    assert_eq!(
        status["message"],
        "deployments.apps \"web\" is forbidden: User \"alice\" cannot get resource \
         \"deployments/scale\" in API group \"apps\" in the namespace \"a\""
    );
    assert_eq!(status["details"], json!({ "name": "web", "group": "apps", "kind": "deployments" }));
    let (code, status) = world.ask("alice", "GET", "/metrics", Value::Null).await;
    let message = json!("forbidden: User \"alice\" cannot get path \"/metrics\"");
    assert_eq!((code, &status["message"]), (403, &message));
    // What does not exist is told only to who might see it.
    for (token, code) in [("alice", 403), ("root", 404)] {
        assert_eq!(world.ask(token, "GET", "/apis/none/v1/things", Value::Null).await.0, code);
        assert_eq!(world.ask(token, "GET", &format!("{MAPS}/none"), Value::Null).await.0, code);
    }
    assert_eq!(world.ask("root", "POST", MAPS, map("a")).await.0, 201);
}

#[tokio::test]
async fn nothing_of_a_body_is_read_before_it_is_allowed() {
    let world = World::new().await;
    for (token, code) in [("guessed", 401), ("alice", 403)] {
        let request = Request::builder().method("POST").uri(MAPS);
        let request = request.header("authorization", format!("Bearer {token}"));
        let endless = futures::stream::pending::<Result<Frame<Bytes>, Infallible>>();
        let answer = world.api.handle(request.body(StreamBody::new(endless)).unwrap()).await;
        assert_eq!(answer.status(), code);
    }
}

#[tokio::test]
async fn clients_in_the_process_need_no_credentials_and_are_judged_all_the_same() {
    let world = World::new().await;
    let ask = async |api: &Api| {
        let request = Request::builder().uri(MAPS).body(Full::new(Bytes::new())).unwrap();
        api.handle(request).await.status().as_u16()
    };
    assert_eq!(ask(&world.api).await, 401);
    assert_eq!(ask(&world.api.on_behalf(User::new("alice"))).await, 403);
    assert_eq!(ask(&world.api.on_behalf(User::admin())).await, 200);
}

#[tokio::test]
async fn reviews_tell_what_would_be_decided() {
    let world = World::new().await;
    let access = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let list = json!({ "resourceAttributes": { "verb": "list", "resource": "configmaps", "namespace": "default" } });
    assert_eq!(
        world.review("alice", access, list.clone()).await,
        (201, json!({ "allowed": false }))
    );
    assert_eq!(world.review("root", access, list.clone()).await, (201, json!({ "allowed": true })));
    let both = json!({ "resourceAttributes": {}, "nonResourceAttributes": {} });
    for spec in [json!({}), both] {
        let (code, status) = world.review("root", access, spec).await;
        assert_eq!((code, &status["reason"]), (422, &json!("Invalid")));
    }
    // About others only for who may ask.
    let others = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    let mut spec = list.clone();
    spec["user"] = json!("carol");
    spec["groups"] = json!(["system:masters"]);
    assert_eq!(world.review("alice", others, spec.clone()).await.0, 403);
    assert_eq!(world.review("root", others, spec.clone()).await.1, json!({ "allowed": true }));
    spec["groups"] = json!([]);
    assert_eq!(world.review("root", others, spec.clone()).await.1, json!({ "allowed": false }));
    let local = "/apis/authorization.k8s.io/v1/namespaces/default/localsubjectaccessreviews";
    assert_eq!(world.review("root", local, spec.clone()).await.1, json!({ "allowed": false }));
    let elsewhere = local.replace("default", "other");
    assert_eq!(world.review("root", &elsewhere, spec).await.0, 422);
    let rules = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
    let (_, told) = world.review("alice", rules, json!({ "namespace": "default" })).await;
    assert_eq!(told["incomplete"], false);
    let named = |field: &str, text: &str| told[field].to_string().contains(text);
    assert!(named("resourceRules", "selfsubjectreviews") && named("nonResourceRules", "/healthz"));
    assert!(!named("resourceRules", "\"*\""));
    assert_eq!(world.review("alice", rules, json!({})).await.0, 400);
}

#[tokio::test]
async fn tokens_are_given_out_reviewed_and_bound() {
    let world = World::new().await;
    let account = "/api/v1/namespaces/default/serviceaccounts/robot/token";
    assert_eq!(world.ask("alice", "POST", account, json!({})).await.0, 403);
    let wanted = json!({ "spec": { "audiences": ["vault"], "expirationSeconds": 600 } });
    let (code, answer) = world.ask("root", "POST", account, wanted).await;
    assert_eq!((code, &answer["kind"]), (201, &json!("TokenRequest")));
    assert!(answer["status"]["expirationTimestamp"].as_str().unwrap().ends_with('Z'));
    let vault = answer["status"]["token"].as_str().unwrap().to_owned();
    assert_eq!(world.ask(&vault, "GET", "/version", Value::Null).await.0, 401, "it is not for us");
    let (_, answer) = world.ask("root", "POST", account, json!({})).await;
    let own = answer["status"]["token"].as_str().unwrap().to_owned();
    assert_eq!(world.ask(&own, "GET", "/version", Value::Null).await.0, 200);
    let reviews = "/apis/authentication.k8s.io/v1/tokenreviews";
    let review = async |token: &str, audiences: &[&str]| {
        let spec = json!({ "token": token, "audiences": audiences });
        world.review("root", reviews, spec).await.1
    };
    assert_eq!(world.review("alice", reviews, json!({ "token": own })).await.0, 403);
    let told = review(&own, &[]).await;
    assert_eq!(told["authenticated"], true);
    assert_eq!(told["user"]["username"], "system:serviceaccount:default:robot");
    assert_eq!(told["audiences"], json!(["https://cluster.test"]));
    assert_eq!(review(&vault, &["vault", "bank"]).await["audiences"], json!(["vault"]));
    let bad: [(&str, &[&str]); 3] = [(&vault, &["bank"]), ("guessed", &[]), ("alice", &["vault"])];
    for (token, audiences) in bad {
        let told = review(token, audiences).await;
        assert_eq!(told["authenticated"], false, "{token:.9}");
        assert!(told["error"].is_string());
    }
    assert_eq!(review("alice", &[]).await["user"]["username"], "alice");
}

fn role(rules: Value) -> Value {
    json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": { "name": "r" }, "rules": rules })
}

/// Lets alice write roles and read one map.
async fn let_alice_write_roles(world: &World) {
    let roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
    let own = json!([
        { "verbs": ["*"], "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"] },
        { "verbs": ["get"], "apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["a"] },
    ]);
    let mut role = role(own);
    // All verbs of roles, but not the one that gives everything away.
    role["rules"][0]["verbs"] = json!(["create", "get", "update", "patch"]);
    role["metadata"]["name"] = json!("own");
    assert_eq!(world.ask("root", "POST", &format!("{roles}/roles"), role).await.0, 201);
    let binding = json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": { "name": "own" }, "roleRef": { "kind": "Role", "name": "own" },
        "subjects": [{ "kind": "User", "name": "alice" }] });
    assert_eq!(world.ask("root", "POST", &format!("{roles}/rolebindings"), binding).await.0, 201);
}

#[tokio::test]
async fn no_way_of_writing_a_role_gives_more_than_its_writer_has() {
    let world = World::new().await;
    let_alice_write_roles(&world).await;
    let all = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles";
    let (one, own) = (format!("{all}/r"), format!("{all}/own"));
    let map = |names: Value| json!([{ "verbs": ["get"], "apiGroups": [""], "resources": ["configmaps"], "resourceNames": names }]);
    let before = world.objects.store().status().revision;
    let more = [
        map(json!(["b"])),
        map(json!([])),
        // What is stored as if it were absent is judged so.
        map(Value::Null),
        json!([{ "verbs": ["get"], "apiGroups": null, "resources": ["configmaps"] }, { "verbs": ["get"], "apiGroups": [""], "resources": ["pods"] }]),
        json!("everything"),
    ];
    for rules in more {
        for (method, path) in [("POST", all), ("PUT", own.as_str()), ("PATCH", own.as_str())] {
            let mut role = role(rules.clone());
            if method != "POST" {
                role["metadata"]["name"] = json!("own");
            }
            let (code, status) = world.ask("alice", method, path, role).await;
            assert!(matches!(code, 400 | 403 | 422), "{method} {rules}: {status}");
        }
        let applied = format!("{one}?fieldManager=alice&force=true");
        let headers = [("content-type", "application/apply-patch+yaml")];
        let (code, _) = world.apply("alice", &applied, &headers, role(rules.clone())).await;
        assert!(matches!(code, 400 | 403 | 422), "apply {rules}");
    }
    assert_eq!(world.objects.store().status().revision, before, "nothing was written");
    let (code, status) = world.ask("alice", "POST", all, role(map(json!(["a"])))).await;
    assert_eq!(code, 201, "{status}");
    let (code, status) = world.ask("alice", "POST", all, role(json!([]))).await;
    assert_eq!(code, 409, "{status}");
}

impl World {
    async fn apply(
        &self,
        token: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> (u16, Value) {
        let mut request = Request::builder().method("PATCH").uri(path);
        request = request.header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Full::new(Bytes::from(body.to_string()));
        let answer = self.api.handle(request.body(body).unwrap()).await;
        let code = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (code, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }
}

#[tokio::test]
async fn an_apply_that_creates_needs_the_verb_create() {
    let world = World::new().await;
    let group = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
    let patcher = json!([{ "verbs": ["patch"], "apiGroups": [""], "resources": ["configmaps"] }]);
    assert_eq!(world.ask("root", "POST", &format!("{group}/roles"), role(patcher)).await.0, 201);
    let binding = json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": { "name": "r" }, "roleRef": { "kind": "Role", "name": "r" },
        "subjects": [{ "kind": "User", "name": "alice" }] });
    assert_eq!(world.ask("root", "POST", &format!("{group}/rolebindings"), binding).await.0, 201);
    let path = format!("{MAPS}/a?fieldManager=x");
    let headers = [("content-type", "application/apply-patch+yaml")];
    let (code, status) = world.apply("alice", &path, &headers, map("a")).await;
    assert_eq!(code, 403);
    assert!(status["message"].as_str().unwrap().contains("cannot create resource"), "{status}");
    assert_eq!(world.apply("root", &path, &headers, map("a")).await.0, 201);
    assert_eq!(world.apply("alice", &path, &headers, map("a")).await.0, 200);
}

#[tokio::test]
async fn being_somebody_else_must_be_allowed_whole() {
    let world = World::new().await;
    let who = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let headers = [
        ("impersonate-user", "carol"),
        ("impersonate-group", "dev"),
        ("impersonate-extra-team", "a"),
    ];
    let (code, told) = world.ask_with("root", "POST", who, &headers, json!({})).await;
    assert_eq!(code, 201);
    let expected = json!({
        "username": "carol", "groups": ["dev", "system:authenticated"], "extra": { "team": ["a"] },
    });
    assert_eq!(told["status"]["userInfo"], expected);
    assert_eq!(world.ask_with("root", "GET", MAPS, &headers, Value::Null).await.0, 403);
    assert_eq!(world.ask_with("alice", "POST", who, &headers, json!({})).await.0, 403);
    let masters = [("impersonate-group", "system:masters")];
    assert_eq!(world.ask_with("alice", "GET", MAPS, &masters, Value::Null).await.0, 400);
    assert_eq!(world.ask_with("", "POST", who, &headers, json!({})).await.0, 401);
}
