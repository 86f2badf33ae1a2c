//! The supervisor's loop.

use super::adopt::{ask, ask_pods, raise, seed};
use crate::machine::PodRecord;
use crate::node::{Node, lock};
use crate::pod::{Doorbell, PodActor, Start, Wanted, grace_seconds};
use futures::StreamExt;
use quorate_executor::{SharedExecutor, TaskId};
use quorate_kinds::k8s_openapi::api::core::v1::Pod;
use quorate_reconcile::{CacheChange, Changes, Snapshot};
use quorate_resources::Object;
use quorate_seams::{Task, TaskSet, spawn};
use quorate_types::{GroupKind, Uid};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Messages that may wait: two per executor, ever, and one to stop.
const MESSAGES: usize = 16;

/// What helpers of the supervisor found out, and what it is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// An executor said what it holds.
    Adopted { kind: &'static str, tasks: Vec<TaskId> },
    /// The pods that exist, asked after an executor of this kind had answered.
    Existing { kind: &'static str, existing: BTreeSet<Uid> },
    /// Let go of all pods, leaving their tasks running, and end.
    Detach,
}

#[derive(Debug)]
struct Entry {
    wanted: watch::Sender<Wanted>,
    actor: Task<()>,
}

/// Starts actors and tells them what is wanted.
#[derive(Debug)]
pub(crate) struct Supervisor {
    node: Arc<Node>,
    changes: Changes,
    inbox: mpsc::Receiver<Message>,
    sender: mpsc::Sender<Message>,
    helpers: TaskSet,
    entries: BTreeMap<Uid, Entry>,
    /// Records of the last agent whose pods have no actor yet.
    records: BTreeMap<Uid, PodRecord>,
    /// Tasks that executors were found to hold, of pods that have no actor yet.
    found: BTreeMap<Uid, (&'static str, Vec<TaskId>)>,
    adopted: BTreeSet<&'static str>,
}

impl Supervisor {
    /// A supervisor that starts from the records of the last agent.
    pub(crate) fn new(node: Arc<Node>, records: Vec<PodRecord>) -> (Self, mpsc::Sender<Message>) {
        let (sender, inbox) = mpsc::channel(MESSAGES);
        for record in &records {
            if let Some(address) = record.pod_ip {
                lock(&node.addresses).claim(address, &record.uid);
            }
        }
        let records = records.into_iter().map(|record| (record.uid.clone(), record)).collect();
        let supervisor = Self {
            changes: node.cache.subscribe().1,
            helpers: TaskSet::new(),
            entries: BTreeMap::new(),
            found: BTreeMap::new(),
            adopted: BTreeSet::new(),
            sender: sender.clone(),
            records,
            inbox,
            node,
        };
        (supervisor, sender)
    }

    /// Runs until it is told to detach or is dropped, which stops every actor.
    pub(crate) async fn run(mut self) {
        for executor in &self.node.options.executors {
            self.helpers.spawn(ask(self.node.clone(), executor.clone(), self.sender.clone()));
            self.helpers.spawn(listen(self.node.clone(), executor.clone()));
        }
        let now = self.changes.seen().clone();
        self.take_all(&now);
        loop {
            tokio::select! {
                biased;
                Some(message) = self.inbox.recv() => match message {
                    Message::Adopted { kind, tasks } => self.adopt(kind, tasks),
                    Message::Existing { kind, existing } => self.release_orphans(kind, &existing),
                    Message::Detach => return self.detach().await,
                },
                update = self.changes.next() => match update {
                    Some(update) => update.changes.iter().for_each(|change| self.take(change)),
                    // Without a cache there is nothing to follow; what runs goes on running.
                    None => std::future::pending::<()>().await,
                },
            }
        }
    }

    async fn detach(self) {
        for entry in self.entries.values() {
            entry.wanted.send_replace(Wanted::Detach);
        }
        for entry in self.entries.into_values() {
            // An actor that panicked has logged it; there is nothing left to wait for.
            let _ = entry.actor.join().await;
        }
    }

    fn take_all(&mut self, snapshot: &Snapshot) {
        for object in snapshot.objects(&GroupKind::new("", "Pod")) {
            self.want(&object);
        }
    }

    fn take(&mut self, change: &CacheChange) {
        if !change.kind.group.is_empty() {
            return;
        }
        match change.kind.kind.as_str() {
            "Pod" => self.take_pod(change),
            "ConfigMap" | "Secret" => {
                if let Some(namespace) = &change.key.namespace {
                    self.node.ring_namespace(namespace);
                }
            }
            _ => {}
        }
    }

    fn take_pod(&mut self, change: &CacheChange) {
        let uid = |object: &Option<Arc<Object>>| {
            object.as_ref().and_then(|object| object.metadata.uid.clone())
        };
        let (old, new) = (uid(&change.old), uid(&change.new));
        if let Some(gone) = old.filter(|old| Some(old) != new.as_ref()) {
            self.gone(&gone);
        }
        if let Some(object) = &change.new {
            self.want(object);
        }
    }

    fn gone(&mut self, uid: &Uid) {
        if let Some(entry) = self.entries.get(uid) {
            entry.wanted.send_replace(Wanted::Gone);
        }
        self.entries.retain(|_, entry| {
            let over = entry.actor.is_finished() && matches!(*entry.wanted.borrow(), Wanted::Gone);
            !over
        });
    }

    /// Sees to it that a pod of this node has an actor that knows its object.
    fn want(&mut self, object: &Arc<Object>) {
        let on = object.pointer("/spec/nodeName").and_then(Value::as_str);
        if on != Some(self.node.options.node_name.as_str()) {
            return;
        }
        let Some(uid) = object.metadata.uid.clone() else { return };
        let wanted = Wanted::Object(object.clone());
        if let Some(entry) = self.entries.get(&uid) {
            entry.wanted.send_replace(wanted);
            return;
        }
        let kind = self.executor_kind(&uid, object);
        if let Some(executor) = self.node.executor(&kind)
            && !self.adopted.contains(executor.kind())
        {
            // It is taken up once its executor has said what it holds.
            return;
        }
        let found = self.found.remove(&uid).map(|(_, tasks)| tasks).unwrap_or_default();
        let (mut record, journalled) = match self.records.remove(&uid) {
            Some(record) => (record, true),
            None => (self.record(&uid, kind, object), false),
        };
        let before = record.clone();
        raise(&mut record, &found);
        let journalled = journalled && before == record;
        self.start(record, journalled, found, wanted);
    }

    fn executor_kind(&self, uid: &Uid, object: &Object) -> String {
        if let Some(record) = self.records.get(uid) {
            return record.executor.clone();
        }
        let class = object.pointer("/spec/runtimeClassName").and_then(Value::as_str);
        let first = || self.node.options.executors.first().map(|executor| executor.kind());
        class.or_else(first).unwrap_or_default().to_owned()
    }

    /// A record for a pod that the journal does not know.
    fn record(&self, uid: &Uid, executor: String, object: &Object) -> PodRecord {
        let pod = object.decode::<Pod>().ok();
        let key = object.key();
        let mut record = PodRecord {
            uid: uid.clone(),
            namespace: key.namespace.unwrap_or_default(),
            name: key.name,
            executor,
            pod_ip: None,
            grace_seconds: pod.as_ref().map_or(0, grace_seconds),
            accepted_ms: self.node.seams.clock.wall().as_millis(),
            containers: BTreeMap::new(),
        };
        if let Some(pod) = &pod {
            seed(&mut record, pod);
        }
        let mine = |ip: &std::net::Ipv4Addr| lock(&self.node.addresses).claim(*ip, uid);
        record.pod_ip = record.pod_ip.filter(mine);
        record
    }

    fn start(&mut self, record: PodRecord, journalled: bool, found: Vec<TaskId>, wanted: Wanted) {
        let uid = record.uid.clone();
        let doorbell = Arc::new(Doorbell::default());
        self.node.hang_up(&uid, &record.namespace, doorbell.clone());
        self.node.list_runs(&record);
        let (wanted, receiver) = watch::channel(wanted);
        let actor = PodActor::new(Start {
            node: self.node.clone(),
            executor: self.node.executor(&record.executor).cloned(),
            wanted: receiver,
            record,
            journalled,
            found,
            doorbell,
        });
        self.entries.insert(uid, Entry { wanted, actor: spawn(actor.run()) });
    }

    /// Takes up the pods of an executor that has said what it holds.
    fn adopt(&mut self, kind: &'static str, tasks: Vec<TaskId>) {
        self.adopted.insert(kind);
        self.node.status.send_modify(|status| {
            status.executors.insert(kind);
        });
        for task in tasks {
            let slot = self.found.entry(task.pod.clone()).or_insert((kind, Vec::new()));
            slot.1.push(task);
        }
        let now = self.changes.seen().clone();
        self.take_all(&now);
        if !self.orphans(kind).is_empty() {
            self.helpers.spawn(ask_pods(self.node.clone(), kind, self.sender.clone()));
        }
    }

    /// Pods of an executor that seem to be gone.
    fn orphans(&self, kind: &str) -> BTreeSet<Uid> {
        let journalled = self.records.values().filter(|record| record.executor == kind);
        let journalled = journalled.map(|record| record.uid.clone());
        let found = self.found.iter().filter(|(_, (of, _))| *of == kind);
        journalled.chain(found.map(|(uid, _)| uid.clone())).collect()
    }

    /// Winds down the pods that are proven to be gone.
    fn release_orphans(&mut self, kind: &'static str, existing: &BTreeSet<Uid>) {
        for uid in self.orphans(kind) {
            if existing.contains(&uid) || self.entries.contains_key(&uid) {
                continue;
            }
            let found = self.found.remove(&uid).map(|(_, tasks)| tasks).unwrap_or_default();
            let mut record = self.records.remove(&uid).unwrap_or_else(|| unknown(&uid, kind));
            tracing::info!(pod = %uid, name = %record.name, "pod is gone, its tasks are stopped");
            raise(&mut record, &found);
            self.start(record, false, found, Wanted::Gone);
        }
    }
}

/// The record of a pod of which nothing but tasks is left.
fn unknown(uid: &Uid, kind: &str) -> PodRecord {
    PodRecord {
        uid: uid.clone(),
        namespace: String::new(),
        name: String::new(),
        executor: kind.to_owned(),
        pod_ip: None,
        grace_seconds: 0,
        accepted_ms: 0,
        containers: BTreeMap::new(),
    }
}

/// Passes an executor's hints on to the actors.
async fn listen(node: Arc<Node>, executor: SharedExecutor) {
    let mut events = executor.events();
    while let Some(event) = events.next().await {
        node.ring(&event.task.pod);
    }
}
