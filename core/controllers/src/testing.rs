//! A control plane in memory with a tiny stand-in for scheduler and agents, for tests.

use quorate_kinds::Pod;
use quorate_reconcile::{Cache, Reconciler, Running, Runtime, Snapshot};
use quorate_resources::{DeleteOptions, Object, Objects, Propagation};
use quorate_seams::{
    Clock, ManualClock, OsDisk, Seams, SeededRandom, SharedClock, SystemClock, Task, spawn,
};
use quorate_store::{MemoryStore, Store};
use quorate_types::{GroupKind, ObjectKey, Revision};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a test waits for something that must happen.
const LIMIT: Duration = Duration::from_secs(30);
/// The namespace of everything in these tests.
pub(crate) const SHOP: &str = "shop";

/// Store, objects, cache and clock of one test.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) objects: Objects,
    pub(crate) cache: Arc<Cache>,
    /// For limits of waiting only.
    real: SharedClock,
}

/// The kind in a text such as `apps/Deployment` or `/Pod`.
pub(crate) fn kind(text: &str) -> GroupKind {
    let (group, kind) = text.split_once('/').unwrap_or(("", text));
    GroupKind::new(group, kind)
}

impl World {
    /// A control plane with the namespaces `shop` and `kube-node-lease`.
    pub(crate) async fn new() -> Self {
        let clock = ManualClock::new();
        let store = MemoryStore::new(clock.clone());
        let seams = Seams {
            clock: clock.clone(),
            random: Arc::new(SeededRandom::new(7)),
            disk: Arc::new(OsDisk),
        };
        let objects = Objects::new(store.clone(), Arc::new(quorate_kinds::registry()), seams);
        let cache = Cache::start(objects.clone()).await.unwrap();
        let world = Self { store, clock, objects, cache, real: SystemClock::shared() };
        for name in [SHOP, "kube-node-lease", "default"] {
            let namespace =
                json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
            world.create(object(namespace)).await;
        }
        world
    }

    pub(crate) fn start(&self, reconcilers: Vec<Arc<dyn Reconciler>>) -> Running {
        Runtime::builder(self.objects.clone(), Arc::clone(&self.cache))
            .reconcilers(reconcilers)
            .start()
    }

    pub(crate) async fn create(&self, object: Object) -> Object {
        let what = format!("{} {}", object.kind, object.key());
        self.objects.create(object).await.unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    pub(crate) fn revision(&self) -> Revision {
        self.store.status().revision
    }

    /// The cache once it has seen everything written so far.
    pub(crate) async fn settled(&self) -> Snapshot {
        self.cache
            .wait_for(
                self.store.range(quorate_store::RangeRequest::key("x")).await.unwrap().revision,
            )
            .await
    }

    /// Waits until the cache fulfils a condition.
    pub(crate) async fn until<T>(&self, what: &str, f: impl FnMut(&Snapshot) -> Option<T>) -> T {
        match self.cache.until(&self.real, LIMIT, f).await {
            Some(found) => found,
            None => panic!("{what}: never happened; {:#?}", dump(&self.cache.snapshot())),
        }
    }

    /// The pods of the namespace, once they fulfil a condition.
    pub(crate) async fn pods_when(
        &self,
        what: &str,
        mut f: impl FnMut(&[Arc<Object>]) -> bool,
    ) -> Vec<Arc<Object>> {
        self.until(what, |snapshot| {
            let pods = pods(snapshot);
            f(&pods).then_some(pods)
        })
        .await
    }

    /// The status of an object, once it fulfils a condition.
    pub(crate) async fn status_when(
        &self,
        of: &str,
        name: &str,
        mut f: impl FnMut(&Value) -> bool,
    ) -> Value {
        let (kind, key) = (kind(of), ObjectKey::namespaced(SHOP, name));
        self.until(&format!("status of {of} {name}"), |snapshot| {
            let status = snapshot.object(&kind, &key)?.body.get("status")?.clone();
            f(&status).then_some(status)
        })
        .await
    }

    /// Changes an object, whoever else writes meanwhile.
    pub(crate) async fn edit(&self, of: &str, key: ObjectKey, f: impl Fn(&mut Object)) {
        loop {
            let mut object = self.objects.get(&kind(of), &key).await.unwrap();
            f(&mut object);
            match self.objects.update(object).await {
                Err(error) if error.is_conflict() => {}
                result => return drop(result.unwrap()),
            }
        }
    }

    pub(crate) async fn edit_pod(&self, name: &str, f: impl Fn(&mut Object)) {
        self.edit("/Pod", ObjectKey::namespaced(SHOP, name), f).await;
    }

    pub(crate) async fn set_pod_status(&self, name: &str, status: Value) {
        let mut pod =
            self.objects.get(&kind("/Pod"), &ObjectKey::namespaced(SHOP, name)).await.unwrap();
        pod.metadata.resource_version = None;
        pod.body.insert("status".into(), status);
        self.objects.update_status(pod).await.unwrap();
    }

    /// What an agent does once a pod that is being deleted has ended.
    pub(crate) async fn confirm_end(&self, pod: &str) {
        let options = DeleteOptions { grace_seconds: Some(0), ..DeleteOptions::default() };
        let key = ObjectKey::namespaced(SHOP, pod);
        drop(self.objects.delete(&kind("/Pod"), &key, options).await.unwrap());
    }

    pub(crate) async fn delete(&self, of: &str, namespace: Option<&str>, name: &str) {
        self.delete_as(of, namespace, name, Propagation::Background).await;
    }

    pub(crate) async fn delete_as(
        &self,
        of: &str,
        namespace: Option<&str>,
        name: &str,
        propagation: Propagation,
    ) {
        let key = ObjectKey { namespace: namespace.map(str::to_owned), name: name.to_owned() };
        let options = DeleteOptions { propagation, ..DeleteOptions::default() };
        drop(self.objects.delete(&kind(of), &key, options).await.unwrap());
    }

    /// Lets virtual time pass in small steps, and everyone act in between.
    pub(crate) async fn pass(&self, time: Duration) {
        let end = self.clock.now() + time;
        while self.clock.now() < end {
            let step = (end - self.clock.now()).min(Duration::from_millis(500));
            self.clock.advance(step);
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            self.settled().await;
        }
    }

    /// A stand-in for scheduler and agents: binds each pod to the live node with the fewest pods,
    /// then has it run and be ready, and lets it go when it is deleted.
    pub(crate) fn fleet(&self, nodes: &[&str]) -> Fleet {
        let dead: Arc<Mutex<Vec<String>>> = Arc::default();
        let nodes: Vec<String> = nodes.iter().map(|name| (*name).to_owned()).collect();
        let worker = Worker {
            objects: self.objects.clone(),
            cache: Arc::clone(&self.cache),
            nodes,
            dead: Arc::clone(&dead),
        };
        Fleet { dead, _task: spawn(worker.run()) }
    }

    /// Creates a node with a ready condition and renews its lease once.
    pub(crate) async fn node(&self, name: &str) {
        let node = json!({
            "apiVersion": "v1", "kind": "Node", "metadata": { "name": name },
        });
        let mut node = self.create(object(node)).await;
        node.body.insert(
            "status".into(),
            json!({ "conditions": [{
                "type": "Ready", "status": "True", "reason": "AgentReady", "message": "",
                "lastHeartbeatTime": "2026-01-01T00:00:00Z",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }] }),
        );
        self.objects.update_status(node).await.unwrap();
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": { "name": name, "namespace": "kube-node-lease" },
            "spec": { "holderIdentity": name, "leaseDurationSeconds": 40,
                      "renewTime": "2026-01-01T00:00:00.000000Z" },
        });
        self.create(object(lease)).await;
    }

    /// Renews the lease of a node.
    pub(crate) async fn renew(&self, name: &str) {
        let micros = self.clock.now().0.as_micros();
        let time = format!(
            "2026-01-01T01:{:02}:{:02}.{:06}Z",
            micros / 60_000_000 % 60,
            micros / 1_000_000 % 60,
            micros % 1_000_000
        );
        self.edit(
            "coordination.k8s.io/Lease",
            ObjectKey::namespaced("kube-node-lease", name),
            |lease| {
                crate::edit::set_field(lease, &["spec", "renewTime"], json!(time));
            },
        )
        .await;
    }
}

/// The stand-in at work; dropping it stops it.
#[derive(Debug)]
pub(crate) struct Fleet {
    dead: Arc<Mutex<Vec<String>>>,
    _task: Task<()>,
}

impl Fleet {
    /// The node stops doing anything.
    pub(crate) fn kill(&self, node: &str) {
        self.dead.lock().unwrap().push(node.to_owned());
    }
}

struct Worker {
    objects: Objects,
    cache: Arc<Cache>,
    nodes: Vec<String>,
    dead: Arc<Mutex<Vec<String>>>,
}

impl Worker {
    async fn run(self) {
        let (mut snapshot, mut changes) = self.cache.subscribe();
        loop {
            for pod in pods(&snapshot) {
                self.tend(&snapshot, &pod).await;
            }
            match changes.next().await {
                Some(update) => snapshot = update.snapshot,
                None => return,
            }
        }
    }

    /// One step for one pod. Failures are stale views: the next change shows the pod again.
    async fn tend(&self, snapshot: &Snapshot, pod: &Arc<Object>) {
        let key = pod.key();
        let Some(node) = pod.pointer("/spec/nodeName").and_then(Value::as_str) else {
            let mut bound = (**pod).clone();
            let Some(node) = self.emptiest(snapshot) else { return };
            crate::edit::set_field(&mut bound, &["spec", "nodeName"], json!(node));
            drop(self.objects.update(bound).await);
            return;
        };
        if self.dead.lock().unwrap().iter().any(|dead| dead == node) {
            return;
        }
        if pod.metadata.is_deleting() {
            let options = DeleteOptions { grace_seconds: Some(0), ..DeleteOptions::default() };
            drop(self.objects.delete(&kind("/Pod"), &key, options).await);
        } else if matches!(
            pod.pointer("/status/phase").and_then(Value::as_str),
            None | Some("Pending" | "Unknown")
        ) {
            let mut running = (**pod).clone();
            running.body.insert("status".into(), running_status(&key.name));
            drop(self.objects.update_status(running).await);
        }
    }

    fn emptiest(&self, snapshot: &Snapshot) -> Option<String> {
        let mut load: BTreeMap<&str, usize> = BTreeMap::new();
        let dead = self.dead.lock().unwrap().clone();
        for node in self.nodes.iter().filter(|node| !dead.contains(node)) {
            load.insert(node, 0);
        }
        let pods = pods(snapshot);
        for node in pods.iter().filter_map(|pod| pod.pointer("/spec/nodeName")?.as_str()) {
            if let Some(load) = load.get_mut(node) {
                *load += 1;
            }
        }
        let emptiest = load.into_iter().min_by_key(|(_, load)| *load);
        emptiest.map(|(node, _)| node.to_owned())
    }
}

/// The status of a pod that serves.
pub(crate) fn running_status(seed: &str) -> Value {
    let last = crate::canonical::hash(&json!(seed)) % 250 + 2;
    json!({
        "phase": "Running",
        "podIP": format!("10.0.0.{last}"),
        "conditions": [{
            "type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z",
        }],
    })
}

/// The pods of the namespace.
pub(crate) fn pods(snapshot: &Snapshot) -> Vec<Arc<Object>> {
    snapshot.objects_in(&kind("/Pod"), SHOP).collect()
}

/// How many pods of the namespace serve and are not ending.
pub(crate) fn serving(snapshot: &Snapshot) -> usize {
    let pods = snapshot.list_in::<Pod>(SHOP);
    pods.filter(|pod| crate::pods::is_active(pod) && crate::pods::is_ready(snapshot, pod)).count()
}

fn dump(snapshot: &Snapshot) -> Vec<String> {
    let line = |object: &Arc<Object>| {
        let status = object.body.get("status").map(Value::to_string).unwrap_or_default();
        format!("{} {} {}", object.kind, object.key(), status)
    };
    snapshot.kinds().flat_map(|kind| snapshot.objects(kind)).map(|object| line(&object)).collect()
}

/// An object from JSON.
pub(crate) fn object(value: Value) -> Object {
    Object::from_value(value).unwrap()
}

/// A pod with the label `app` in the namespace.
pub(crate) fn pod(name: &str, app: &str) -> Object {
    object(json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "namespace": SHOP, "labels": { "app": app } },
        "spec": { "containers": [{ "name": "main", "image": "web:1" }] },
    }))
}

fn template(app: &str) -> Value {
    json!({
        "metadata": { "labels": { "app": app } },
        "spec": { "containers": [{
            "name": "main", "image": "web:1", "ports": [{ "name": "http", "containerPort": 8080 }],
        }] },
    })
}

/// A replica set of pods with the label `app` of its name.
pub(crate) fn replica_set(name: &str, replicas: i32) -> Object {
    object(json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": { "name": name, "namespace": SHOP },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": name } },
            "template": template(name),
        },
    }))
}

/// A deployment of pods with the label `app` of its name.
pub(crate) fn deployment(name: &str, replicas: i32) -> Object {
    object(json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": name, "namespace": SHOP },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": name } },
            "strategy": { "type": "RollingUpdate",
                          "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 1 } },
            "template": template(name),
        },
    }))
}

/// A service in front of the pods with the label `app` of its name.
pub(crate) fn service(name: &str) -> Object {
    object(json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": name, "namespace": SHOP },
        "spec": {
            "selector": { "app": name },
            "ports": [{ "name": "web", "port": 80, "targetPort": "http" }],
        },
    }))
}
