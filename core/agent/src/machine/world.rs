//! A model of executor, journal and agent life for the property tests.

use super::{
    Action, ContainerPlan, Decision, History, Observation, PodPlan, PodRecord, RestartBackOff,
    RestartPolicy, StopRequest, decide,
};
use crate::supervise::adopt::raise;
use quorate_executor::{ExitCause, ExitRecord, Observed, Started, TaskId};
use quorate_seams::Monotonic;
use quorate_types::Uid;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub(super) const WALL_MS: i64 = 1_767_225_600_000;

/// Something that happens.
#[derive(Clone, Debug)]
pub(super) enum Happening {
    /// The agent decides, journals and acts; it dies before so many of its actions, if given.
    Decide { dies_before: Option<usize> },
    /// The agent dies between deciding and journalling.
    DieUnjournalled,
    /// The agent dies between creating a run and starting it.
    DieCreated,
    /// A running task of a container exits.
    Exit { container: usize, code: i32 },
    /// A requested stop takes effect.
    StopTakes { container: usize },
    /// The executor is cut off, or answers again.
    Cut(bool),
    /// The executor forgets a task that it was known to run.
    Lose { container: usize },
    /// Time passes.
    Pass(u64),
    /// The pod is to be deleted.
    Delete { grace: u64 },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sim {
    Created,
    Running,
    Exited(ExitRecord),
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) plan: PodPlan,
    pub(super) tasks: BTreeMap<TaskId, Sim>,
    pub(super) stopping: BTreeSet<TaskId>,
    pub(super) history: History,
    pub(super) journal: PodRecord,
    pub(super) deleting: Option<Duration>,
    pub(super) released: bool,
    pub(super) cut: bool,
    pub(super) now: Monotonic,
    /// Runs that are over, and proven so.
    pub(super) ended: BTreeSet<TaskId>,
}

pub(super) fn plan(restart: RestartPolicy, init: usize, main: usize) -> PodPlan {
    let named = |prefix: &str, count: usize| {
        (0..count)
            .map(|at| ContainerPlan { name: format!("{prefix}{at}"), ..ContainerPlan::default() })
            .collect()
    };
    PodPlan { restart, init: named("init", init), main: named("main", main), ..PodPlan::default() }
}

pub(super) fn record() -> PodRecord {
    PodRecord {
        uid: Uid::from_stored("pod-1"),
        namespace: "default".into(),
        name: "web".into(),
        executor: "fake".into(),
        pod_ip: None,
        grace_seconds: 30,
        accepted_ms: WALL_MS,
        containers: BTreeMap::new(),
    }
}

pub(super) fn exit(code: i32) -> ExitRecord {
    let cause = ExitCause::Normal;
    let (started_ms, finished_ms) = (WALL_MS, WALL_MS + 10);
    ExitRecord { code: Some(code), signal: None, cause, started_ms, finished_ms }
}

pub(super) fn started() -> Started {
    Started { started_ms: WALL_MS, pid: Some(7), external_id: "fake://7".into() }
}

impl World {
    pub(super) fn new(plan: PodPlan) -> Self {
        Self {
            plan,
            tasks: BTreeMap::new(),
            stopping: BTreeSet::new(),
            history: History::new(record()),
            journal: record(),
            deleting: None,
            released: false,
            cut: false,
            now: Monotonic::default(),
            ended: BTreeSet::new(),
        }
    }

    pub(super) fn observation(&self) -> Observation {
        let record = &self.history.record;
        let current = record.containers.iter().filter(|(_, container)| container.ended.is_none());
        let current = current.filter_map(|(name, _)| record.task(name));
        let all: BTreeSet<TaskId> = current.chain(self.tasks.keys().cloned()).collect();
        let see = |task: TaskId| {
            let observed = match self.tasks.get(&task) {
                _ if self.cut => Observed::Unreachable("cut off".into()),
                None => Observed::Absent,
                Some(Sim::Created) => Observed::Created,
                Some(Sim::Running) => Observed::Running(started()),
                Some(Sim::Exited(exit)) => Observed::Exited(exit.clone()),
            };
            (task, observed)
        };
        Observation {
            tasks: all.into_iter().map(see).collect(),
            deleting: self.deleting,
            wall_ms: WALL_MS,
            ..Observation::default()
        }
    }

    pub(super) fn decide(&self) -> Decision {
        let back_off = RestartBackOff::default();
        decide(&self.plan, &self.history, &self.observation(), &back_off, self.now)
    }

    /// Lets something happen; the error says which promise was broken.
    pub(super) fn happen(&mut self, happening: &Happening) -> Result<(), String> {
        match happening {
            Happening::Decide { dies_before } => return self.live(*dies_before),
            Happening::DieUnjournalled => self.die(),
            Happening::DieCreated => self.die_created(),
            Happening::Exit { container, code } => {
                if let Some(task) = self.pick(*container, |sim| *sim == Sim::Running) {
                    self.tasks.insert(task, Sim::Exited(exit(*code)));
                }
            }
            Happening::StopTakes { container } => {
                let stopping = self.stopping.clone();
                if let Some(task) = self.pick(*container, |sim| *sim == Sim::Running)
                    && stopping.contains(&task)
                {
                    self.tasks.insert(task, Sim::Exited(exit(143)));
                }
            }
            Happening::Cut(cut) => self.cut = *cut,
            Happening::Lose { container } => {
                let known = |task: &TaskId| {
                    let container = self.history.record.containers.get(&task.name);
                    container.is_some_and(|c| c.attempt == task.attempt && c.started.is_some())
                };
                if let Some(task) = self.pick(*container, |_| true).filter(known) {
                    self.tasks.remove(&task);
                    self.ended.insert(task);
                }
            }
            Happening::Pass(ms) => self.now = self.now + Duration::from_millis(*ms),
            Happening::Delete { grace } => self.deleting = Some(Duration::from_secs(*grace)),
        }
        Ok(())
    }

    fn pick(&self, container: usize, like: impl Fn(&Sim) -> bool) -> Option<TaskId> {
        let names: Vec<&String> = self.plan.containers().map(|container| &container.name).collect();
        let name = names[container % names.len()];
        let mut tasks = self.tasks.iter();
        tasks.find(|(task, sim)| task.name == *name && like(sim)).map(|(task, _)| task.clone())
    }

    fn live(&mut self, dies_before: Option<usize>) -> Result<(), String> {
        if self.released {
            return Ok(());
        }
        let decision = self.decide();
        self.history = decision.history;
        self.journal = self.history.record.clone();
        for (at, action) in decision.actions.into_iter().enumerate() {
            if dies_before == Some(at) {
                self.die();
                return Ok(());
            }
            self.act(action)?;
        }
        Ok(())
    }

    fn die_created(&mut self) {
        if self.released {
            return;
        }
        let decision = self.decide();
        self.journal = decision.history.record;
        for action in decision.actions {
            if let Action::Start(task) = action
                && !self.cut
            {
                self.tasks.entry(task).or_insert(Sim::Created);
            }
        }
        self.die();
    }

    /// The agent dies; the next one reads the journal and asks the executor.
    fn die(&mut self) {
        let mut record = self.journal.clone();
        let found: Vec<TaskId> = self.tasks.keys().cloned().collect();
        raise(&mut record, &found);
        let back_off = RestartBackOff::default();
        self.history = History::from_record(record, &back_off, self.now, WALL_MS);
    }

    fn act(&mut self, action: Action) -> Result<(), String> {
        match action {
            Action::Start(task) => self.start(task)?,
            Action::Stop(task, how) => {
                if self.cut {
                    return Err(format!("{task} is stopped although nothing is known of it"));
                }
                let at = self.now;
                self.history.note_stop(task.clone(), StopRequest { how, at });
                self.stopping.insert(task);
            }
            Action::Remove(task) => match self.tasks.remove(&task) {
                Some(Sim::Running) => return Err(format!("{task} is removed while it runs")),
                Some(Sim::Exited(_)) => {
                    self.ended.insert(task);
                }
                _ => {}
            },
            Action::Free if !self.tasks.is_empty() => {
                return Err(format!("freed with {:?} left", self.tasks));
            }
            Action::Free => self.history.note_freed(),
            Action::Release if !self.tasks.is_empty() || self.deleting.is_none() => {
                return Err(format!("released with {:?} left", self.tasks));
            }
            Action::Release => self.released = true,
        }
        Ok(())
    }

    fn start(&mut self, task: TaskId) -> Result<(), String> {
        if self.cut && self.tasks.contains_key(&task) {
            return Err(format!("{task} is started although nothing is known of it"));
        }
        if self.deleting.is_some() {
            return Err(format!("{task} is started although the pod is being deleted"));
        }
        if self.ended.contains(&task) {
            return Err(format!("{task} has run before"));
        }
        let alive = |(other, sim): (&TaskId, &Sim)| {
            other.name == task.name && *other != task && !matches!(sim, Sim::Exited(_))
        };
        if let Some((other, _)) = self.tasks.iter().find(|entry| alive(*entry)) {
            return Err(format!("{task} is started while {other} lives"));
        }
        if matches!(self.tasks.get(&task), Some(Sim::Exited(_))) {
            return Err(format!("{task} is started after its end"));
        }
        if !self.cut {
            self.tasks.insert(task, Sim::Running);
        }
        Ok(())
    }

    /// Decides and acts until nothing is left to do; the error says if that never comes, or if the
    /// same decision would not come out again.
    pub(super) fn settle(&mut self) -> Result<(), String> {
        for _ in 0..50 {
            let decision = self.decide();
            if decision.actions.is_empty() || self.released {
                self.history = decision.history;
                self.journal = self.history.record.clone();
                let again = self.decide();
                let same = again.history == self.history && again.actions.is_empty();
                return if same || self.released {
                    Ok(())
                } else {
                    Err(format!("not settled: {again:?}"))
                };
            }
            self.live(None)?;
        }
        Err("does not settle".to_owned())
    }
}
