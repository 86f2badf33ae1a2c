//! A control plane in memory behind a server: controllers, one node, and a stand-in for its agent
//! that calls every pod running and lets go of every deleted one; what runs `true` succeeds at once, and
//! what runs `false` fails. Open to everybody, or with TLS and users.

use futures::StreamExt;
use quorate_reconcile::{Cache, Running, Runtime};
use quorate_resources::{DeleteOptions, GroupKind, Object, Objects};
use quorate_seams::{Seams, Task, spawn};
use quorate_server::access::{Access, AccountTokens, Certificates, Rbac, Tokens, User};
use quorate_server::pki::{Authority, Pki};
use quorate_server::{Api, Kubeconfig, KubeconfigUser, Server, ServerOptions, ServerTls};
use quorate_store::{EventKind, MemoryStore, WatchRequest};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

pub(crate) struct World {
    pub(crate) objects: Objects,
    pub(crate) server: Server,
    /// With TLS, clients take address and credentials from a file.
    pub(crate) url: Option<String>,
    _controllers: Running,
    _agent: Task<()>,
}

impl World {
    pub(crate) async fn start() -> Self {
        let (objects, controllers, agent) = Self::parts().await;
        let server = Server::start(Api::new(objects.clone()), "127.0.0.1:0").await.unwrap();
        let url = Some(format!("http://{}", server.address()));
        Self { objects, server, url, _controllers: controllers, _agent: agent }
    }

    /// With TLS, certificates, tokens, service accounts and roles. In the directory are `kubeconfig` of
    /// the administrator, certificates of `alice`, and one of `eve` that another authority signed.
    pub(crate) async fn secured(home: &Path) -> Self {
        let (objects, controllers, agent) = Self::parts().await;
        let now = objects.seams().clock.wall();
        let pki = Pki::open(&home.join("pki"), &["127.0.0.1".to_owned()], now).unwrap();
        let own = Authority::from_pem(&pki.authority, &file(home, "pki/ca.key")).unwrap();
        let other = Authority::create("quorate", now).unwrap();
        for (name, authority) in [("alice", &own), ("eve", &other)] {
            let pair = authority.client(&User::new(name).with_group("dev"), now).unwrap();
            std::fs::write(home.join(format!("{name}.crt")), pair.certificate).unwrap();
            std::fs::write(home.join(format!("{name}.key")), pair.key).unwrap();
        }
        let api = Api::new(objects.clone()).with_access(access(&objects, &pki).await);
        let (pair, authority) = (&pki.server, pki.authority.as_bytes());
        let tls = ServerTls::new(pair.certificate.as_bytes(), pair.key.as_bytes(), Some(authority));
        let options = ServerOptions::new().tls(tls.unwrap());
        let server = Server::start_with(api, "127.0.0.1:0", options).await.unwrap();
        let admin = KubeconfigUser::Certificate(pki.admin.clone());
        let config = Kubeconfig::new("test", format!("https://{}", server.address()));
        let config = config.authority(pki.authority).user(admin);
        config.write(&home.join("kubeconfig")).unwrap();
        Self { objects, server, url: None, _controllers: controllers, _agent: agent }
    }

    async fn parts() -> (Objects, Running, Task<()>) {
        let seams = Seams::system();
        let store = MemoryStore::new(seams.clock.clone());
        let mut objects = Objects::new(store, Arc::new(quorate_kinds::registry()), seams);
        for plugin in quorate_controllers::admission() {
            objects = objects.with_admission(plugin);
        }
        for name in ["default", "kube-system", "kube-node-lease"] {
            let space =
                json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
            create(&objects, space).await;
        }
        node(&objects).await;
        let cache = Cache::start(objects.clone()).await.unwrap();
        let controllers = Runtime::builder(objects.clone(), cache)
            .reconcilers(
                quorate_controllers::all(quorate_controllers::ControllerOptions::default()),
            )
            .start();
        let agent = spawn(agent(objects.clone()));
        (objects, controllers, agent)
    }
}

fn file(home: &Path, name: &str) -> String {
    std::fs::read_to_string(home.join(name)).unwrap()
}

/// Everybody who can be known, and roles.
async fn access(objects: &Objects, pki: &Pki) -> Access {
    let clock = objects.seams().clock.clone();
    let certificates = Certificates::new(pki.authority.as_bytes(), clock).unwrap();
    let tokens = Tokens::parse("bob-token,bob,7,\"ops,night\"\n").unwrap();
    let key = pki.account_key.as_bytes();
    let accounts = AccountTokens::new(objects.clone(), key, "https://cluster.test").unwrap();
    let rbac = Arc::new(Rbac::new(objects.clone()));
    rbac.bootstrap().await.unwrap();
    Access::new()
        .with_authenticator(Arc::new(certificates))
        .with_authenticator(Arc::new(tokens))
        .with_accounts(Arc::new(accounts))
        .with_anonymous()
        .with_rbac(rbac)
}

pub(crate) async fn create(objects: &Objects, value: Value) -> Object {
    objects.create(Object::from_value(value).unwrap()).await.unwrap()
}

async fn node(objects: &Objects) {
    let node = json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": { "name": "node-1", "labels": { "kubernetes.io/hostname": "node-1" } },
    });
    let mut node = create(objects, node).await;
    let amounts = json!({ "cpu": "4", "memory": "8Gi", "pods": "110" });
    let now = node.metadata.creation_timestamp.clone();
    node.body.insert("status".into(), json!({
        "capacity": amounts, "allocatable": amounts,
        "conditions": [{
            "type": "Ready", "status": "True", "reason": "KubeletReady", "message": "ready",
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        }],
        "addresses": [{ "type": "InternalIP", "address": "10.1.0.1" }],
        "nodeInfo": {
            "kubeletVersion": "v1.32.0", "osImage": "Linux", "kernelVersion": "6.1",
            "containerRuntimeVersion": "process://1", "architecture": "amd64", "bootID": "b",
            "kubeProxyVersion": "", "machineID": "m", "operatingSystem": "linux", "systemUUID": "s",
        },
    }));
    objects.update_status(node).await.unwrap();
}

/// Sees every pod change; what fails because the pod has changed again is seen again.
async fn agent(objects: Objects) {
    let kind = GroupKind::new("", "Pod");
    let range = objects.key_range(&kind, None).unwrap();
    let mut changes = objects.store().watch(WatchRequest::new(range)).await.unwrap();
    while let Some(Ok(batch)) = changes.next().await {
        for event in batch.events.iter().filter(|event| event.kind == EventKind::Put) {
            let pod = quorate_resources::decode_stored(&event.kv).unwrap();
            let _ = act(&objects, &kind, pod).await;
        }
    }
}

async fn act(
    objects: &Objects,
    kind: &GroupKind,
    mut pod: Object,
) -> Result<(), quorate_resources::Error> {
    if pod.metadata.is_deleting() {
        let now = DeleteOptions { grace_seconds: Some(0), ..DeleteOptions::default() };
        return objects.delete(kind, &pod.key(), now).await.map(drop);
    }
    if pod.pointer("/spec/nodeName").is_none() {
        pod.body["spec"]["nodeName"] = json!("node-1");
        return objects.update(pod).await.map(drop);
    }
    let phase = pod.pointer("/status/phase").and_then(Value::as_str).unwrap_or_default();
    if matches!(phase, "Running" | "Succeeded" | "Failed") {
        return Ok(());
    }
    if let Some(end) = end(&pod) {
        pod.body.insert("status".into(), end);
        return objects.update_status(pod).await.map(drop);
    }
    let now = pod.metadata.creation_timestamp.clone();
    let statuses: Vec<Value> = pod.body["spec"]["containers"].as_array().into_iter().flatten().map(|container| json!({
        "name": container["name"], "image": container["image"], "imageID": "", "ready": true,
        "started": true, "restartCount": 0, "state": { "running": { "startedAt": now } },
    })).collect();
    let condition =
        |kind: &str| json!({ "type": kind, "status": "True", "lastTransitionTime": now });
    pod.body.insert("status".into(), json!({
        "phase": "Running", "podIP": "10.2.0.1", "hostIP": "10.1.0.1", "startTime": now,
        "conditions": [condition("PodScheduled"), condition("Initialized"), condition("ContainersReady"), condition("Ready")],
        "containerStatuses": statuses,
    }));
    objects.update_status(pod).await.map(drop)
}

/// The status of a pod whose one container ends at once, if it does.
fn end(pod: &Object) -> Option<Value> {
    let container = pod.pointer("/spec/containers/0")?;
    let code = match container["image"].as_str()?.split(':').next()? {
        "true" => 0,
        "false" => 1,
        _ => return None,
    };
    let (phase, reason) = if code == 0 { ("Succeeded", "Completed") } else { ("Failed", "Error") };
    let now = &pod.metadata.creation_timestamp;
    let ended = json!({ "exitCode": code, "reason": reason, "startedAt": now, "finishedAt": now });
    Some(json!({
        "phase": phase, "podIP": "10.2.0.1", "startTime": now,
        "containerStatuses": [{
            "name": container["name"], "image": container["image"], "imageID": "", "ready": false,
            "restartCount": 0, "state": { "terminated": ended },
        }],
    }))
}
