//! The whole path: pods of a control plane in memory, an agent, real containers.

use crate::bench::Bench;
use quorate_agent::{Agent, AgentOptions, LogOptions, StopMode};
use quorate_docker::DockerExecutor;
use quorate_executor::{Executor, SharedExecutor};
use quorate_kinds::{Pod, PodStatus};
use quorate_reconcile::Cache;
use quorate_resources::{DeleteOptions, Objects};
use quorate_seams::{Seams, SharedClock};
use quorate_store::MemoryStore;
use quorate_types::{GroupKind, ObjectKey};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const NODE: &str = "node-1";
const LIMIT: Duration = Duration::from_secs(60);

struct Machine {
    objects: Objects,
    cache: Arc<Cache>,
    clock: SharedClock,
    dir: tempfile::TempDir,
    bench: Bench,
}

impl Machine {
    async fn new(dir: tempfile::TempDir, bench: Bench) -> Self {
        let seams = Seams::system();
        let clock = seams.clock.clone();
        let store = MemoryStore::new(clock.clone());
        let objects = Objects::new(store, Arc::new(quorate_kinds::registry()), seams);
        let cache = Cache::start(objects.clone()).await.unwrap();
        let machine = Self { objects, cache, clock, dir, bench };
        let metadata = json!({"name": "shop"});
        machine
            .create(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}))
            .await;
        machine
    }

    async fn create(&self, object: Value) {
        self.objects.create(serde_json::from_value(object).unwrap()).await.unwrap();
    }

    async fn agent(&self) -> Agent {
        let seams = self.objects.seams().clone();
        let executor = DockerExecutor::connect(self.bench.options.clone(), seams).await.unwrap();
        let dir = self.dir.path().join("agent");
        let options = AgentOptions::new(NODE, dir).executor(executor as SharedExecutor);
        Agent::builder(self.objects.clone(), self.cache.clone(), options).start().await.unwrap()
    }

    /// A pod whose probe reads a file of a ConfigMap before it does its steps.
    async fn pod(&self, name: &str, steps: &[&str]) {
        let args: Vec<&str> = ["read=/etc/shop/greeting"].iter().chain(steps).copied().collect();
        let main = json!({
            "name": "main", "image": self.bench.image, "args": args,
            "volumeMounts": [{"name": "settings", "mountPath": "/etc/shop", "readOnly": true}],
        });
        let spec = json!({
            "nodeName": NODE, "runtimeClassName": "docker", "terminationGracePeriodSeconds": 1,
            "containers": [main],
            "volumes": [{"name": "settings", "configMap": {"name": "settings"}}],
        });
        let metadata = json!({"name": name, "namespace": "shop"});
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec});
        self.create(pod).await;
    }

    async fn status<T>(&self, name: &str, mut f: impl FnMut(&PodStatus) -> Option<T>) -> T {
        let mut last = None;
        let found = self.cache.until(&self.clock, LIMIT, |snapshot| {
            last = snapshot.get::<Pod>(&key(name))?.value.status.clone();
            f(last.as_ref()?)
        });
        let found = found.await;
        found.unwrap_or_else(|| panic!("{name}: {last:#?}"))
    }

    async fn ready(&self, name: &str) -> PodStatus {
        self.status(name, |status| is_ready(status).then(|| status.clone())).await
    }

    async fn delete(&self, name: &str) {
        let options = DeleteOptions::default();
        self.objects.delete(&GroupKind::new("", "Pod"), &key(name), options).await.unwrap();
        let gone = self.cache.until(&self.clock, LIMIT, |snapshot| {
            snapshot.get::<Pod>(&key(name)).is_none().then_some(())
        });
        gone.await.unwrap();
    }
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::namespaced("shop", name)
}

fn is_ready(status: &PodStatus) -> bool {
    let conditions = status.conditions.iter().flatten();
    conditions.into_iter().any(|found| found.type_ == "Ready" && found.status == "True")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_run_as_containers_outlive_the_agent_and_leave_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let bench = match Bench::open(dir.path()).await {
        Ok(bench) => bench,
        Err(reason) => {
            println!("SKIP: no usable Docker Engine here: {reason}");
            return;
        }
    };
    let machine = Machine::new(dir, bench).await;
    let metadata = json!({"name": "settings", "namespace": "shop"});
    let data = json!({"greeting": "hello from the store"});
    machine
        .create(
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}),
        )
        .await;
    let agent = machine.agent().await;
    machine.pod("warm", &["out=up", "hang"]).await;
    machine.pod("brief", &["exit=7"]).await;
    let before = machine.ready("warm").await;
    let code = machine.status("brief", |status| {
        let last = status.container_statuses.as_ref()?[0].last_state.clone()?;
        Some(last.terminated?.exit_code)
    });
    assert_eq!(code.await, 7);
    let mut text = String::new();
    while !text.ends_with("up\n") {
        text = agent.logs(&key("warm"), None, LogOptions::default()).await.unwrap();
        machine.clock.sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(text, "read hello from the store\nup\n");
    agent.kill();
    let agent = machine.agent().await;
    machine.pod("late", &["hang"]).await;
    machine.ready("late").await;
    let after = machine.ready("warm").await;
    assert_eq!(after.container_statuses, before.container_statuses, "adopted, not restarted");
    for name in ["warm", "brief", "late"] {
        machine.delete(name).await;
    }
    agent.stop(StopMode::StopTasks { grace: Duration::from_secs(1) }).await.unwrap();
    assert!(machine.bench.executor.adopt().await.unwrap().is_empty(), "no container is left");
    machine.bench.clean().await;
}
