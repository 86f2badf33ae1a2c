//! A sound executor with a defect around it.

use super::{Fault, alter, output};
use crate::Cut;
use async_trait::async_trait;
use futures::stream::{BoxStream, StreamExt, iter, pending};
use quorate_executor::{
    Capabilities, Error, Event, ExecSession, ExecSpec, Executor, ExitCause, ExitRecord, Found,
    Health, Observed, SharedExecutor, Started, Stop, TaskId, TaskSpec,
};
use quorate_types::Uid;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Cuts the executors made with it off from their backend.
#[derive(Clone, Debug, Default)]
pub struct Switch(Arc<AtomicBool>);

impl Cut for Switch {
    fn cut(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn restore(&self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// An executor with a defect, or without one. It claims to survive its agent: its values share what
/// the one inside holds.
#[derive(Debug)]
pub struct Faulty {
    inner: SharedExecutor,
    fault: Option<Fault>,
    switch: Switch,
    /// The probe, for processes that nobody asked for.
    program: PathBuf,
    /// The tasks that this value has created.
    specs: Mutex<BTreeMap<TaskId, TaskSpec>>,
    strays: Mutex<Vec<Child>>,
    listeners: AtomicUsize,
}

impl Faulty {
    /// A defect around an executor; `program` is the probe.
    #[must_use]
    pub fn new(
        inner: SharedExecutor,
        fault: Option<Fault>,
        switch: Switch,
        program: PathBuf,
    ) -> Arc<Self> {
        let (specs, strays, listeners) = Default::default();
        Arc::new(Self { inner, fault, switch, program, specs, strays, listeners })
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn spec(&self, task: &TaskId) -> Option<TaskSpec> {
        locked(&self.specs).get(task).cloned()
    }

    fn forgets(&self, task: &TaskId) -> bool {
        self.has(Fault::ForgetsAfterRestart) && self.spec(task).is_none()
    }

    /// Runs a task's twin: the same under another name, into the same log.
    async fn run_twin(&self, task: &TaskId) -> Result<Started, Error> {
        let spec = self.spec(task).ok_or_else(|| Error::Absent(task.clone()))?;
        let id = TaskId { name: format!("{}-twin", task.name), ..task.clone() };
        self.inner.create(&TaskSpec { id: id.clone(), ..spec }).await?;
        self.inner.start(&id).await
    }

    /// Starts a process that belongs to no task.
    fn stray(&self, task: &TaskId) -> Result<(), Error> {
        let token = self.spec(task).and_then(|spec| spec.args.first().cloned());
        let mut command = Command::new(&self.program);
        command.args(token).arg("hang").stdin(Stdio::null());
        let child = command.spawn().map_err(|error| Error::io("starting a stray", error))?;
        locked(&self.strays).push(child);
        Ok(())
    }

    async fn wait_for_end(&self, task: &TaskId) {
        let mut events = self.inner.events();
        while matches!(self.inner.observe(task).await, Observed::Running(_)) {
            events.next().await;
        }
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        for stray in locked(&self.strays).iter_mut() {
            // One that is gone needs no killing.
            let _ = stray.kill();
            let _ = stray.wait();
        }
    }
}

#[async_trait]
impl Executor for Faulty {
    fn kind(&self) -> &'static str {
        "faulty"
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.inner.capabilities();
        capabilities.survives_agent = true;
        capabilities
    }

    async fn health(&self) -> Health {
        self.inner.health().await
    }

    async fn prepare(&self, image: &str) -> Result<(), Error> {
        match self.inner.prepare(image).await {
            Err(Error::Artifact { reason, .. }) if self.has(Fault::MissingImageIsTransient) => {
                Err(Error::Unreachable { executor: self.kind(), reason })
            }
            other => other,
        }
    }

    async fn create(&self, spec: &TaskSpec) -> Result<(), Error> {
        let spec = &alter::spec(self.fault, spec);
        if self.has(Fault::CreateForgetsEnd) {
            // A running task refuses.
            let _ = self.inner.remove(&spec.id).await;
        }
        self.inner.create(spec).await?;
        locked(&self.specs).insert(spec.id.clone(), spec.clone());
        if self.has(Fault::StartsOnCreate) {
            self.inner.start(&spec.id).await?;
        }
        Ok(())
    }

    async fn start(&self, task: &TaskId) -> Result<Started, Error> {
        let task = &alter::task(self.fault, task);
        if self.forgets(task) {
            return Err(Error::Absent(task.clone()));
        }
        match (self.fault, self.inner.observe(task).await, self.spec(task)) {
            (Some(Fault::StartsTwice), Observed::Running(started), _) => {
                self.run_twin(task).await?;
                return Ok(started);
            }
            (Some(Fault::StartsEndedAgain), Observed::Exited(_), _) => {
                return self.run_twin(task).await;
            }
            (Some(Fault::LeavesChild), ..) => self.stray(task)?,
            (Some(Fault::EmptiesLog), _, Some(spec)) => {
                std::fs::write(&spec.log_path, "").map_err(|e| Error::io("emptying a log", e))?;
            }
            _ => {}
        }
        let mut started = match self.inner.start(task).await {
            Err(Error::Start { .. }) if self.has(Fault::MissingProgramStarts) => no_start(),
            Err(Error::Absent(_)) if self.has(Fault::UnknownTaskStarts) => no_start(),
            other => other?,
        };
        if self.has(Fault::HasNoTimes) {
            started.started_ms = 0;
        }
        Ok(started)
    }

    async fn observe(&self, task: &TaskId) -> Observed {
        let task = &alter::task(self.fault, task);
        if self.switch.0.load(Ordering::SeqCst) {
            return if self.has(Fault::UnknownIsExited) {
                Observed::Exited(guessed())
            } else {
                Observed::Unreachable("switched off".to_owned())
            };
        }
        if self.forgets(task) {
            return Observed::Absent;
        }
        let observed = self.inner.observe(task).await;
        if let (Observed::Exited(_), Some(spec)) = (&observed, self.spec(task)) {
            // A log that cannot be spoiled is a sound one, which the case tells.
            let _ = output::spoil(self.fault, &spec.log_path);
        }
        alter::observed(self.fault, observed)
    }

    async fn stop(&self, task: &TaskId, how: Stop) -> Result<(), Error> {
        let task = &alter::task(self.fault, task);
        if self.has(Fault::RefusesStopOfAbsent) && self.spec(task).is_none() {
            return Err(Error::Absent(task.clone()));
        }
        self.inner.stop(task, alter::stop(self.fault, how)).await?;
        if self.has(Fault::StopsNeighbours) {
            for found in self.inner.adopt().await? {
                self.inner.stop(&found.task, how).await?;
            }
        }
        if self.has(Fault::StopWaits) {
            self.wait_for_end(task).await;
        }
        Ok(())
    }

    async fn remove(&self, task: &TaskId) -> Result<(), Error> {
        let task = &alter::task(self.fault, task);
        if self.has(Fault::RefusesSecondRemoval)
            && self.inner.observe(task).await == Observed::Absent
        {
            return Err(Error::Absent(task.clone()));
        }
        match self.inner.remove(task).await {
            Err(_) if self.has(Fault::RemovesRunning) => self.inner.stop(task, Stop::Kill).await,
            other => other,
        }
    }

    async fn remove_pod(&self, pod: &Uid) -> Result<(), Error> {
        self.inner.remove_pod(pod).await
    }

    async fn adopt(&self) -> Result<Vec<Found>, Error> {
        let mut found = self.inner.adopt().await?;
        found.retain(|found| !self.forgets(&found.task));
        if self.has(Fault::ForgetsEnded) {
            found.retain(|found| !matches!(found.observed, Observed::Exited(_)));
        }
        if self.has(Fault::ListsTwice) {
            found.extend(found.clone());
        }
        for found in &mut found {
            found.observed = alter::observed(self.fault, found.observed.clone());
        }
        Ok(found)
    }

    fn events(&self) -> BoxStream<'static, Event> {
        let events = self.inner.events();
        let before = self.listeners.fetch_add(1, Ordering::SeqCst);
        match self.fault {
            Some(Fault::LosesEvents) => pending().boxed(),
            Some(Fault::TellsOneListener) if before > 0 => pending().boxed(),
            Some(Fault::FloodsEvents) => {
                events.flat_map(|event| iter(std::iter::repeat_n(event, 50))).boxed()
            }
            Some(Fault::InventsEvents) => events
                .flat_map(|event| {
                    let attempt = event.task.attempt + 1;
                    let invented = Event { task: TaskId { attempt, ..event.task.clone() } };
                    iter([invented, event])
                })
                .boxed(),
            _ => events,
        }
    }

    async fn exec(&self, task: &TaskId, exec: &ExecSpec) -> Result<ExecSession, Error> {
        if self.has(Fault::AnswersOddly) {
            return Err(Error::Absent(task.clone()));
        }
        self.inner.exec(task, exec).await
    }
}

/// The answer of a start that did not happen.
fn no_start() -> Started {
    Started { started_ms: 1, pid: None, external_id: "none".to_owned() }
}

/// An end that nobody has seen.
fn guessed() -> ExitRecord {
    let cause = ExitCause::ExecutorLost;
    ExitRecord { code: None, signal: None, cause, started_ms: 0, finished_ms: 0 }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
