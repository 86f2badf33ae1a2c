//! An executor that does as the test says.

use async_trait::async_trait;
use futures::stream::{BoxStream, StreamExt};
use quorate_executor::{
    Capabilities, Error, Event, Executor, ExitCause, ExitRecord, Found, Health, Observed, Started,
    Stop, TaskId, TaskSpec,
};
use quorate_types::Uid;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::broadcast;

/// What the wall clock of every fake task says.
pub(crate) const WALL_MS: i64 = 1_767_225_600_000;

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) tasks: BTreeMap<TaskId, Observed>,
    pub(crate) specs: BTreeMap<TaskId, TaskSpec>,
    /// How often each task was really started.
    pub(crate) starts: BTreeMap<TaskId, u32>,
    /// Pods freed.
    pub(crate) freed: BTreeSet<Uid>,
    /// Nothing can be asked or done.
    pub(crate) cut: bool,
    /// `adopt` fails.
    pub(crate) mute: bool,
    /// SIGTERM is ignored.
    pub(crate) stubborn: bool,
    /// The way in which each task was last asked to stop.
    pub(crate) stops: BTreeMap<TaskId, Stop>,
}

#[derive(Debug)]
pub(crate) struct FakeExecutor {
    state: Mutex<State>,
    events: broadcast::Sender<Event>,
}

impl FakeExecutor {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), events: broadcast::Sender::new(1024) })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn hint(&self, task: &TaskId) {
        let _ = self.events.send(Event { task: task.clone() });
    }

    /// A running task ends.
    pub(crate) fn exit(&self, task: &TaskId, code: Option<i32>, signal: Option<i32>) {
        let record = ExitRecord {
            code,
            signal,
            cause: ExitCause::Normal,
            started_ms: WALL_MS,
            finished_ms: WALL_MS + 5,
        };
        self.state().tasks.insert(task.clone(), Observed::Exited(record));
        self.hint(task);
    }

    /// The backend goes away or comes back.
    pub(crate) fn cut(&self, cut: bool) {
        self.state().cut = cut;
        let tasks: Vec<TaskId> = self.state().tasks.keys().cloned().collect();
        tasks.iter().for_each(|task| self.hint(task));
    }

    fn reach(&self) -> Result<MutexGuard<'_, State>, Error> {
        let state = self.state();
        if state.cut {
            let reason = "cut by the test".to_owned();
            return Err(Error::Unreachable { executor: "fake", reason });
        }
        Ok(state)
    }
}

#[async_trait]
impl Executor for FakeExecutor {
    fn kind(&self) -> &'static str {
        "fake"
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.mounts = true;
        capabilities
    }

    async fn health(&self) -> Health {
        Health::Healthy
    }

    async fn prepare(&self, image: &str) -> Result<(), Error> {
        drop(self.reach()?);
        if image == "missing" {
            let reason = "there is none; put it there".to_owned();
            return Err(Error::Artifact { image: image.to_owned(), reason });
        }
        if image == "endless" {
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    async fn create(&self, spec: &TaskSpec) -> Result<(), Error> {
        let mut state = self.reach()?;
        state.tasks.entry(spec.id.clone()).or_insert(Observed::Created);
        state.specs.insert(spec.id.clone(), spec.clone());
        Ok(())
    }

    async fn start(&self, task: &TaskId) -> Result<Started, Error> {
        let mut state = self.reach()?;
        let started =
            Started { started_ms: WALL_MS, pid: Some(1), external_id: format!("fake://{task}") };
        match state.tasks.get(task) {
            Some(Observed::Running(started)) => return Ok(started.clone()),
            Some(Observed::Created) => {}
            other => panic!("start of {task} which is {other:?}"),
        }
        let alive = state.tasks.iter().find(|(other, observed)| {
            other.pod == task.pod
                && other.name == task.name
                && *other != task
                && matches!(observed, Observed::Running(_))
        });
        assert!(alive.is_none(), "{task} is started while {alive:?}");
        *state.starts.entry(task.clone()).or_default() += 1;
        let command = state.specs[task].command.first().cloned().unwrap_or_default();
        if command == "/bin/none" {
            let reason = "no such file".to_owned();
            let record = ExitRecord {
                code: None,
                signal: None,
                cause: ExitCause::StartFailed(format!("{command}: {reason}")),
                started_ms: 0,
                finished_ms: WALL_MS,
            };
            state.tasks.insert(task.clone(), Observed::Exited(record));
            return Err(Error::Start { task: task.clone(), command, reason });
        }
        state.tasks.insert(task.clone(), Observed::Running(started.clone()));
        Ok(started)
    }

    async fn observe(&self, task: &TaskId) -> Observed {
        let state = self.state();
        if state.cut {
            return Observed::Unreachable("cut by the test".to_owned());
        }
        state.tasks.get(task).cloned().unwrap_or(Observed::Absent)
    }

    async fn stop(&self, task: &TaskId, how: Stop) -> Result<(), Error> {
        let mut state = self.reach()?;
        state.stops.insert(task.clone(), how);
        let running = matches!(state.tasks.get(task), Some(Observed::Running(_)));
        let obeys = how == Stop::Kill || !state.stubborn;
        drop(state);
        if running && obeys {
            self.exit(task, None, Some(if how == Stop::Kill { 9 } else { 15 }));
        }
        Ok(())
    }

    async fn remove(&self, task: &TaskId) -> Result<(), Error> {
        let removed = self.reach()?.tasks.remove(task);
        assert!(!matches!(removed, Some(Observed::Running(_))), "{task} is removed while it runs");
        Ok(())
    }

    async fn remove_pod(&self, pod: &Uid) -> Result<(), Error> {
        let mut state = self.reach()?;
        assert!(state.tasks.keys().all(|task| task.pod != *pod), "{pod} is freed with tasks left");
        state.freed.insert(pod.clone());
        Ok(())
    }

    async fn adopt(&self) -> Result<Vec<Found>, Error> {
        let state = self.reach()?;
        if state.mute {
            let reason = "mute".to_owned();
            return Err(Error::Unreachable { executor: "fake", reason });
        }
        let found = |(task, observed): (&TaskId, &Observed)| Found {
            task: task.clone(),
            observed: observed.clone(),
        };
        Ok(state.tasks.iter().map(found).collect())
    }

    fn events(&self) -> BoxStream<'static, Event> {
        let events = self.events.subscribe();
        futures::stream::unfold(events, |mut events| async move {
            loop {
                match events.recv().await {
                    Ok(event) => return Some((event, events)),
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        })
        .boxed()
    }
}
