//! The runners of one pod's probes.

use super::{ContainerProbes, Probe, ProbeKind, ProbeState, Verdict, check};
use quorate_executor::TaskId;
use quorate_seams::{SharedClock, Task, spawn};
use std::collections::BTreeMap;
use std::net::IpAddr;
use tokio::sync::mpsc;

/// A changed verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeReport {
    /// The run that was asked.
    pub task: TaskId,
    /// Which probe.
    pub kind: ProbeKind,
    /// The verdict.
    pub verdict: Verdict,
    /// Why not, if not.
    pub message: String,
}

/// What the probes say about one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// It has started: its startup probe succeeded, or it has none.
    pub started: bool,
    /// It can serve.
    pub ready: bool,
    /// Why it must be restarted.
    pub failed: Option<String>,
    /// Why it is not ready, for people.
    pub message: Option<String>,
}

#[derive(Debug)]
struct Run {
    task: TaskId,
    probes: ContainerProbes,
    health: Health,
    runners: Vec<Task<()>>,
}

/// The probes of one pod's running containers. Dropping it stops them.
#[derive(Debug)]
pub struct ProbeSet {
    clock: SharedClock,
    reports: mpsc::Sender<ProbeReport>,
    runs: BTreeMap<String, Run>,
}

impl ProbeSet {
    /// No probes yet; changed verdicts go to the channel.
    #[must_use]
    pub fn new(clock: SharedClock, reports: mpsc::Sender<ProbeReport>) -> Self {
        Self { clock, reports, runs: BTreeMap::new() }
    }

    /// What is known about a container's present run.
    #[must_use]
    pub fn health(&self, container: &str) -> Option<&Health> {
        self.runs.get(container).map(|run| &run.health)
    }

    /// Containers that must be restarted.
    pub fn unhealthy(&self) -> impl Iterator<Item = &String> {
        self.runs.iter().filter(|(_, run)| run.health.failed.is_some()).map(|(name, _)| name)
    }

    /// Starts probing a run, unless it is being probed. `before` is what was known of the same run
    /// before the agent started: a ready container stays ready until a probe says otherwise.
    pub fn watch(&mut self, task: &TaskId, probes: &ContainerProbes, ip: IpAddr, before: Health) {
        if self.runs.get(&task.name).is_some_and(|run| run.task == *task) {
            return;
        }
        let started = probes.startup.is_none() || before.started;
        let ready = started && (probes.readiness.is_none() || before.ready);
        let health = Health { started, ready, failed: None, message: None };
        let runners = Vec::new();
        let mut run = Run { task: task.clone(), probes: probes.clone(), health, runners };
        match &probes.startup {
            Some(startup) if !started => {
                let runner = self.runner(task, ProbeKind::Startup, startup, ip, None);
                run.runners.push(runner);
            }
            _ => run.runners = self.after_startup(task, probes, ip, ready),
        }
        self.runs.insert(task.name.clone(), run);
    }

    /// Stops probing every container whose run is not among these.
    pub fn retain(&mut self, running: impl Fn(&TaskId) -> bool) {
        self.runs.retain(|_, run| running(&run.task));
    }

    /// Takes in a changed verdict. Verdicts about earlier runs are ignored.
    pub fn note(&mut self, report: ProbeReport, ip: IpAddr) {
        let Some(run) = self.runs.get_mut(&report.task.name) else { return };
        if run.task != report.task {
            return;
        }
        let success = report.verdict == Verdict::Success;
        match report.kind {
            ProbeKind::Readiness => {
                run.health.ready = success;
                run.health.message = (!success).then_some(report.message);
            }
            ProbeKind::Liveness | ProbeKind::Startup if !success => {
                run.health.failed = Some(report.message);
                run.health.ready = false;
                run.runners.clear();
            }
            ProbeKind::Liveness => {}
            ProbeKind::Startup => {
                run.health.started = true;
                run.health.ready = run.probes.readiness.is_none();
                let probes = run.probes.clone();
                let runners = self.after_startup(&report.task, &probes, ip, false);
                if let Some(run) = self.runs.get_mut(&report.task.name) {
                    run.runners = runners;
                }
            }
        }
    }

    fn after_startup(
        &self,
        task: &TaskId,
        probes: &ContainerProbes,
        ip: IpAddr,
        ready: bool,
    ) -> Vec<Task<()>> {
        let resumed = ready.then_some(Verdict::Success);
        let readiness = probes.readiness.as_ref();
        let readiness =
            readiness.map(|probe| self.runner(task, ProbeKind::Readiness, probe, ip, resumed));
        let liveness = probes.liveness.as_ref();
        let liveness =
            liveness.map(|probe| self.runner(task, ProbeKind::Liveness, probe, ip, None));
        readiness.into_iter().chain(liveness).collect()
    }

    fn runner(
        &self,
        task: &TaskId,
        kind: ProbeKind,
        probe: &Probe,
        ip: IpAddr,
        resumed: Option<Verdict>,
    ) -> Task<()> {
        let (task, probe) = (task.clone(), probe.clone());
        let (clock, reports) = (self.clock.clone(), self.reports.clone());
        spawn(async move {
            let mut state = resumed.map_or_else(ProbeState::default, ProbeState::resumed);
            clock.sleep(probe.initial_delay).await;
            loop {
                let answer = check(&probe, ip, &clock).await;
                let before = state.verdict();
                let wait = state.answer(kind, &probe, answer.is_ok());
                if let Some(verdict) = state.verdict().filter(|now| Some(*now) != before) {
                    let message = answer.err().unwrap_or_default();
                    let report = ProbeReport { task: task.clone(), kind, verdict, message };
                    if reports.send(report).await.is_err() {
                        return;
                    }
                    if kind == ProbeKind::Startup {
                        return;
                    }
                }
                clock.sleep(wait).await;
            }
        })
    }
}
