//! The actor's loop.

use super::bring_up::Outcome;
use super::plan::read_plan;
use super::{Doorbell, grace_seconds};
use crate::machine::{Decision, History, Observation, PodPlan, PodRecord, Trouble, decide};
use crate::node::Node;
use crate::probe::{Health, ProbeReport, ProbeSet};
use crate::status::{View, pod_status};
use futures::StreamExt;
use futures::future::{BoxFuture, join_all};
use futures::stream::FuturesUnordered;
use quorate_executor::{Observed, SharedExecutor, TaskId};
use quorate_kinds::k8s_openapi::api::core::v1::{Pod, PodStatus};
use quorate_resources::Object;
use quorate_seams::Monotonic;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// How long the first report of a pod waits for its containers: a pod that is up by then is
/// reported once, as running.
const FIRST_REPORT: Duration = Duration::from_millis(100);
/// Changed verdicts that may wait for the actor; its probes wait beyond that.
const REPORTS: usize = 16;
/// Bounds of the wait before something that failed is tried again.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// What the control plane wants of a pod.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    /// What its object says.
    Object(Arc<Object>),
    /// Nothing: the object is gone.
    Gone,
    /// The agent stops and leaves the tasks running.
    Detach,
}

/// What an actor starts with.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) node: Arc<Node>,
    pub(crate) executor: Option<SharedExecutor>,
    pub(crate) record: PodRecord,
    /// Whether the record is what the journal holds.
    pub(crate) journalled: bool,
    /// Tasks that the executor was found to hold.
    pub(crate) found: Vec<TaskId>,
    pub(crate) wanted: watch::Receiver<Wanted>,
    pub(crate) doorbell: Arc<Doorbell>,
}

pub(crate) struct PodActor {
    pub(super) node: Arc<Node>,
    pub(super) executor: Option<SharedExecutor>,
    pub(super) wanted: watch::Receiver<Wanted>,
    doorbell: Arc<Doorbell>,
    pub(super) pod: Option<Arc<Pod>>,
    plan: PodPlan,
    pub(super) history: History,
    journalled: Option<PodRecord>,
    pub(super) tasks: BTreeMap<TaskId, Observed>,
    pub(super) starting: FuturesUnordered<BoxFuture<'static, (TaskId, Outcome)>>,
    pub(super) busy: BTreeSet<String>,
    pub(super) cancel: watch::Sender<bool>,
    probes: ProbeSet,
    reports: mpsc::Receiver<ProbeReport>,
    /// What the API said about containers when this agent took the pod over.
    before: BTreeMap<String, (u32, Health)>,
    deleting: Option<Duration>,
    look: bool,
    retry: Option<Monotonic>,
    retries: u32,
    next_resync: Monotonic,
    hold_until: Monotonic,
    reported: Option<PodStatus>,
    report_again: bool,
}

impl PodActor {
    pub(crate) fn new(start: Start) -> Self {
        let Start { node, executor, record, journalled, found, wanted, doorbell } = start;
        let (clock, now) = (node.seams.clock.clone(), node.seams.clock.now());
        let (sender, reports) = mpsc::channel(REPORTS);
        let wall = clock.wall().as_millis();
        let journalled = journalled.then(|| record.clone());
        let back_off = &node.options.restart_back_off;
        let unknown = |task| (task, Observed::Unreachable("not looked at yet".to_owned()));
        Self {
            history: History::from_record(record, back_off, now, wall),
            next_resync: now + node.options.resync,
            hold_until: now + FIRST_REPORT,
            tasks: found.into_iter().map(unknown).collect(),
            probes: ProbeSet::new(clock, sender),
            starting: FuturesUnordered::new(),
            cancel: watch::Sender::new(false),
            plan: PodPlan::default(),
            busy: BTreeSet::new(),
            before: BTreeMap::new(),
            pod: None,
            deleting: None,
            look: true,
            retry: None,
            retries: 0,
            reported: None,
            report_again: false,
            node,
            executor,
            wanted,
            doorbell,
            journalled,
            reports,
        }
    }

    /// Runs until the pod is released or the agent lets go of it.
    pub(crate) async fn run(mut self) {
        self.wanted.mark_changed();
        loop {
            if self.take_input() {
                // Their outcome must be known to the executor, if not to this agent.
                while self.starting.next().await.is_some() {}
                return;
            }
            self.look_at_tasks().await;
            self.sync_probes();
            let mut wake = None;
            if let Some(decision) = self.decide_and_journal().await {
                wake = decision.wake;
                self.history = decision.history;
                match self.act(decision.actions).await {
                    super::act::Acted::Released => return,
                    super::act::Acted::Something => continue,
                    super::act::Acted::Nothing => {}
                }
            }
            self.list_runs();
            let held = self.report();
            self.wait([wake, held].into_iter().flatten().min()).await;
        }
    }

    pub(super) fn now(&self) -> Monotonic {
        self.node.seams.clock.now()
    }

    pub(super) fn pod_ip(&self) -> IpAddr {
        self.history.record.pod_ip.map_or_else(|| self.node.options.host_ip(), IpAddr::V4)
    }

    /// Takes in what changed; whether the agent lets go.
    fn take_input(&mut self) -> bool {
        let (tasks, sources) = self.doorbell.answer();
        self.look |= tasks;
        if sources {
            let now = self.now();
            self.history.retry_troubles(now);
        }
        if !self.wanted.has_changed().unwrap_or(false) {
            return false;
        }
        let wanted = self.wanted.borrow_and_update().clone();
        match wanted {
            Wanted::Detach => return true,
            Wanted::Gone => {
                let grace = Duration::from_secs(self.history.record.grace_seconds);
                self.deleting = Some(self.deleting.map_or(grace, |deleting| deleting.min(grace)));
                self.pod = None;
            }
            Wanted::Object(object) => self.take_object(&object),
        }
        let deleting = self.deleting.is_some();
        self.cancel.send_if_modified(|cancel| std::mem::replace(cancel, deleting) != deleting);
        false
    }

    fn take_object(&mut self, object: &Object) {
        self.report_again = true;
        let pod = match object.decode::<Pod>() {
            Ok(pod) => pod,
            Err(error) => {
                self.plan.refused = Some(error.to_string());
                return;
            }
        };
        if self.pod.is_none() {
            self.before = health_before(pod.status.as_ref());
        }
        let executor = match &self.executor {
            Some(executor) => Ok(executor.capabilities()),
            None => Err(self.node.no_executor(&self.history.record.executor)),
        };
        self.plan = read_plan(&pod, executor);
        if self.history.record.pod_ip.is_none() && !on_host_network(&pod) {
            self.take_address();
        }
        if object.metadata.is_deleting() {
            let given = object.metadata.deletion_grace_period_seconds;
            let given =
                given.map_or_else(|| grace_seconds(&pod), |s| u64::try_from(s).unwrap_or(0));
            self.deleting = Some(Duration::from_secs(given));
        }
        self.pod = Some(Arc::new(pod));
    }

    fn take_address(&mut self) {
        let uid = &self.history.record.uid;
        match self
            .node
            .addresses
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .allocate(uid)
        {
            Some(address) => self.history.record.pod_ip = Some(address),
            None => {
                let range = self.node.options.pod_addresses;
                self.plan.refused =
                    Some(format!("every address of {range} is in use, delete pods of this node"));
            }
        }
    }

    /// Asks the executor about every task that may be alive.
    async fn look_at_tasks(&mut self) {
        if !std::mem::take(&mut self.look) {
            return;
        }
        let record = &self.history.record;
        let current = record
            .containers
            .iter()
            .filter(|(_, container)| container.ended.is_none())
            .filter_map(|(name, _)| record.task(name));
        let known = self.tasks.keys().cloned();
        let tasks: BTreeSet<TaskId> =
            current.chain(known).filter(|task| !self.busy.contains(&task.name)).collect();
        let seen = match &self.executor {
            Some(executor) => join_all(tasks.iter().map(|task| executor.observe(task))).await,
            None => {
                let why = self.node.no_executor(&record.executor);
                tasks.iter().map(|_| Observed::Unreachable(why.clone())).collect()
            }
        };
        if seen.iter().any(|observed| matches!(observed, Observed::Unreachable(_))) {
            self.try_again_later();
        } else {
            self.retries = 0;
        }
        self.tasks.retain(|task, _| self.busy.contains(&task.name));
        self.tasks.extend(tasks.into_iter().zip(seen));
    }

    /// Probes what runs, and nothing else.
    fn sync_probes(&mut self) {
        let ip = self.pod_ip();
        let running = |task: &TaskId| matches!(self.tasks.get(task), Some(Observed::Running(_)));
        let deleting = self.deleting.is_some();
        let unreachable =
            |task: &TaskId| matches!(self.tasks.get(task), Some(Observed::Unreachable(_)));
        self.probes.retain(|task| !deleting && (running(task) || unreachable(task)));
        for container in self.plan.main.iter().filter(|_| !deleting) {
            let task = self.history.record.task(&container.name);
            let Some(task) = task.filter(running) else { continue };
            let before = self.before.get(&container.name);
            let before = before.filter(|(attempt, _)| *attempt == task.attempt);
            let before = before.map(|(_, health)| health.clone()).unwrap_or_default();
            self.probes.watch(&task, &container.probes, ip, before);
        }
    }

    fn observation(&self) -> Observation {
        Observation {
            tasks: self.tasks.clone(),
            busy: self.busy.clone(),
            unhealthy: self.probes.unhealthy().cloned().collect(),
            deleting: self.deleting,
            wall_ms: self.node.seams.clock.wall().as_millis(),
        }
    }

    /// Decides, and makes the decision's record durable; `None` if that failed.
    async fn decide_and_journal(&mut self) -> Option<Decision> {
        let back_off = self.node.options.restart_back_off;
        let decision =
            decide(&self.plan, &self.history, &self.observation(), &back_off, self.now());
        let record = &decision.history.record;
        if self.journalled.as_ref() == Some(record) {
            return Some(decision);
        }
        if let Err(error) = self.node.journal.write(record).await {
            tracing::warn!(pod = %record.name, %error, "cannot write the journal, nothing is done");
            self.try_again_later();
            return None;
        }
        self.journalled = Some(record.clone());
        Some(decision)
    }

    /// Hands the status to the writer if it is news. Gives when to come again if it was held back.
    fn report(&mut self) -> Option<Monotonic> {
        let pod = self.pod.as_ref()?;
        let starting_first = !self.busy.is_empty() && self.reported.is_none();
        if starting_first && self.now() < self.hold_until {
            return Some(self.hold_until);
        }
        let empty = PodStatus::default();
        let before = self.reported.as_ref().or(pod.status.as_ref()).unwrap_or(&empty);
        let seen = self.observation();
        let view = View {
            plan: &self.plan,
            history: &self.history,
            seen: &seen,
            health: &|name| self.probes.health(name).cloned(),
            pod_ip: Some(self.pod_ip()),
            host_ip: self.node.options.host_ip(),
        };
        let status = pod_status(view, before);
        let again = std::mem::take(&mut self.report_again);
        let differs = self.reported.as_ref() != Some(&status);
        if differs || (again && pod.status.as_ref() != Some(&status)) {
            self.node.reporter.submit(&self.history.record, status.clone());
            self.reported = Some(status);
        }
        None
    }

    /// Lets readers of logs know which runs there are.
    fn list_runs(&self) {
        self.node.list_runs(&self.history.record);
    }

    /// Waits for anything to happen.
    async fn wait(&mut self, wake: Option<Monotonic>) {
        let now = self.now();
        if now >= self.next_resync {
            self.next_resync = now + self.node.options.resync;
        }
        let until = [wake, self.retry, Some(self.next_resync)].into_iter().flatten().min();
        let sleep = self.node.seams.clock.sleep_until(until.unwrap_or(self.next_resync));
        tokio::select! {
            changed = self.wanted.changed() => {
                if changed.is_err() {
                    // The supervisor is gone without a word, and with it this agent.
                    std::future::pending::<()>().await;
                }
                // Waiting has marked the value as seen; it is taken in at the top of the loop.
                self.wanted.mark_changed();
            }
            () = self.doorbell.rung() => {}
            Some(report) = self.reports.recv() => {
                let ip = self.pod_ip();
                self.probes.note(report, ip);
            }
            Some((task, outcome)) = self.starting.next() => self.started(task, outcome),
            () = sleep => {
                let now = self.now();
                let due = |at: Option<Monotonic>| at.is_some_and(|at| at <= now);
                self.look |= due(self.retry) || due(Some(self.next_resync));
                self.retry = self.retry.filter(|at| *at > now);
            }
        }
    }

    fn started(&mut self, task: TaskId, outcome: Outcome) {
        self.busy.remove(&task.name);
        match outcome {
            Outcome::Started(started) => {
                self.tasks.insert(task, Observed::Running(started));
            }
            Outcome::Cancelled => self.look = true,
            Outcome::Trouble(trouble) => self.troubled(&task, trouble),
        }
    }

    fn troubled(&mut self, task: &TaskId, trouble: Trouble) {
        tracing::info!(%task, reason = trouble.reason, message = %trouble.message, "not started");
        self.look = true;
        let (back_off, now) = (self.node.options.restart_back_off, self.now());
        self.history.note_trouble(&task.name, trouble, &back_off, now);
    }

    /// Looks again after a growing wait.
    pub(super) fn try_again_later(&mut self) {
        let wait = RETRY.0.saturating_mul(1u32.checked_shl(self.retries).unwrap_or(u32::MAX));
        self.retries = (self.retries + 1).min(16);
        self.retry = Some(self.now() + wait.min(RETRY.1));
    }
}

fn on_host_network(pod: &Pod) -> bool {
    pod.spec.as_ref().is_some_and(|spec| spec.host_network == Some(true))
}

/// What the API says about each container's latest run.
fn health_before(status: Option<&PodStatus>) -> BTreeMap<String, (u32, Health)> {
    let containers = status.and_then(|status| status.container_statuses.as_ref());
    let health = containers.into_iter().flatten().map(|container| {
        let started = container.started == Some(true);
        let health = Health { started, ready: container.ready, ..Health::default() };
        (container.name.clone(), (u32::try_from(container.restart_count).unwrap_or(0), health))
    });
    health.collect()
}
