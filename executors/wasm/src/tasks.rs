//! The states of all tasks, in memory and on disk.
//!
//! Invariants: what is on disk is never behind a promise: a task's `.run` is written before it runs. A
//! task is launched at most once, and its states only go forward; hints come after the change.

use crate::control::Control;
use crate::limiter::Held;
use crate::program::Program;
use crate::quota::Spent;
use crate::records::{Records, Stored, lost};
use futures::stream::{BoxStream, StreamExt, unfold};
use quorate_executor::{
    Error, Event, ExitCause, ExitRecord, Found, Observed, Started, TaskId, TaskSpec,
};
use quorate_types::Uid;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Hints that a slow receiver may be behind.
const CAPACITY: usize = 1024;

/// What a created task waits with: its specification, and its program if that is loaded.
#[derive(Clone)]
pub(crate) struct Waiting {
    pub(crate) spec: Box<TaskSpec>,
    pub(crate) program: Option<Arc<Program>>,
}

/// The handles of a running task.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) started: Started,
    pub(crate) control: Arc<Control>,
    pub(crate) spent: Arc<Spent>,
    pub(crate) held: Arc<Held>,
}

enum State {
    Created(Waiting),
    Running(Running),
    Exited(ExitRecord),
}

impl State {
    fn observed(&self) -> Observed {
        match self {
            Self::Created(_) => Observed::Created,
            Self::Running(running) => Observed::Running(running.started.clone()),
            Self::Exited(record) => Observed::Exited(record.clone()),
        }
    }
}

/// What a start finds.
pub(crate) enum Start {
    /// It has happened.
    Done(Started),
    /// It is due.
    Due(Waiting),
}

/// The tasks of one directory.
pub(crate) struct Tasks {
    records: Records,
    table: Mutex<BTreeMap<TaskId, State>>,
    hints: broadcast::Sender<Event>,
}

impl Tasks {
    /// The tasks that the records know. What the last executor left running ended with it: `now_ms`.
    ///
    /// # Errors
    /// The records cannot be read, or the ends not be noted.
    pub(crate) fn open(records: Records, now_ms: i64) -> std::io::Result<Self> {
        let mut table = BTreeMap::new();
        for (task, stored) in records.list()? {
            let state = match stored {
                Stored::Created(spec) => State::Created(Waiting { spec, program: None }),
                Stored::Exited(record) => State::Exited(record),
                Stored::Lost { started_ms } => {
                    let record = lost(started_ms, now_ms.max(started_ms));
                    records.exit(&task, &record)?;
                    State::Exited(record)
                }
            };
            table.insert(task, state);
        }
        let (hints, _) = broadcast::channel(CAPACITY);
        Ok(Self { records, table: Mutex::new(table), hints })
    }

    pub(crate) fn records(&self) -> &Records {
        &self.records
    }

    /// Makes a task known; one that is known already stays as it is.
    pub(crate) fn create(
        &self,
        spec: &TaskSpec,
        program: Option<Arc<Program>>,
    ) -> Result<(), Error> {
        let mut table = self.table();
        if table.contains_key(&spec.id) {
            return Ok(());
        }
        let failed = |error| Error::io(format!("noting task {}", spec.id), error);
        self.records.create(spec).map_err(failed)?;
        let waiting = Waiting { spec: Box::new(spec.clone()), program };
        table.insert(spec.id.clone(), State::Created(waiting));
        drop(table);
        self.hint(&spec.id);
        Ok(())
    }

    /// What a start of this task means now.
    pub(crate) fn start(&self, task: &TaskId) -> Result<Start, Error> {
        start_of(self.table().get(task), task)
    }

    /// Launches a created task, unless somebody else just has. `launch` must not block for long.
    pub(crate) fn launch(
        &self,
        task: &TaskId,
        now_ms: i64,
        launch: impl FnOnce(&TaskSpec) -> Result<Running, String>,
    ) -> Result<Started, Error> {
        let mut table = self.table();
        let spec = match start_of(table.get(task), task)? {
            Start::Done(started) => return Ok(started),
            Start::Due(waiting) => waiting.spec,
        };
        let noted = self.records.run(task, now_ms);
        noted.map_err(|error| Error::io(format!("noting the start of task {task}"), error))?;
        let (state, answer) = match launch(&spec) {
            Ok(running) => {
                let started = running.started.clone();
                (State::Running(running), Ok(started))
            }
            Err(reason) => {
                let record = never_ran(reason.clone(), now_ms);
                let noted = self.records.exit(task, &record);
                noted.map_err(|error| Error::io(format!("noting the end of {task}"), error))?;
                (State::Exited(record), Err(start_failed(task, &spec, reason)))
            }
        };
        table.insert(task.clone(), state);
        drop(table);
        self.hint(task);
        answer
    }

    /// A running task has ended. Blocks until the record is durable.
    pub(crate) fn exited(&self, task: &TaskId, record: ExitRecord) {
        // A disk that takes no record must not keep the task from ending: a new executor will say that
        // it was lost.
        let _ = self.records.exit(task, &record);
        if let Some(state @ State::Running(_)) = self.table().get_mut(task) {
            *state = State::Exited(record);
        }
        self.hint(task);
    }

    pub(crate) fn observe(&self, task: &TaskId) -> Observed {
        self.table().get(task).map_or(Observed::Absent, State::observed)
    }

    /// The handles of a task, if it runs.
    pub(crate) fn running(&self, task: &TaskId) -> Option<Running> {
        match self.table().get(task) {
            Some(State::Running(running)) => Some(running.clone()),
            _ => None,
        }
    }

    /// Forgets a task.
    pub(crate) fn remove(&self, task: &TaskId) -> Result<(), Error> {
        let mut table = self.table();
        match table.get(task) {
            None => return Ok(()),
            Some(State::Running(_)) => {
                return Err(refused(task, "still runs; stop it and wait for its exit first"));
            }
            Some(_) => {}
        }
        let removed = self.records.remove(task);
        removed.map_err(|error| Error::io(format!("removing task {task}"), error))?;
        table.remove(task);
        drop(table);
        self.hint(task);
        Ok(())
    }

    /// Forgets a pod without tasks.
    pub(crate) fn remove_pod(&self, pod: &Uid) -> Result<(), Error> {
        let table = self.table();
        if table.keys().any(|task| task.pod == *pod) {
            return Ok(());
        }
        let removed = self.records.remove_pod(pod);
        removed.map_err(|error| Error::io(format!("removing pod {pod}"), error))
    }

    pub(crate) fn list(&self) -> Vec<Found> {
        let table = self.table();
        let found = |(task, state): (&TaskId, &State)| {
            let (task, observed) = (task.clone(), state.observed());
            Found { task, observed }
        };
        table.iter().map(found).collect()
    }

    /// Hints from now on.
    pub(crate) fn events(&self) -> BoxStream<'static, Event> {
        unfold(self.hints.subscribe(), |mut hints| async move {
            loop {
                match hints.recv().await {
                    Ok(event) => return Some((event, hints)),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        })
        .boxed()
    }

    fn hint(&self, task: &TaskId) {
        // Nobody may be listening now.
        let _ = self.hints.send(Event { task: task.clone() });
    }

    fn table(&self) -> MutexGuard<'_, BTreeMap<TaskId, State>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Tasks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tasks").field("records", &self.records).finish_non_exhaustive()
    }
}

fn start_of(state: Option<&State>, task: &TaskId) -> Result<Start, Error> {
    match state {
        None => Err(Error::Absent(task.clone())),
        Some(State::Created(waiting)) => Ok(Start::Due(waiting.clone())),
        Some(State::Running(running)) => Ok(Start::Done(running.started.clone())),
        Some(State::Exited(record)) => match &record.cause {
            ExitCause::StartFailed(reason) => {
                let (command, reason) = (String::new(), reason.clone());
                Err(Error::Start { task: task.clone(), command, reason })
            }
            _ => Err(refused(task, "has exited; create the next attempt instead")),
        },
    }
}

fn never_ran(reason: String, finished_ms: i64) -> ExitRecord {
    let cause = ExitCause::StartFailed(reason);
    ExitRecord { code: None, signal: None, cause, started_ms: 0, finished_ms }
}

fn start_failed(task: &TaskId, spec: &TaskSpec, reason: String) -> Error {
    let program = spec.command.first().unwrap_or(&spec.image);
    let words = spec.command.iter().skip(1).chain(&spec.args);
    let command = std::iter::once(program).chain(words).map(String::as_str);
    let command = command.collect::<Vec<_>>().join(" ");
    Error::Start { task: task.clone(), command, reason }
}

fn refused(task: &TaskId, reason: &str) -> Error {
    Error::Invalid { task: task.clone(), field: "state", reason: reason.to_owned() }
}
