//! The status of one container.

use super::View;
use crate::machine::{ContainerPlan, ContainerRecord, RestartPolicy, succeeded};
use crate::time::time;
use quorate_executor::{ExitCause, ExitRecord, Started};
use quorate_kinds::k8s_openapi::api::core::v1::{
    ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting,
    ContainerStatus,
};

/// Exit code shown for a run that never became one (containerd's convention).
const START_FAILED: i32 = 128;
/// Exit code shown where nobody can know it (Kubernetes' convention).
const UNKNOWN: i32 = 137;
/// What a shell says of a program that aborts; engines of WebAssembly end that way after a trap.
const ABORTED: i32 = 134;

/// The status of a container proper.
pub(super) fn main_status(view: View<'_>, spec: &ContainerPlan) -> ContainerStatus {
    let all_init = view.plan.init.iter().all(|init| succeeded(view.history, &init.name));
    let idle = if all_init { "ContainerCreating" } else { "PodInitializing" };
    let mut status = status(view, spec, view.plan.restart, idle);
    let running = is_running(&status);
    let health = (view.health)(&spec.name).filter(|_| running);
    status.started = Some(health.as_ref().is_some_and(|health| health.started));
    status.ready = health.is_some_and(|health| health.ready) && view.seen.deleting.is_none();
    status
}

/// The status of an init container: ready means done.
pub(super) fn init_status(view: View<'_>, spec: &ContainerPlan, at: usize) -> ContainerStatus {
    let reached = view.plan.init[..at].iter().all(|init| succeeded(view.history, &init.name));
    let idle = if reached { "ContainerCreating" } else { "PodInitializing" };
    let mut status = status(view, spec, view.plan.restart.of_init(), idle);
    status.ready = succeeded(view.history, &spec.name);
    status.started = Some(is_running(&status));
    status
}

fn is_running(status: &ContainerStatus) -> bool {
    status.state.as_ref().is_some_and(|state| state.running.is_some())
}

fn status(
    view: View<'_>,
    spec: &ContainerPlan,
    policy: RestartPolicy,
    idle: &str,
) -> ContainerStatus {
    let record = view.history.record.containers.get(&spec.name);
    let id = |external: &str| Some(external.to_owned());
    let started = record.and_then(|record| record.started.as_ref());
    let last = record.and_then(|record| record.last.as_ref());
    let last_state = match record.and_then(|record| record.ended.as_ref()) {
        Some(exit) if restarts(view, policy, exit) => Some(terminated(exit, started)),
        _ => last.map(|run| state_of(&run.exit, run.external_id.clone())),
    };
    ContainerStatus {
        name: spec.name.clone(),
        image: spec.image.clone(),
        image_id: spec.image.clone(),
        restart_count: record.map_or(0, |record| i32::try_from(record.attempt).unwrap_or(i32::MAX)),
        container_id: started.and_then(|started| id(&started.external_id)),
        state: Some(state(view, &spec.name, record, policy, idle)),
        last_state,
        ..ContainerStatus::default()
    }
}

fn restarts(view: View<'_>, policy: RestartPolicy, exit: &ExitRecord) -> bool {
    view.seen.deleting.is_none() && policy.restarts(exit.succeeded())
}

fn state(
    view: View<'_>,
    name: &str,
    record: Option<&ContainerRecord>,
    policy: RestartPolicy,
    idle: &str,
) -> ContainerState {
    if let Some(reason) = &view.plan.refused {
        return waiting("CreateContainerConfigError", Some(reason.clone()));
    }
    let started = record.and_then(|record| record.started.as_ref());
    match record.and_then(|record| record.ended.as_ref()) {
        Some(exit) if restarts(view, policy, exit) => match &exit.cause {
            ExitCause::StartFailed(message) => waiting("RunContainerError", Some(message.clone())),
            _ => waiting("CrashLoopBackOff", Some(format!("container {name:?} will run again"))),
        },
        Some(exit) => terminated(exit, started),
        None => match (view.history.trouble(name), started) {
            (Some(trouble), _) => waiting(trouble.reason, Some(trouble.message.clone())),
            (None, Some(started)) => ContainerState {
                running: Some(ContainerStateRunning { started_at: Some(time(started.started_ms)) }),
                ..ContainerState::default()
            },
            (None, None) => waiting(idle, None),
        },
    }
}

fn waiting(reason: &str, message: Option<String>) -> ContainerState {
    let waiting = ContainerStateWaiting { reason: Some(reason.to_owned()), message };
    ContainerState { waiting: Some(waiting), ..ContainerState::default() }
}

fn terminated(exit: &ExitRecord, started: Option<&Started>) -> ContainerState {
    state_of(exit, started.map(|started| started.external_id.clone()))
}

fn state_of(exit: &ExitRecord, container_id: Option<String>) -> ContainerState {
    let (reason, message, fallback) = match &exit.cause {
        ExitCause::OutOfMemory { limit_bytes: Some(limit) } => {
            ("OOMKilled", Some(format!("memory limit of {limit} bytes reached")), UNKNOWN)
        }
        ExitCause::OutOfMemory { limit_bytes: None } => ("OOMKilled", None, UNKNOWN),
        ExitCause::Trap(message) => ("Trap", Some(message.clone()), ABORTED),
        ExitCause::StartFailed(message) => ("StartError", Some(message.clone()), START_FAILED),
        ExitCause::ExecutorLost => {
            let message = "what held the task is gone, and the task with it".to_owned();
            ("ContainerStatusUnknown", Some(message), UNKNOWN)
        }
        _ if exit.succeeded() => ("Completed", None, 0),
        _ => ("Error", None, UNKNOWN),
    };
    let signalled = exit.signal.map(|signal| signal.saturating_add(128));
    let terminated = ContainerStateTerminated {
        exit_code: exit.code.or(signalled).unwrap_or(fallback),
        signal: exit.signal,
        reason: Some(reason.to_owned()),
        message,
        started_at: (exit.started_ms > 0).then(|| time(exit.started_ms)),
        finished_at: Some(time(exit.finished_ms)),
        container_id,
    };
    ContainerState { terminated: Some(terminated), ..ContainerState::default() }
}
