//! What has happened to a pod: the durable record and what may be forgotten with the agent.

use super::{RestartBackOff, StopRequest};
use quorate_executor::{ExitRecord, Started, TaskId};
use quorate_seams::Monotonic;
use quorate_types::Uid;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

/// What the journal keeps of one container. Its presence means that `attempt` was begun.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerRecord {
    /// The latest run; also the number of restarts.
    pub attempt: u32,
    /// What the executor said when the latest run had started.
    pub started: Option<Started>,
    /// How the latest run ended.
    pub ended: Option<ExitRecord>,
    /// The run before the latest one, for `lastState`.
    pub last: Option<PastRun>,
    /// Ends in a row without a long run between them.
    pub level: u32,
}

/// A run that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastRun {
    /// How it ended.
    pub exit: ExitRecord,
    /// Its name in the backend, if it ever ran.
    pub external_id: Option<String>,
}

/// What the journal keeps of one pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodRecord {
    /// The pod.
    pub uid: Uid,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Kind of the executor that runs it.
    pub executor: String,
    /// Its address; `None` for pods on the host's own address.
    pub pod_ip: Option<Ipv4Addr>,
    /// Grace period in seconds, for when its object is gone.
    pub grace_seconds: u64,
    /// When this agent took it on, as wall time in milliseconds since the Unix epoch.
    pub accepted_ms: i64,
    /// Containers of which a run was begun.
    pub containers: BTreeMap<String, ContainerRecord>,
}

impl PodRecord {
    /// The task of a container's latest run.
    #[must_use]
    pub fn task(&self, container: &str) -> Option<TaskId> {
        let attempt = self.containers.get(container)?.attempt;
        Some(TaskId { pod: self.uid.clone(), name: container.to_owned(), attempt })
    }
}

/// Why a container cannot be brought up at the moment, in the words of its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// `ErrImagePull`, `CreateContainerError`, `CreateContainerConfigError`.
    pub reason: &'static str,
    /// What is wrong with which object.
    pub message: String,
}

/// What need not survive the agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Not to be started before.
    pub(crate) not_before: Monotonic,
    /// Why the latest run cannot be brought up.
    pub(crate) trouble: Option<Trouble>,
    /// Troubles in a row.
    pub(crate) troubles: u32,
}

/// All that has happened to a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// The durable part: journalled before anything is done about a change of it.
    pub record: PodRecord,
    pub(crate) memory: BTreeMap<String, Memory>,
    pub(crate) stops: BTreeMap<TaskId, StopRequest>,
    /// The executor holds nothing of a pod that is over.
    pub(crate) freed: bool,
}

impl History {
    /// The history of a pod of which nothing has been done.
    #[must_use]
    pub fn new(record: PodRecord) -> Self {
        Self { record, memory: BTreeMap::new(), stops: BTreeMap::new(), freed: false }
    }

    /// The history that a journalled record tells. Waits that were under way go on for what is left
    /// of them, never longer than a whole wait, however the wall clock was set meanwhile.
    #[must_use]
    pub fn from_record(
        record: PodRecord,
        back_off: &RestartBackOff,
        now: Monotonic,
        wall_ms: i64,
    ) -> Self {
        let mut history = Self::new(record);
        for (name, container) in &history.record.containers {
            let Some(exit) = &container.ended else { continue };
            let delay = back_off.delay(container.level.saturating_sub(1));
            let passed = u64::try_from(wall_ms.saturating_sub(exit.finished_ms)).unwrap_or(0);
            let rest = delay.saturating_sub(Duration::from_millis(passed));
            let memory = Memory { not_before: now + rest, ..Memory::default() };
            history.memory.insert(name.clone(), memory);
        }
        history
    }

    /// Notes that a container could not be brought up; it is tried again after a growing wait.
    pub fn note_trouble(
        &mut self,
        container: &str,
        trouble: Trouble,
        back_off: &RestartBackOff,
        now: Monotonic,
    ) {
        let memory = self.memory.entry(container.to_owned()).or_default();
        memory.not_before = now + back_off.delay(memory.troubles);
        memory.troubles = memory.troubles.saturating_add(1);
        memory.trouble = Some(trouble);
    }

    /// Notes that what troubles wait for may have changed: they are tried again at once.
    pub fn retry_troubles(&mut self, now: Monotonic) {
        for memory in self.memory.values_mut().filter(|memory| memory.trouble.is_some()) {
            memory.not_before = memory.not_before.min(now);
        }
    }

    /// Notes that a stop was asked for.
    pub fn note_stop(&mut self, task: TaskId, request: StopRequest) {
        self.stops.insert(task, request);
    }

    /// Notes that the executor has freed the pod.
    pub fn note_freed(&mut self) {
        self.freed = true;
    }

    /// What keeps a container from coming up.
    #[must_use]
    pub fn trouble(&self, container: &str) -> Option<&Trouble> {
        self.memory.get(container)?.trouble.as_ref()
    }

    pub(super) fn not_before(&self, container: &str) -> Monotonic {
        self.memory.get(container).map_or(Monotonic::default(), |memory| memory.not_before)
    }

    /// The latest run has started.
    pub(super) fn note_started(&mut self, container: &str, started: &Started) {
        self.memory.remove(container);
        if let Some(record) = self.record.containers.get_mut(container)
            && record.started.is_none()
        {
            record.started = Some(started.clone());
        }
    }

    /// The latest run has ended.
    pub(super) fn note_ended(
        &mut self,
        container: &str,
        exit: &ExitRecord,
        back_off: &RestartBackOff,
        now: Monotonic,
    ) {
        let Some(record) = self.record.containers.get_mut(container) else { return };
        let level = back_off.level_after(record.level, exit);
        record.level = level.saturating_add(1);
        record.ended = Some(exit.clone());
        let memory = Memory { not_before: now + back_off.delay(level), ..Memory::default() };
        self.memory.insert(container.to_owned(), memory);
    }

    /// A new run begins.
    pub(super) fn begin(&mut self, container: &str) -> u32 {
        let fresh = match self.record.containers.get_mut(container) {
            None => ContainerRecord::default(),
            Some(before) => {
                let external_id = before.started.take().map(|started| started.external_id);
                ContainerRecord {
                    attempt: before.attempt.saturating_add(1),
                    last: before.ended.take().map(|exit| PastRun { exit, external_id }),
                    level: before.level,
                    ..ContainerRecord::default()
                }
            }
        };
        let attempt = fresh.attempt;
        self.record.containers.insert(container.to_owned(), fresh);
        self.freed = false;
        attempt
    }
}
