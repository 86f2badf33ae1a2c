//! An adapter for executors whose tasks live and die with the agent: the states of all tasks, and
//! every rule of the contract that is about states.
//!
//! Place: optional; an executor that holds one has only launching, stopping and waiting left to do.
//!
//! Invariants: a task is launched at most once, however often and by however many it is started; its
//! states only go forward; hints come after the change that they hint at.

use crate::{Error, Event, ExitCause, ExitRecord, Found, Observed, Started, TaskId, TaskSpec};
use futures::channel::mpsc;
use futures::stream::{BoxStream, StreamExt};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Hints that a listener may be behind; it loses those that come then, which the contract allows.
const BEHIND: usize = 1024;

/// The states of an executor's tasks.
#[derive(Debug, Default)]
pub struct Ledger {
    tasks: Mutex<BTreeMap<TaskId, (TaskSpec, Observed)>>,
    listeners: Mutex<Vec<mpsc::Sender<Event>>>,
}

impl Ledger {
    /// Makes a task known; one that is known already stays as it is.
    pub fn create(&self, spec: &TaskSpec) {
        let new = || (spec.clone(), Observed::Created);
        locked(&self.tasks).entry(spec.id.clone()).or_insert_with(new);
        self.hint(&spec.id);
    }

    /// Starts a task unless it was started before. `launch` must not block for long: others wait. Its
    /// error says why the task cannot run, which then counts as ended at `now_ms`.
    ///
    /// # Errors
    /// The task is absent, has ended, or cannot run, now or when it was first started.
    pub fn start(
        &self,
        task: &TaskId,
        now_ms: i64,
        launch: impl FnOnce(&TaskSpec) -> Result<Started, String>,
    ) -> Result<Started, Error> {
        let mut tasks = locked(&self.tasks);
        let (spec, state) = tasks.get_mut(task).ok_or_else(|| Error::Absent(task.clone()))?;
        let command = spec.command.iter().chain(&spec.args).map(String::as_str);
        let command = command.collect::<Vec<_>>().join(" ");
        let failed = |reason| Error::Start { task: task.clone(), command, reason };
        match state {
            Observed::Running(started) => return Ok(started.clone()),
            Observed::Exited(record) => {
                let ExitCause::StartFailed(reason) = &record.cause else {
                    return Err(refused(task, "has exited; create the next attempt instead"));
                };
                return Err(failed(reason.clone()));
            }
            _ => {}
        }
        let answer = launch(spec);
        *state = match &answer {
            Ok(started) => Observed::Running(started.clone()),
            Err(reason) => Observed::Exited(never_ran(reason.clone(), now_ms)),
        };
        drop(tasks);
        self.hint(task);
        answer.map_err(failed)
    }

    /// A running task has ended.
    pub fn exited(&self, task: &TaskId, code: Option<i32>, signal: Option<i32>, finished_ms: i64) {
        let mut tasks = locked(&self.tasks);
        if let Some((_, state @ Observed::Running(_))) = tasks.get_mut(task) {
            let Observed::Running(Started { started_ms, .. }) = *state else { return };
            let cause = ExitCause::Normal;
            *state = Observed::Exited(ExitRecord { code, signal, cause, started_ms, finished_ms });
        }
        drop(tasks);
        self.hint(task);
    }

    /// The state of a task.
    #[must_use]
    pub fn observe(&self, task: &TaskId) -> Observed {
        locked(&self.tasks).get(task).map_or(Observed::Absent, |(_, state)| state.clone())
    }

    /// The start of a task that runs.
    #[must_use]
    pub fn running(&self, task: &TaskId) -> Option<Started> {
        if let Observed::Running(started) = self.observe(task) { Some(started) } else { None }
    }

    /// Forgets a task.
    ///
    /// # Errors
    /// It runs.
    pub fn remove(&self, task: &TaskId) -> Result<(), Error> {
        let mut tasks = locked(&self.tasks);
        if matches!(tasks.get(task), Some((_, Observed::Running(_)))) {
            return Err(refused(task, "still runs; stop it and wait for its exit first"));
        }
        tasks.remove(task);
        Ok(())
    }

    /// Every task.
    #[must_use]
    pub fn list(&self) -> Vec<Found> {
        let tasks = locked(&self.tasks);
        let each = tasks.iter().map(|(task, (_, observed))| (task.clone(), observed.clone()));
        each.map(|(task, observed)| Found { task, observed }).collect()
    }

    /// Hints from now on.
    #[must_use]
    pub fn events(&self) -> BoxStream<'static, Event> {
        let (sender, receiver) = mpsc::channel(BEHIND);
        locked(&self.listeners).push(sender);
        receiver.boxed()
    }

    fn hint(&self, task: &TaskId) {
        let event = || Event { task: task.clone() };
        locked(&self.listeners).retain_mut(|listener| {
            let sent = listener.try_send(event());
            !sent.is_err_and(|error| error.is_disconnected())
        });
    }
}

fn never_ran(reason: String, finished_ms: i64) -> ExitRecord {
    let cause = ExitCause::StartFailed(reason);
    ExitRecord { code: None, signal: None, cause, started_ms: 0, finished_ms }
}

fn refused(task: &TaskId, reason: &str) -> Error {
    Error::Invalid { task: task.clone(), field: "state", reason: reason.to_owned() }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
