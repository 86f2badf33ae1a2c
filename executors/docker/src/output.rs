//! From the engine's copy of a container's output to the task's log file.
//!
//! One follower per running container writes as output comes; whoever sees an exit drains what is left
//! before telling. Both may run at once: under one lock they ask the file's cursor for every message
//! (see `stream`), so each is written once.

use crate::calls::Calls;
use crate::engine::{Fault, Message};
use crate::names;
use crate::stream::{Cursor, Reading};
use futures::stream::StreamExt;
use quorate_executor::{LogFile, TaskId};
use quorate_seams::TaskSet;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Messages that are written at once, if so many are there.
const BATCH: usize = 512;

/// How long to wait before the engine is asked again after it was lost.
const RETRY: Duration = Duration::from_millis(200);

/// The output of one task.
#[derive(Debug)]
struct Output {
    path: PathBuf,
    file: Mutex<Option<(Cursor, LogFile)>>,
    state: Mutex<Progress>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    followed: bool,
    /// All there will ever be is in the file.
    drained: bool,
}

/// The output of all tasks of a node.
#[derive(Debug)]
pub(crate) struct Outputs {
    calls: Calls,
    tasks: Mutex<BTreeMap<TaskId, Arc<Output>>>,
    followers: TaskSet,
}

impl Outputs {
    pub(crate) fn new(calls: Calls) -> Self {
        Self { calls, tasks: Mutex::default(), followers: TaskSet::new() }
    }

    /// Follows a running container, unless it is followed already.
    pub(crate) fn follow(&self, task: &TaskId, path: PathBuf) {
        let output = self.output(task, path);
        let mut state = output.state.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut state.followed, true) || state.drained {
            return;
        }
        drop(state);
        let (calls, name) = (self.calls.clone(), names::container(task));
        self.followers.spawn(async move { output.follow(&calls, &name).await });
    }

    /// Writes what is left of an ended container's output.
    pub(crate) async fn drain(&self, task: &TaskId, path: PathBuf) -> Result<(), Fault> {
        let output = self.output(task, path);
        if output.progress().drained {
            return Ok(());
        }
        let name = names::container(task);
        match self.calls.ask(output.read(&self.calls, &name, false)).await {
            Err(Fault::Lost(reason)) => return Err(Fault::Lost(reason)),
            // An engine that answers has nothing more to give; the task's end is no less true.
            Err(fault) => tracing::warn!(%task, %fault, "output may be incomplete"),
            Ok(()) => {}
        }
        output.state.lock().unwrap_or_else(PoisonError::into_inner).drained = true;
        Ok(())
    }

    /// Forgets a task.
    pub(crate) fn forget(&self, task: &TaskId) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).remove(task);
    }

    fn output(&self, task: &TaskId, path: PathBuf) -> Arc<Output> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Output { path, file: Mutex::default(), state: Mutex::default() };
        tasks.entry(task.clone()).or_insert_with(|| Arc::new(new())).clone()
    }
}

impl Output {
    fn progress(&self) -> Progress {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn follow(&self, calls: &Calls, name: &str) {
        while let Err(Fault::Lost(_) | Fault::Failed(_)) = self.read(calls, name, true).await {
            if self.progress().drained {
                return;
            }
            calls.clock.sleep(RETRY).await;
        }
    }

    /// Reads from where the file ends, until the engine has no more to say.
    async fn read(&self, calls: &Calls, name: &str, follow: bool) -> Result<(), Fault> {
        let since_secs = self.since_secs().map_err(|error| self.unusable(&error))?;
        let mut reading = Reading::default();
        let messages = calls.engine.logs(name, since_secs, follow);
        let mut batches = messages.ready_chunks(BATCH);
        while let Some(batch) = batches.next().await {
            self.write(&mut reading, batch)?;
        }
        Ok(())
    }

    fn since_secs(&self) -> io::Result<i64> {
        self.with_file(|cursor, _| Ok(cursor.since_secs()))
    }

    fn write(
        &self,
        reading: &mut Reading,
        batch: Vec<Result<Message, Fault>>,
    ) -> Result<(), Fault> {
        let mut fault = Ok(());
        let written = self.with_file(|cursor, file| {
            let mut lines = Vec::new();
            for message in batch {
                match message {
                    Ok(message) if reading.is_new(cursor, &message) => {
                        lines.extend(cursor.line(&message));
                    }
                    Ok(_) => {}
                    Err(other) => fault = Err(other),
                }
            }
            file.append(&lines)
        });
        written.map_err(|error| self.unusable(&error))?;
        fault
    }

    /// Uses the file, which is opened when it is first needed.
    fn with_file<T>(
        &self,
        act: impl FnOnce(&mut Cursor, &LogFile) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let (cursor, file) = match &mut *file {
            Some((cursor, file)) => (cursor, file),
            none => {
                let opened = (Cursor::of_file(&self.path)?, LogFile::open(&self.path)?);
                let (cursor, file) = none.insert(opened);
                (cursor, file)
            }
        };
        act(cursor, file)
    }

    fn unusable(&self, error: &io::Error) -> Fault {
        Fault::Refused(format!("log file {}: {error}", self.path.display()))
    }
}
