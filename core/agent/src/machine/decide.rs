//! The decision itself.

use super::stop::{next_stop, within};
use super::{ContainerPlan, History, PodPlan, RestartBackOff, RestartPolicy};
use quorate_executor::{ExitCause, ExitRecord, Observed, Stop, TaskId};
use quorate_seams::Monotonic;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What is seen of a pod at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// Every task of the pod that the executor may hold. A task that is missing here has not been
    /// looked at, which is as good as unreachable.
    pub tasks: BTreeMap<TaskId, Observed>,
    /// Containers that are being brought up right now: nothing is decided about them.
    pub busy: BTreeSet<String>,
    /// Running containers that a probe has given up on.
    pub unhealthy: BTreeSet<String>,
    /// The pod is to end within this grace period.
    pub deleting: Option<Duration>,
    /// Wall time in milliseconds since the Unix epoch, for records only.
    pub wall_ms: i64,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Bring up a run: prepare its image, create it, start it, each as good as done if done before.
    Start(TaskId),
    /// Stop a task.
    Stop(TaskId, Stop),
    /// Let the executor forget a task that has ended or never ran.
    Remove(TaskId),
    /// Let the executor free what it holds for the pod as a whole.
    Free,
    /// Nothing runs any more and the pod is to be deleted: free all that the node holds for it and
    /// confirm the deletion of its object.
    Release,
}

/// What to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The history with what was seen and decided; its record goes to the journal before any action.
    pub history: History,
    /// What to do.
    pub actions: Vec<Action>,
    /// When to decide again even if nothing else happens.
    pub wake: Option<Monotonic>,
}

impl Decision {
    fn wake_at(&mut self, at: Monotonic) {
        self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
    }
}

/// Decides what to do about a pod.
#[must_use]
pub fn decide(
    plan: &PodPlan,
    history: &History,
    seen: &Observation,
    back_off: &RestartBackOff,
    now: Monotonic,
) -> Decision {
    let mut decision = Decision { history: history.clone(), actions: Vec::new(), wake: None };
    note(&mut decision.history, seen, back_off, now);
    if let Some(grace) = seen.deleting {
        wind_down(&mut decision, seen, grace, now);
    } else {
        clear_leftovers(&mut decision, seen, now);
        if plan.refused.is_none() {
            run(&mut decision, plan, seen, now);
        }
    }
    decision
}

/// Folds what is seen into the history.
fn note(history: &mut History, seen: &Observation, back_off: &RestartBackOff, now: Monotonic) {
    let gone = |task: &TaskId| matches!(seen.tasks.get(task), Some(Observed::Absent) | None);
    history.stops.retain(|task, _| !gone(task));
    let current: Vec<String> = history.record.containers.keys().cloned().collect();
    for name in current.iter().filter(|name| !seen.busy.contains(*name)) {
        let record = &history.record.containers[name];
        if record.ended.is_some() {
            continue;
        }
        match history.record.task(name).and_then(|task| seen.tasks.get(&task)) {
            Some(Observed::Running(started)) => history.note_started(name, started),
            Some(Observed::Exited(exit)) => history.note_ended(name, exit, back_off, now),
            Some(Observed::Absent) if let Some(started) = &record.started => {
                let lost = lost(started.started_ms, seen.wall_ms);
                history.note_ended(name, &lost, back_off, now);
            }
            _ => {}
        }
    }
}

/// The end of a task that ran and of which the executor no longer knows anything.
fn lost(started_ms: i64, finished_ms: i64) -> ExitRecord {
    ExitRecord { code: None, signal: None, cause: ExitCause::ExecutorLost, started_ms, finished_ms }
}

/// Whether a task is the run that the history is about now.
fn is_current(history: &History, task: &TaskId) -> bool {
    let record = history.record.containers.get(&task.name);
    record.is_some_and(|record| record.attempt == task.attempt && record.ended.is_none())
}

/// Removes runs that are over; kills runs that should not exist any more.
fn clear_leftovers(decision: &mut Decision, seen: &Observation, now: Monotonic) {
    for (task, observed) in &seen.tasks {
        if seen.busy.contains(&task.name) || is_current(&decision.history, task) {
            continue;
        }
        end(decision, task, observed, Stop::Kill, now);
    }
}

/// One step towards a task that no longer exists.
fn end(decision: &mut Decision, task: &TaskId, observed: &Observed, how: Stop, now: Monotonic) {
    match observed {
        Observed::Running(_) => ask_to_stop(decision, task, how, now),
        Observed::Created | Observed::Exited(_) => {
            decision.actions.push(Action::Remove(task.clone()));
        }
        Observed::Absent | Observed::Unreachable(_) => {}
    }
}

fn ask_to_stop(decision: &mut Decision, task: &TaskId, how: Stop, now: Monotonic) {
    let issued = decision.history.stops.get(task);
    match next_stop(how, issued, now) {
        Some(how) => decision.actions.push(Action::Stop(task.clone(), how)),
        None => {
            if let Some(at) = issued.map(super::StopRequest::overdue_at) {
                decision.wake_at(at);
            }
        }
    }
}

/// Ends everything, then lets go of the pod.
fn wind_down(decision: &mut Decision, seen: &Observation, grace: Duration, now: Monotonic) {
    for (task, observed) in seen.tasks.iter().filter(|(task, _)| !seen.busy.contains(&task.name)) {
        end(decision, task, observed, within(grace), now);
    }
    let record = &decision.history.record;
    let looked_at = record.containers.iter().all(|(name, container)| {
        container.ended.is_some()
            || record.task(name).is_some_and(|task| seen.tasks.contains_key(&task))
    });
    let nothing_left = seen.tasks.values().all(|observed| *observed == Observed::Absent);
    if looked_at && nothing_left && seen.busy.is_empty() {
        decision.actions.push(Action::Release);
    }
}

/// Brings up what should run.
fn run(decision: &mut Decision, plan: &PodPlan, seen: &Observation, now: Monotonic) {
    let init_policy = plan.restart.of_init();
    for container in &plan.init {
        let succeeded = decision
            .history
            .record
            .containers
            .get(&container.name)
            .and_then(|record| record.ended.as_ref())
            .is_some_and(ExitRecord::succeeded);
        if !succeeded {
            keep_running(decision, container, init_policy, plan.grace, seen, now);
            free_if_over(decision, plan, seen);
            return;
        }
    }
    for container in &plan.main {
        keep_running(decision, container, plan.restart, plan.grace, seen, now);
    }
    free_if_over(decision, plan, seen);
}

fn keep_running(
    decision: &mut Decision,
    container: &ContainerPlan,
    policy: RestartPolicy,
    grace: Duration,
    seen: &Observation,
    now: Monotonic,
) {
    let name = &container.name;
    if seen.busy.contains(name) || other_runs_left(decision, name, seen) {
        return;
    }
    let history = &decision.history;
    let Some(record) = history.record.containers.get(name) else {
        return start(decision, name, true, now);
    };
    if let Some(exit) = &record.ended {
        if policy.restarts(exit.succeeded()) {
            start(decision, name, true, now);
        }
        return;
    }
    let Some(task) = history.record.task(name) else { return };
    match seen.tasks.get(&task) {
        Some(Observed::Absent | Observed::Created) => start(decision, name, false, now),
        Some(Observed::Running(_)) if seen.unhealthy.contains(name) => {
            ask_to_stop(decision, &task, within(grace), now);
        }
        _ => {}
    }
}

/// Whether another run of a container may still be alive.
fn other_runs_left(decision: &Decision, name: &str, seen: &Observation) -> bool {
    seen.tasks.iter().any(|(task, observed)| {
        task.name == name
            && !is_current(&decision.history, task)
            && !matches!(observed, Observed::Absent | Observed::Exited(_))
    })
}

fn start(decision: &mut Decision, name: &str, new_run: bool, now: Monotonic) {
    let due = decision.history.not_before(name);
    if now < due {
        decision.wake_at(due);
        return;
    }
    if new_run {
        decision.history.begin(name);
    }
    if let Some(task) = decision.history.record.task(name) {
        decision.actions.push(Action::Start(task));
    }
}

/// Once every run is over for good and removed, the executor can free the pod.
fn free_if_over(decision: &mut Decision, plan: &PodPlan, seen: &Observation) {
    let nothing_left = seen.tasks.values().all(|observed| *observed == Observed::Absent);
    let history = &decision.history;
    let over = is_over(plan, history) && !history.freed;
    if over && nothing_left && seen.busy.is_empty() && decision.actions.is_empty() {
        decision.actions.push(Action::Free);
    }
}

/// Whether no container will run again.
pub(crate) fn is_over(plan: &PodPlan, history: &History) -> bool {
    let over = |container: &ContainerPlan, policy: RestartPolicy| {
        let record = history.record.containers.get(&container.name);
        let exit = record.and_then(|record| record.ended.as_ref());
        exit.is_some_and(|exit| !policy.restarts(exit.succeeded()))
    };
    let init_failed = plan.init.iter().any(|container| {
        over(container, plan.restart.of_init()) && !succeeded(history, &container.name)
    });
    let main_over = plan.main.iter().all(|container| over(container, plan.restart));
    init_failed || (main_over && !plan.main.is_empty())
}

/// Whether the latest run of a container ended with success.
pub(crate) fn succeeded(history: &History, container: &str) -> bool {
    let record = history.record.containers.get(container);
    record.and_then(|record| record.ended.as_ref()).is_some_and(ExitRecord::succeeded)
}
