//! A control plane in memory and one node.

use crate::fake::FakeExecutor;
use quorate_agent::{Agent, AgentOptions};
use quorate_executor::{SharedExecutor, TaskId};
use quorate_kinds::{Pod, PodStatus};
use quorate_reconcile::{Cache, Snapshot};
use quorate_resources::{DeleteOptions, Object, Objects};
use quorate_seams::{ManualClock, OsDisk, Seams, SeededRandom, SharedClock, SystemClock};
use quorate_store::MemoryStore;
use quorate_types::{GroupKind, ObjectKey, Uid};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// How long a test waits, in real time, for something that must happen.
const LIMIT: Duration = Duration::from_secs(20);

pub(crate) const NODE: &str = "node-1";

pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) real: SharedClock,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) objects: Objects,
    pub(crate) cache: Arc<Cache>,
    pub(crate) executor: Arc<FakeExecutor>,
    pub(crate) dir: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        let clock = ManualClock::new();
        let store = MemoryStore::new(clock.clone());
        let seams = Seams {
            clock: clock.clone(),
            random: Arc::new(SeededRandom::new(7)),
            disk: Arc::new(OsDisk),
        };
        let registry = Arc::new(quorate_kinds::registry());
        let objects = Objects::new(store.clone(), registry, seams);
        let cache = Cache::start(objects.clone()).await.unwrap();
        let world = Self {
            clock,
            real: SystemClock::shared(),
            store,
            objects,
            cache,
            executor: FakeExecutor::new(),
            dir: tempfile::tempdir().unwrap(),
        };
        world
            .create(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}))
            .await;
        world
    }

    pub(crate) async fn create(&self, object: Value) -> Object {
        self.objects.create(serde_json::from_value(object).unwrap()).await.unwrap()
    }

    pub(crate) fn options(&self) -> AgentOptions {
        AgentOptions::new(NODE, self.dir.path()).executor(self.executor.clone() as SharedExecutor)
    }

    pub(crate) async fn agent(&self) -> Agent {
        self.agent_with(self.options()).await
    }

    pub(crate) async fn agent_with(&self, options: AgentOptions) -> Agent {
        Agent::builder(self.objects.clone(), self.cache.clone(), options).start().await.unwrap()
    }

    /// Creates a pod that is bound to the node.
    pub(crate) async fn pod(&self, name: &str, spec: Value) -> Uid {
        let mut spec = spec;
        spec["nodeName"] = NODE.into();
        let metadata = json!({"name": name, "namespace": "shop", "labels": {"app": name}});
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec});
        self.create(pod).await.metadata.uid.unwrap()
    }

    /// A pod with one container.
    pub(crate) async fn simple_pod(&self, name: &str) -> Uid {
        self.pod(name, json!({"containers": [{"name": "main", "image": "app"}]})).await
    }

    pub(crate) async fn delete_pod(&self, name: &str) {
        let options = DeleteOptions::default();
        let deleted = self.objects.delete(&GroupKind::new("", "Pod"), &key(name), options).await;
        assert!(!deleted.unwrap().is_removed(), "a bound pod is only marked");
    }

    /// Waits until the snapshot gives a value.
    pub(crate) async fn until<T>(&self, what: &str, f: impl FnMut(&Snapshot) -> Option<T>) -> T {
        let found = self.cache.until(&self.real, LIMIT, f).await;
        found.unwrap_or_else(|| panic!("never: {what}; {:#?}", self.executor.state()))
    }

    /// Waits until the status of a pod gives a value.
    pub(crate) async fn status<T>(
        &self,
        name: &str,
        what: &str,
        mut f: impl FnMut(&PodStatus) -> Option<T>,
    ) -> T {
        let mut last = None;
        let found = self.cache.until(&self.real, LIMIT, |snapshot| {
            let pod = snapshot.get::<Pod>(&key(name))?;
            last = pod.value.status.clone();
            f(last.as_ref()?)
        });
        let found = found.await;
        found.unwrap_or_else(|| panic!("pod {name} is never {what}; last: {last:#?}"))
    }

    pub(crate) async fn running(&self, name: &str) -> PodStatus {
        self.status(name, "running and ready", |status| ready(status).then(|| status.clone())).await
    }

    /// Waits until the status of the only container waits for the reason; gives the message.
    pub(crate) async fn waiting(&self, name: &str, reason: &str) -> String {
        self.status(name, reason, |status| {
            let state = status.container_statuses.as_ref()?.first()?.state.as_ref()?;
            let waiting = state.waiting.as_ref()?;
            (waiting.reason.as_deref() == Some(reason))
                .then(|| waiting.message.clone().unwrap_or_default())
        })
        .await
    }

    /// Waits until the pod's object is gone.
    pub(crate) async fn gone(&self, name: &str) {
        let kind = GroupKind::new("", "Pod");
        self.until("gone", |snapshot| snapshot.object(&kind, &key(name)).is_none().then_some(()))
            .await;
    }

    /// Waits for a condition that no object shows.
    pub(crate) async fn eventually(&self, what: &str, mut holds: impl FnMut() -> bool) {
        for _ in 0..4000 {
            if holds() {
                return;
            }
            self.real.sleep(Duration::from_millis(5)).await;
        }
        panic!("never: {what}; {:#?}", self.executor.state());
    }

    /// Lets time pass in small steps, each followed by a moment for everyone to act.
    pub(crate) async fn pass(&self, by: Duration) {
        let step = by / 10;
        for _ in 0..10 {
            self.clock.advance(step);
            self.real.sleep(Duration::from_millis(2)).await;
        }
    }
}

pub(crate) fn key(name: &str) -> ObjectKey {
    ObjectKey::namespaced("shop", name)
}

pub(crate) fn task(pod: &Uid, attempt: u32) -> TaskId {
    TaskId { pod: pod.clone(), name: "main".into(), attempt }
}

pub(crate) fn condition(status: &PodStatus, type_: &str) -> Option<String> {
    let conditions = status.conditions.as_ref()?;
    conditions.iter().find(|c| c.type_ == type_).map(|c| c.status.clone())
}

pub(crate) fn ready(status: &PodStatus) -> bool {
    status.phase.as_deref() == Some("Running")
        && condition(status, "Ready").as_deref() == Some("True")
}

pub(crate) fn restarts(status: &PodStatus) -> i32 {
    status.container_statuses.as_ref().map_or(-1, |all| all[0].restart_count)
}
