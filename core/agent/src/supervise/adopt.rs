//! Finding what the last agent left: pure rebuilding of records, and the question to executors.

use super::Message;
use crate::machine::{ContainerRecord, PastRun, PodRecord};
use crate::node::Node;
use quorate_executor::{ExitCause, ExitRecord, Found, SharedExecutor, Started, TaskId};
use quorate_kinds::k8s_openapi::api::core::v1::{
    ContainerState, ContainerStateTerminated, ContainerStatus, Pod, PodStatus,
};
use quorate_types::Uid;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Bounds of the wait before an executor or the store is asked again.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Asks an executor for its tasks until it answers.
pub(crate) async fn ask(node: Arc<Node>, executor: SharedExecutor, to: mpsc::Sender<Message>) {
    let mut wait = RETRY.0;
    let found = loop {
        match executor.adopt().await {
            Ok(found) => break found,
            Err(error) => {
                tracing::warn!(%error, "executor does not say what it holds, asking again");
            }
        }
        node.seams.clock.sleep(wait).await;
        wait = wait.saturating_mul(2).min(RETRY.1);
    };
    let tasks = found.into_iter().map(|Found { task, .. }| task).collect();
    // The supervisor is gone only with the agent.
    let _ = to.send(Message::Adopted { kind: executor.kind(), tasks }).await;
}

/// Asks the store which pods exist, linearizably, until it answers.
pub(crate) async fn ask_pods(node: Arc<Node>, kind: &'static str, to: mpsc::Sender<Message>) {
    let mut wait = RETRY.0;
    let pods = quorate_types::GroupKind::new("", "Pod");
    let everything = quorate_types::Selector::everything();
    let existing: BTreeSet<Uid> = loop {
        match node.objects.list(&pods, None, &everything).await {
            Ok(list) => {
                break list.items.iter().filter_map(|pod| pod.metadata.uid.clone()).collect();
            }
            Err(error) => tracing::info!(%error, "cannot list pods, asking again"),
        }
        node.seams.clock.sleep(wait).await;
        wait = wait.saturating_mul(2).min(RETRY.1);
    };
    // The supervisor is gone only with the agent.
    let _ = to.send(Message::Existing { kind, existing }).await;
}

/// Raises a record to the tasks that the executor holds.
pub(crate) fn raise(record: &mut PodRecord, found: &[TaskId]) {
    for task in found {
        let known = record.containers.get(&task.name).map(|container| container.attempt);
        if known.is_none_or(|attempt| attempt < task.attempt) {
            let container = ContainerRecord { attempt: task.attempt, ..ContainerRecord::default() };
            record.containers.insert(task.name.clone(), container);
        }
    }
}

/// What a pod's status tells about its containers: for pods of which the journal knows nothing.
pub(crate) fn seed(record: &mut PodRecord, pod: &Pod) {
    let Some(status) = &pod.status else { return };
    record.pod_ip = status.pod_ip.as_deref().and_then(|ip| ip.parse().ok());
    for container in statuses(status) {
        if let Some(seeded) = seed_container(container) {
            record.containers.insert(container.name.clone(), seeded);
        }
    }
}

fn statuses(status: &PodStatus) -> impl Iterator<Item = &ContainerStatus> {
    let init = status.init_container_statuses.iter().flatten();
    init.chain(status.container_statuses.iter().flatten())
}

fn seed_container(status: &ContainerStatus) -> Option<ContainerRecord> {
    let state = status.state.clone().unwrap_or_default();
    let last = status.last_state.as_ref().and_then(|last| last.terminated.as_ref());
    let waiting_first = state.running.is_none() && state.terminated.is_none() && last.is_none();
    if waiting_first && status.restart_count == 0 {
        return None;
    }
    let attempt = u32::try_from(status.restart_count).unwrap_or(0);
    let level = attempt.min(8);
    let record = ContainerRecord { attempt, level, ..ContainerRecord::default() };
    let record = match state {
        ContainerState { terminated: Some(terminated), .. } => {
            ContainerRecord { ended: Some(exit(&terminated)), level: level + 1, ..record }
        }
        ContainerState { running: Some(running), .. } => {
            let started_ms = running.started_at.map_or(0, |at| at.0.as_millisecond());
            let external_id = status.container_id.clone().unwrap_or_default();
            let started = Started { started_ms, pid: None, external_id };
            let last = last.map(past_run);
            ContainerRecord { started: Some(started), last, ..record }
        }
        // Between two runs, the present one is the one that `lastState` tells the end of.
        _ => ContainerRecord { ended: last.map(exit), level: level + 1, ..record },
    };
    Some(record)
}

fn past_run(terminated: &ContainerStateTerminated) -> PastRun {
    PastRun { exit: exit(terminated), external_id: terminated.container_id.clone() }
}

fn exit(terminated: &ContainerStateTerminated) -> ExitRecord {
    let ms = |time: &Option<
        quorate_kinds::k8s_openapi::apimachinery::pkg::apis::meta::v1::Time,
    >| { time.as_ref().map_or(0, |time| time.0.as_millisecond()) };
    let message = || terminated.message.clone().unwrap_or_default();
    let cause = match terminated.reason.as_deref() {
        Some("OOMKilled") => ExitCause::OutOfMemory { limit_bytes: None },
        Some("Trap") => ExitCause::Trap(message()),
        Some("StartError") => ExitCause::StartFailed(message()),
        Some("ContainerStatusUnknown") => ExitCause::ExecutorLost,
        _ => ExitCause::Normal,
    };
    let code =
        (terminated.signal.is_none() && cause == ExitCause::Normal).then_some(terminated.exit_code);
    ExitRecord {
        code,
        signal: terminated.signal,
        cause,
        started_ms: ms(&terminated.started_at),
        finished_ms: ms(&terminated.finished_at),
    }
}
