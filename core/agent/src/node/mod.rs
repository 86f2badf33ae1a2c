//! The node: what all actors share, its object in the API, and its lease.

mod heartbeat;
mod object;

pub(crate) use heartbeat::Heartbeat;

use crate::address::AddressPool;
use crate::journal::Journal;
use crate::machine::PodRecord;
use crate::pod::Doorbell;
use crate::report::Reporter;
use crate::{AgentOptions, AgentStatus};
use quorate_executor::{SharedExecutor, TaskId};
use quorate_reconcile::Cache;
use quorate_resources::Objects;
use quorate_seams::{Seams, spawn_blocking};
use quorate_types::{ObjectKey, Uid};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// The runs of one pod, for readers of logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Runs {
    pub(crate) key: ObjectKey,
    /// The latest attempt of each container.
    pub(crate) attempts: BTreeMap<String, u32>,
}

/// What everything on a node shares.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) options: AgentOptions,
    pub(crate) objects: Objects,
    pub(crate) cache: Arc<Cache>,
    pub(crate) seams: Seams,
    pub(crate) journal: Journal,
    pub(crate) reporter: Arc<Reporter>,
    pub(crate) addresses: Mutex<AddressPool>,
    pub(crate) status: watch::Sender<AgentStatus>,
    doorbells: Mutex<BTreeMap<Uid, (String, Arc<Doorbell>)>>,
    runs: Mutex<BTreeMap<Uid, Runs>>,
}

impl Node {
    pub(crate) fn new(
        options: AgentOptions,
        objects: Objects,
        cache: Arc<Cache>,
        journal: Journal,
    ) -> Self {
        let addresses = Mutex::new(AddressPool::new(options.pod_addresses));
        Self {
            seams: objects.seams().clone(),
            reporter: Arc::default(),
            status: watch::Sender::default(),
            doorbells: Mutex::default(),
            runs: Mutex::default(),
            options,
            objects,
            cache,
            journal,
            addresses,
        }
    }

    /// The executor of a kind; the first one for pods that name none.
    pub(crate) fn executor(&self, kind: &str) -> Option<&SharedExecutor> {
        self.options.executors.iter().find(|executor| executor.kind() == kind)
    }

    /// Why a pod of this runtime class cannot run here.
    pub(crate) fn no_executor(&self, kind: &str) -> String {
        let here: Vec<&str> =
            self.options.executors.iter().map(|executor| executor.kind()).collect();
        let node = &self.options.node_name;
        format!("runtimeClassName {kind:?} is not offered by node {node}, which offers {here:?}")
    }

    /// The directory of a pod.
    pub(crate) fn pod_dir(&self, pod: &Uid) -> PathBuf {
        self.options.dir.join("pods").join(pod.as_str())
    }

    /// The log file of one run.
    pub(crate) fn log_path(&self, task: &TaskId) -> PathBuf {
        let name = format!("{}-{}.log", task.name, task.attempt);
        self.pod_dir(&task.pod).join("logs").join(name)
    }

    /// Removes the directory of a pod; absent is success.
    pub(crate) async fn remove_pod_dir(&self, pod: &Uid) -> io::Result<()> {
        let dir = self.pod_dir(pod);
        let removed = spawn_blocking(move || std::fs::remove_dir_all(dir)).await;
        match removed.unwrap_or(Ok(())) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Registers the doorbell of a pod's actor.
    pub(crate) fn hang_up(&self, pod: &Uid, namespace: &str, doorbell: Arc<Doorbell>) {
        lock(&self.doorbells).insert(pod.clone(), (namespace.to_owned(), doorbell));
    }

    /// Tells a pod's actor that a task may have changed.
    pub(crate) fn ring(&self, pod: &Uid) {
        if let Some((_, doorbell)) = lock(&self.doorbells).get(pod) {
            doorbell.tasks_changed();
        }
    }

    /// Tells the actors of a namespace that a ConfigMap or Secret has changed.
    pub(crate) fn ring_namespace(&self, namespace: &str) {
        for (of, doorbell) in lock(&self.doorbells).values() {
            if of == namespace {
                doorbell.sources_changed();
            }
        }
    }

    /// Lets readers of logs know which runs a pod has.
    pub(crate) fn list_runs(&self, record: &PodRecord) {
        let attempts = record.containers.iter().map(|(name, c)| (name.clone(), c.attempt));
        let key = ObjectKey::namespaced(&record.namespace, &record.name);
        let runs = Runs { key, attempts: attempts.collect() };
        lock(&self.runs).insert(record.uid.clone(), runs);
    }

    /// The runs of the pod of this name.
    pub(crate) fn runs(&self, key: &ObjectKey) -> Option<(Uid, Runs)> {
        let runs = lock(&self.runs);
        runs.iter()
            .find(|(_, runs)| runs.key == *key)
            .map(|(uid, runs)| (uid.clone(), runs.clone()))
    }

    /// Forgets a pod that is gone.
    pub(crate) fn forget(&self, pod: &Uid) {
        lock(&self.doorbells).remove(pod);
        lock(&self.runs).remove(pod);
        lock(&self.addresses).free(pod);
        self.reporter.forget(pod);
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
