//! An executor over a scripted engine, and specifications for tests.

use super::fake::FakeEngine;
use crate::options::{DockerOptions, PullPolicy};
use crate::{DockerExecutor, names};
use quorate_executor::{Executor, Resources, Started, TaskId, TaskSpec};
use quorate_seams::{Seams, SystemClock};
use quorate_types::Uid;
use std::sync::Arc;
use std::time::Duration;

/// A task of some pod.
pub(crate) fn spec(name: &str) -> TaskSpec {
    TaskSpec {
        id: TaskId { pod: Uid::from_random(7), name: name.to_owned(), attempt: 0 },
        namespace: "default".into(),
        pod_name: "pod".into(),
        node: "node-1".into(),
        image: "probe:1".into(),
        command: Vec::new(),
        args: Vec::new(),
        env: Vec::new(),
        working_dir: None,
        resources: Resources::default(),
        mounts: Vec::new(),
        log_path: "/nonexistent/log".into(),
        pod_dir: "/tmp".into(),
    }
}

/// An executor over an engine that has the probe's image.
pub(crate) struct Node {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) engine: FakeEngine,
    pub(crate) executor: Arc<DockerExecutor>,
    pub(crate) spec: TaskSpec,
    pub(crate) name: String,
}

impl Node {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl Fn(&mut DockerOptions)) -> Self {
        let (dir, engine) = (tempfile::tempdir().unwrap(), FakeEngine::default());
        engine.world().images.insert("probe:1".to_owned());
        let mut spec = spec("web");
        spec.log_path = dir.path().join("log");
        let mut options = DockerOptions::new("node-1", dir.path().join("notes"));
        options.pull = PullPolicy::IfMissing;
        // Only calls that hang wait for it.
        options.call_timeout = Duration::from_millis(200);
        change(&mut options);
        let executor = open(&engine, options).await;
        let name = names::container(&spec.id);
        Self { dir, engine, executor, spec, name }
    }

    /// A new executor over the same engine and notes, as after a restart of the agent.
    pub(crate) async fn restart(&mut self) {
        let options = DockerOptions::new("node-1", self.dir.path().join("notes"));
        self.executor = open(&self.engine, options).await;
    }

    pub(crate) async fn run(&self) -> Started {
        self.executor.create(&self.spec).await.unwrap();
        self.executor.start(&self.spec.id).await.unwrap()
    }
}

async fn open(engine: &FakeEngine, options: DockerOptions) -> Arc<DockerExecutor> {
    DockerExecutor::over(Arc::new(engine.clone()), options, Seams::system()).await.unwrap()
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let clock = SystemClock::shared();
    for _ in 0..6000 {
        if is_so().await {
            return;
        }
        clock.sleep(Duration::from_millis(5)).await;
    }
    panic!("never so: {what}");
}
