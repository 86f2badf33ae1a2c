//! The driver: waits for pods without a node, plans, and writes what was decided.

use crate::{ClusterState, Decision, Error, PodInfo, Profile, Unschedulable, plan};
use quorate_reconcile::{Cache, Snapshot};
use quorate_resources::{Change, Object, Objects};
use quorate_types::{ObjectKey, Revision};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Pause after a store that did not answer.
const RETRY: Duration = Duration::from_millis(100);

/// How a scheduler works.
#[derive(Clone, Debug)]
pub struct SchedulerOptions {
    /// It takes pods whose `schedulerName` is this; `default-scheduler` by default.
    pub name: String,
    /// Its plugins.
    pub profile: Profile,
    /// Most pods in one transaction; 256 by default.
    pub batch: usize,
}

impl Default for SchedulerOptions {
    fn default() -> Self {
        Self { name: "default-scheduler".to_owned(), profile: Profile::default(), batch: 256 }
    }
}

/// Binds pods to nodes. Several may run if their names differ; of each name only the one beside the
/// Raft leader has an effect, because its writes are fenced.
#[derive(Debug)]
pub struct Scheduler {
    objects: Objects,
    cache: Arc<Cache>,
    options: SchedulerOptions,
    /// The refusal last written per pod: an unchanged one is not written again.
    explained: BTreeMap<ObjectKey, Unschedulable>,
}

impl Scheduler {
    /// A scheduler that writes through the given handle, which carries the leader's term.
    #[must_use]
    pub fn new(objects: Objects, cache: Arc<Cache>, options: SchedulerOptions) -> Self {
        Self { objects, cache, options, explained: BTreeMap::new() }
    }

    /// Schedules until the future is dropped. A failed write is logged and planned anew from a
    /// snapshot that has moved on.
    pub async fn run(mut self) {
        let mut seen = Revision::NONE;
        loop {
            let snapshot = self.cache.wait_for(seen.next()).await;
            seen = match self.pass(&snapshot).await {
                Ok(written) => written.max(snapshot.revision()),
                Err(error) => {
                    tracing::debug!(%error, "binds not written, planning again");
                    self.explained.clear();
                    self.objects.seams().clock.sleep(RETRY).await;
                    snapshot.revision().prev()
                }
            };
        }
    }

    /// One pass over the pending pods; answers the last revision written.
    async fn pass(&mut self, snapshot: &Snapshot) -> Result<Revision, Error> {
        let pending = ClusterState::pending(snapshot, &self.options.name);
        self.explained.retain(|key, _| pending.iter().any(|pod| pod.key == *key));
        if pending.is_empty() {
            return Ok(Revision::NONE);
        }
        let mut state = ClusterState::read(snapshot);
        let decisions = plan(&mut state, pending, &self.options.profile);
        let mut changes = Vec::new();
        for decision in decisions {
            changes.extend(self.change(decision));
        }
        let mut written = Revision::NONE;
        for batch in changes.chunks(self.options.batch.max(1)) {
            written = written.max(self.write(batch.to_vec()).await?);
        }
        Ok(written)
    }

    fn change(&mut self, decision: Decision) -> Option<Change> {
        match decision {
            Decision::Bind { pod, node } => Some(bind(&pod, &node)),
            Decision::Unschedulable { pod, why } => {
                let known = self.explained.insert(pod.key.clone(), why.clone());
                (known.as_ref() != Some(&why)).then(|| explain(&pod, &why))
            }
        }
    }

    /// Writes a batch in one transaction. If one pod has changed meanwhile the batch is refused as a
    /// whole; halving it isolates that pod, which the next pass plans anew.
    async fn write(&self, batch: Vec<Change>) -> Result<Revision, Error> {
        let mut stack = vec![batch];
        let mut written = Revision::NONE;
        while let Some(mut batch) = stack.pop() {
            match self.objects.commit(batch.clone()).await {
                Ok(committed) => written = written.max(committed.revision),
                Err(error) if error.is_conflict() || error.is_not_found() => {
                    if batch.len() > 1 {
                        let rest = batch.split_off(batch.len() / 2);
                        stack.extend([rest, batch]);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(written)
    }
}

fn bind(pod: &PodInfo, node: &str) -> Change {
    let mut object = Object::clone(&pod.object);
    if let Some(Value::Object(spec)) = object.body.get_mut("spec") {
        spec.insert("nodeName".to_owned(), Value::from(node));
    }
    Change::Update { object, old: Some(pod.object.clone()) }
}

/// The condition that `kubectl describe pod` shows.
fn explain(pod: &PodInfo, why: &Unschedulable) -> Change {
    let mut object = Object::clone(&pod.object);
    let status = object.body.entry("status").or_insert_with(|| json!({}));
    status["phase"] = Value::from("Pending");
    let condition = json!({
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
        "message": why.to_string(),
    });
    let kept = status["conditions"].as_array().cloned().unwrap_or_default();
    let others = kept.into_iter().filter(|condition| condition["type"] != "PodScheduled");
    status["conditions"] = Value::Array(others.chain([condition]).collect());
    Change::UpdateStatus { object, old: Some(pod.object.clone()) }
}
