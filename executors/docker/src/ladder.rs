//! The ladder of a stop: SIGTERM, the grace, SIGKILL.
//!
//! The end of a grace is noted before the first signal is sent, so that a new agent keeps it. Signals
//! that find nobody are no failure: the container has just ended.

use crate::calls::{Calls, unreachable};
use crate::engine::Fault;
use crate::journal::Journal;
use crate::names;
use crate::state::{KILL, TERM};
use quorate_executor::{Error, Stop, TaskId};
use quorate_seams::TaskSet;
use std::time::Duration;

/// How often a kill that the engine did not answer is sent again.
const AGAIN: Duration = Duration::from_secs(1);

/// Stops the tasks of a node.
#[derive(Debug)]
pub(crate) struct Ladder {
    calls: Calls,
    journal: Journal,
    timers: TaskSet,
}

impl Ladder {
    pub(crate) fn new(calls: Calls, journal: Journal) -> Self {
        Self { calls, journal, timers: TaskSet::new() }
    }

    /// Begins to stop a running container. Whichever end is nearer counts.
    pub(crate) async fn stop(&self, task: &TaskId, how: Stop) -> Result<(), Error> {
        match how {
            Stop::Kill => kill(&self.calls, &self.journal, task).await,
            Stop::Graceful { grace } => self.terminate(task, grace).await,
        }
    }

    /// Keeps a grace that an earlier agent gave.
    pub(crate) fn resume(&self, task: &TaskId) {
        let note = self.journal.read(task).unwrap_or_default();
        if let Some(ends_ms) = note.grace_ends_ms {
            let left_ms = ends_ms.saturating_sub(self.calls.clock.wall().as_millis());
            self.kill_after(task, Duration::from_millis(u64::try_from(left_ms).unwrap_or(0)));
        }
    }

    async fn terminate(&self, task: &TaskId, grace: Duration) -> Result<(), Error> {
        let grace_ms = i64::try_from(grace.as_millis()).unwrap_or(i64::MAX);
        let ends_ms = self.calls.clock.wall().as_millis().saturating_add(grace_ms);
        let mut first = true;
        self.journal.note(task, |note| {
            first = !std::mem::replace(&mut note.termed, true);
            note.grace_ends_ms = Some(note.grace_ends_ms.map_or(ends_ms, |end| end.min(ends_ms)));
        })?;
        self.kill_after(task, grace);
        if first { send(&self.calls, task, TERM).await } else { Ok(()) }
    }

    fn kill_after(&self, task: &TaskId, grace: Duration) {
        let (calls, journal, task) = (self.calls.clone(), self.journal.clone(), task.clone());
        self.timers.spawn(async move {
            calls.clock.sleep(grace).await;
            // One that has been removed meanwhile has no note, and gets none.
            while journal.read(&task).is_some() && kill(&calls, &journal, &task).await.is_err() {
                calls.clock.sleep(AGAIN).await;
            }
        });
    }
}

/// Kills a container if it runs.
async fn kill(calls: &Calls, journal: &Journal, task: &TaskId) -> Result<(), Error> {
    let name = names::container(task);
    let found = calls.ask(calls.engine.inspect(&name)).await;
    let found = found.map_err(|fault| unreachable(&format!("stopping task {task}"), &fault))?;
    let runs = found.is_some_and(|found| found.phase == crate::engine::Phase::Running);
    if !runs {
        return Ok(());
    }
    journal.note(task, |note| note.killed = true)?;
    send(calls, task, KILL).await
}

async fn send(calls: &Calls, task: &TaskId, signal: i32) -> Result<(), Error> {
    match calls.ask(calls.engine.kill(&names::container(task), signal)).await {
        Ok(()) | Err(Fault::Missing(_) | Fault::Conflict(_)) => Ok(()),
        Err(fault) => Err(unreachable(&format!("stopping task {task} by signal {signal}"), &fault)),
    }
}
