//! The pods of a job: how they are made and what they have come to.

use crate::{edit, pods, template};
use quorate_kinds::{Job, Pod};
use quorate_resources::{Object, Typed};
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// What keeps a pod until its end has been counted.
pub(super) const TRACKING: &str = "batch.kubernetes.io/job-tracking";
/// Label and annotation with the index of a pod.
const INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// How often the pods of this index have failed before.
const FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";
/// The variable by which a container knows its index.
const VARIABLE: &str = "JOB_COMPLETION_INDEX";

/// What a pod has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It is on its way.
    Active,
    /// It is told to end and has not yet.
    Terminating,
    /// It has done its work.
    Succeeded,
    /// It has not, and will not.
    Failed,
}

/// One pod of a job.
#[derive(Clone, Debug)]
pub(super) struct JobPod {
    pub(super) pod: Typed<Pod>,
    pub(super) state: State,
    /// Its index, if the job has any.
    pub(super) index: Option<i32>,
    /// Whether its end is still to be counted.
    pub(super) tracked: bool,
}

impl JobPod {
    pub(super) fn new(job: &Job, pod: Typed<Pod>) -> Self {
        let metadata = &pod.object.metadata;
        let tracked = metadata.finalizers.iter().any(|name| name == TRACKING);
        let index = metadata.annotations.get(INDEX).and_then(|text| text.parse().ok());
        Self { state: state(job, &pod, tracked), index, tracked, pod }
    }

    /// How often the pods of its index have failed, this one included.
    fn failures(&self) -> i32 {
        let before = self.pod.object.metadata.annotations.get(FAILURES);
        let before: i32 = before.and_then(|text| text.parse().ok()).unwrap_or(0);
        before + i32::from(self.state == State::Failed)
    }

    /// Whether it still takes part: it has neither ended nor been confirmed gone.
    pub(super) fn lingers(&self) -> bool {
        matches!(self.state, State::Active | State::Terminating)
            || (self.pod.object.metadata.is_deleting() && !pods::is_terminal(&self.pod))
    }

    /// The order in which pods are given up: those that have come least far first.
    pub(super) fn progress(&self) -> impl Ord + use<> {
        let metadata = &self.pod.object.metadata;
        (
            pods::node(&self.pod).is_some(),
            pods::phase(&self.pod) == "Running",
            pods::says_ready(&self.pod),
            Reverse(metadata.creation_timestamp.clone()),
            metadata.name.clone(),
        )
    }
}

/// A pod that is deleted before its end has failed: at once, or once it is gone if the job replaces
/// pods only then.
fn state(job: &Job, pod: &Typed<Pod>, tracked: bool) -> State {
    let waits = replaces_late(job);
    let metadata = &pod.object.metadata;
    let gone = metadata.deletion_grace_period_seconds.unwrap_or(0) == 0;
    match pods::phase(pod) {
        "Succeeded" => State::Succeeded,
        "Failed" => State::Failed,
        _ if !metadata.is_deleting() => State::Active,
        _ if tracked && (gone || !waits) => State::Failed,
        _ => State::Terminating,
    }
}

/// Whether a pod is replaced only once it has ended.
pub(super) fn replaces_late(job: &Job) -> bool {
    job.spec.as_ref().and_then(|spec| spec.pod_replacement_policy.as_deref()) == Some("Failed")
}

/// How often the pods of each index have failed.
pub(super) fn failures(pods: &[JobPod]) -> BTreeMap<i32, i32> {
    let mut all: BTreeMap<i32, i32> = BTreeMap::new();
    for pod in pods {
        if let Some(index) = pod.index {
            let count = all.entry(index).or_default();
            *count = (*count).max(pod.failures());
        }
    }
    all
}

/// A new pod of the job, with an index and how often that has failed.
pub(super) fn new(job: &Object, index: Option<(i32, i32)>) -> Object {
    let mut pod = template::pod(job);
    pod.metadata.finalizers.push(TRACKING.to_owned());
    let Some((index, failures)) = index else { return pod };
    let name = format!("{}-{index}", job.metadata.name);
    pod.metadata.generate_name = Some(template::prefix(&format!("{name}-")));
    pod.metadata.labels.insert(INDEX.to_owned(), index.to_string());
    pod.metadata.annotations.insert(INDEX.to_owned(), index.to_string());
    if failures > 0 {
        pod.metadata.annotations.insert(FAILURES.to_owned(), failures.to_string());
    }
    if pod.pointer("/spec/hostname").is_none() {
        edit::set_field(&mut pod, &["spec", "hostname"], json!(name));
    }
    for list in ["containers", "initContainers"] {
        tell_index(&mut pod, list, index);
    }
    pod
}

fn tell_index(pod: &mut Object, list: &str, index: i32) {
    let spec = pod.body.get_mut("spec").and_then(|spec| spec.get_mut(list));
    let containers = spec.and_then(Value::as_array_mut).into_iter().flatten();
    for container in containers.filter_map(Value::as_object_mut) {
        let env = container.entry("env").or_insert_with(|| json!([]));
        let Some(env) = env.as_array_mut() else { continue };
        if env.iter().all(|one| one["name"] != VARIABLE) {
            env.push(json!({ "name": VARIABLE, "value": index.to_string() }));
        }
    }
}

/// The pod without what keeps it.
pub(super) fn released(pod: &Object) -> Object {
    let mut pod = pod.clone();
    pod.metadata.finalizers.retain(|name| name != TRACKING);
    pod
}
