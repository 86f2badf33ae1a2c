//! Creating, starting and removing containers so that each happens once.
//!
//! Whatever the engine answers, or does not, it is then asked what there is: its description decides.

use crate::calls::unreachable;
use crate::engine::{Blueprint, Container, Fault, Phase};
use crate::executor::Shared;
use crate::{image, names, state};
use quorate_executor::{Error, ExitCause, Observed, Started, TaskId};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard};

/// Locks that keep this process's callers about one task or image in order; they are shared by hash.
const TURNS: usize = 64;

/// How often, and how long apart, to look whether a container is gone that the engine is removing.
const LOOKS: usize = 300;
const APART: Duration = Duration::from_millis(20);

/// Who may act on a task or an image now.
#[derive(Debug)]
pub(crate) struct Turns(Vec<Mutex<()>>);

impl Turns {
    pub(crate) fn new() -> Self {
        Self((0..TURNS).map(|_| Mutex::new(())).collect())
    }

    async fn take(&self, what: &str) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        what.hash(&mut hasher);
        let slot = usize::try_from(hasher.finish() % TURNS as u64).unwrap_or(0);
        self.0[slot].lock().await
    }
}

impl Shared {
    /// Brings an image to the engine; by one caller at a time.
    pub(crate) async fn prepare(&self, image: &str) -> Result<(), Error> {
        let _turn = self.turns.take(image).await;
        let (policy, patience) = (self.options.pull, self.options.pull_timeout);
        image::prepare(&self.calls, image, policy, patience).await
    }

    /// Creates a task's container unless it exists.
    pub(crate) async fn create(&self, task: &TaskId, blueprint: &Blueprint) -> Result<(), Error> {
        let name = names::container(task);
        if self.calls_it_ours(task).await? {
            return Ok(());
        }
        let mut answer = self.calls.ask(self.calls.engine.create(&name, blueprint)).await;
        if let Err(Fault::Missing(_)) = answer {
            // The image has gone since it was prepared.
            self.prepare(&blueprint.image).await?;
            answer = self.calls.ask(self.calls.engine.create(&name, blueprint)).await;
        }
        let fault = match answer {
            Ok(()) => return Ok(()),
            Err(Fault::Missing(reason)) => return Err(image::artifact(&blueprint.image, &reason)),
            Err(fault) => fault,
        };
        if self.has_appeared(task, &fault).await? {
            return Ok(());
        }
        match fault {
            Fault::Refused(reason) => {
                Err(Error::Invalid { task: task.clone(), field: "spec", reason })
            }
            fault => Err(unreachable(&format!("creating task {task}"), &fault)),
        }
    }

    /// Whether a creation that was not confirmed has happened. An engine takes a name before the
    /// container can be seen under it: a request that was given up may still be under way.
    async fn has_appeared(&self, task: &TaskId, fault: &Fault) -> Result<bool, Error> {
        let looks = if matches!(fault, Fault::Conflict(_)) { LOOKS } else { 1 };
        for look in 0..looks {
            if self.calls_it_ours(task).await? {
                return Ok(true);
            }
            if look + 1 < looks {
                self.calls.clock.sleep(APART).await;
            }
        }
        Ok(false)
    }

    /// Whether the name is taken by the task's own container. By a foreign one is an error.
    async fn calls_it_ours(&self, task: &TaskId) -> Result<bool, Error> {
        let name = names::container(task);
        let failed = |fault: Fault| unreachable(&format!("looking for container {name}"), &fault);
        let found = self.calls.ask(self.calls.engine.inspect(&name)).await.map_err(failed)?;
        let Some(found) = found else { return Ok(false) };
        if found.phase == Phase::Dying {
            self.until_gone(task, LOOKS, Fault::Conflict("it is being removed".to_owned())).await?;
            return Ok(false);
        }
        if names::task(&found.labels).as_ref() == Some(task) {
            return Ok(true);
        }
        let id = found.id;
        let reason = format!("container {name} ({id}) is not this task's; remove or rename it");
        Err(Error::Invalid { task: task.clone(), field: "name", reason })
    }

    /// Starts a task's container unless it has ever run.
    pub(crate) async fn start(&self, task: &TaskId) -> Result<Started, Error> {
        let _turn = self.turns.take(&names::container(task)).await;
        let absent = || Error::Absent(task.clone());
        let container = self.look(task).await?.ok_or_else(absent)?;
        if let Some(answer) = self.answer_to_start(task, &container) {
            return answer;
        }
        let Err(fault) = self.calls.ask(self.calls.engine.start(&names::container(task))).await
        else {
            let container = self.look(task).await?.ok_or_else(absent)?;
            return self.has_started(task, &container);
        };
        let container = self.look(task).await?.ok_or_else(absent)?;
        match (container.phase, self.answer_to_start(task, &container), fault) {
            // The answer was lost, not the request.
            (Phase::Running | Phase::Exited, ..) => self.has_started(task, &container),
            (_, Some(answer), _) => answer,
            (_, None, Fault::Refused(reason)) => {
                Err(Error::Start { task: task.clone(), command: names::container(task), reason })
            }
            (_, None, fault) => Err(unreachable(&format!("starting task {task}"), &fault)),
        }
    }

    /// What to say to a start without asking the engine for one.
    fn answer_to_start(
        &self,
        task: &TaskId,
        container: &Container,
    ) -> Option<Result<Started, Error>> {
        match state::observed(container, None) {
            Observed::Created => None,
            Observed::Running(_) => Some(self.has_started(task, container)),
            Observed::Exited(record) => Some(Err(match record.cause {
                ExitCause::StartFailed(reason) => {
                    Error::Start { task: task.clone(), command: names::container(task), reason }
                }
                _ => {
                    let reason = "has exited; create the next attempt instead".to_owned();
                    Error::Invalid { task: task.clone(), field: "state", reason }
                }
            })),
            _ => Some(Err(Error::Absent(task.clone()))),
        }
    }

    fn has_started(&self, task: &TaskId, container: &Container) -> Result<Started, Error> {
        if container.phase == Phase::Running
            && let Some(path) = names::log(&container.labels)
        {
            self.outputs.follow(task, path);
        }
        Ok(state::started(container))
    }

    /// Demands that a task runs.
    pub(crate) async fn running(&self, task: &TaskId) -> Result<(), Error> {
        match self.look(task).await? {
            None => Err(Error::Absent(task.clone())),
            Some(Container { phase: Phase::Running, .. }) => Ok(()),
            Some(_) => {
                let reason = "does not run".to_owned();
                Err(Error::Invalid { task: task.clone(), field: "state", reason })
            }
        }
    }

    /// Removes a container that does not run, and everything that is known of it.
    pub(crate) async fn remove(&self, task: &TaskId) -> Result<(), Error> {
        let answer = self.calls.ask(self.calls.engine.remove(&names::container(task))).await;
        let wait = matches!(answer, Err(Fault::Conflict(_) | Fault::Lost(_)));
        let fault = answer.err().unwrap_or_else(|| Fault::Lost("it is still there".to_owned()));
        self.until_gone(task, if wait { LOOKS } else { 1 }, fault).await?;
        self.outputs.forget(task);
        self.journal.forget(task)
    }

    /// Waits until a task's container is gone. `fault` is why it may not be.
    async fn until_gone(&self, task: &TaskId, looks: usize, fault: Fault) -> Result<(), Error> {
        for look in 0..looks {
            if self.look(task).await?.is_none() {
                return Ok(());
            }
            if look + 1 < looks {
                self.calls.clock.sleep(APART).await;
            }
        }
        Err(unreachable(&format!("removing task {task}"), &fault))
    }
}
