//! The whole path with real processes.

use crate::world::{NODE, condition, key};
use quorate_agent::{Agent, AgentOptions, LogOptions, StopMode};
use quorate_executor::SharedExecutor;
use quorate_kinds::{Pod, PodStatus};
use quorate_process::testing::shim_program;
use quorate_process::{ProcessExecutor, ProcessOptions, ShimCommand};
use quorate_reconcile::Cache;
use quorate_resources::{DeleteOptions, Objects};
use quorate_seams::{Seams, SharedClock};
use quorate_store::MemoryStore;
use quorate_types::GroupKind;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

struct Machine {
    objects: Objects,
    cache: Arc<Cache>,
    clock: SharedClock,
    dir: tempfile::TempDir,
}

impl Machine {
    async fn new() -> Self {
        let seams = Seams::system();
        let clock = seams.clock.clone();
        let store = MemoryStore::new(clock.clone());
        let objects = Objects::new(store, Arc::new(quorate_kinds::registry()), seams);
        let cache = Cache::start(objects.clone()).await.unwrap();
        let machine = Self { objects, cache, clock, dir: tempfile::tempdir().unwrap() };
        let metadata = json!({"name": "shop"});
        machine
            .create(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}))
            .await;
        machine
    }

    async fn create(&self, object: serde_json::Value) {
        self.objects.create(serde_json::from_value(object).unwrap()).await.unwrap();
    }

    async fn agent(&self, shim: &Path) -> Agent {
        let mut options = ProcessOptions::new(self.dir.path().join("run"));
        options.shim = ShimCommand::Program(shim.to_owned());
        let executor = ProcessExecutor::new(options, self.objects.seams().clone()).unwrap();
        let options = AgentOptions::new(NODE, self.dir.path()).executor(executor as SharedExecutor);
        Agent::builder(self.objects.clone(), self.cache.clone(), options).start().await.unwrap()
    }

    async fn pod(&self, name: &str, script: &str) {
        let main = json!({"name": "main", "image": "file:///bin/sh", "command": ["/bin/sh", "-c", script]});
        let spec = json!({
            "nodeName": NODE, "terminationGracePeriodSeconds": 2, "containers": [main],
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
        let ready = |status: &PodStatus| condition(status, "Ready").as_deref() == Some("True");
        self.status(name, |status| ready(status).then(|| status.clone())).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_processes_start_outlive_the_agent_are_reported_and_leave_nothing() {
    let Some(shim) = shim_program() else {
        println!("SKIP: quorate-shim is not built; cargo build -p quorate-process makes it");
        return;
    };
    let machine = Machine::new().await;
    let agent = machine.agent(&shim).await;
    machine.pod("warm", "exec sleep 600").await;
    let before = machine.ready("warm").await;
    let mut took = Vec::new();
    for at in 0..10 {
        let (name, began) = (format!("web-{at}"), machine.clock.now());
        machine.pod(&name, "echo hello; exec sleep 600").await;
        machine.ready(&name).await;
        took.push(machine.clock.now() - began);
    }
    took.sort();
    println!("pod created to running written: p50 {:?}, max {:?}", took[5], took[9]);
    let log = machine.cache.until(&machine.clock, LIMIT, |_| Some(())).await;
    assert!(log.is_some());
    machine.pod("brief", "exit 7").await;
    let code = machine.status("brief", |status| {
        let last = status.container_statuses.as_ref()?[0].last_state.clone()?;
        Some(last.terminated?.exit_code)
    });
    assert_eq!(code.await, 7);
    let text = agent.logs(&key("web-0"), None, LogOptions::default()).await.unwrap();
    assert_eq!(text, "hello\n");
    agent.kill();
    let agent = machine.agent(&shim).await;
    machine.pod("late", "exec sleep 600").await;
    machine.ready("late").await;
    let after = machine.ready("warm").await;
    assert_eq!(after.container_statuses, before.container_statuses, "adopted, not restarted");
    for name in ["warm", "brief", "late"] {
        let options = DeleteOptions::default();
        let deleted = machine.objects.delete(&GroupKind::new("", "Pod"), &key(name), options).await;
        assert!(!deleted.unwrap().is_removed());
        let gone = machine.cache.until(&machine.clock, LIMIT, |snapshot| {
            snapshot.get::<Pod>(&key(name)).is_none().then_some(())
        });
        gone.await.unwrap();
    }
    agent.stop(StopMode::StopTasks { grace: Duration::from_secs(1) }).await.unwrap();
    agent.kill_workloads().await.unwrap();
    assert_eq!(std::fs::read_dir(machine.dir.path().join("run")).unwrap().count(), 0);
}
