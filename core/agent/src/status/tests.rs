use super::*;
use crate::machine::{
    ContainerPlan, ContainerRecord, PastRun, PodRecord, RestartBackOff, RestartPolicy, Trouble,
};
use quorate_executor::{ExitCause, ExitRecord, Observed, Started, TaskId};
use quorate_kinds::k8s_openapi::api::core::v1::{ContainerState, PodCondition};
use quorate_seams::Monotonic;
use quorate_types::Uid;
use std::collections::BTreeMap;

const WALL_MS: i64 = 1_767_225_600_000;

struct Case {
    plan: PodPlan,
    history: History,
    seen: Observation,
    ready: bool,
}

fn case(restart: RestartPolicy, init: bool) -> Case {
    let named = |name: &str| ContainerPlan { name: name.into(), ..ContainerPlan::default() };
    let init = if init { vec![named("init")] } else { Vec::new() };
    let plan = PodPlan { restart, init, main: vec![named("main")], ..PodPlan::default() };
    let record = PodRecord {
        uid: Uid::from_stored("u"),
        namespace: "default".into(),
        name: "web".into(),
        executor: "fake".into(),
        pod_ip: None,
        grace_seconds: 30,
        accepted_ms: WALL_MS,
        containers: BTreeMap::new(),
    };
    let seen = Observation { wall_ms: WALL_MS, ..Observation::default() };
    Case { plan, history: History::new(record), seen, ready: true }
}

fn started() -> Started {
    Started { started_ms: WALL_MS, pid: None, external_id: "fake://7".into() }
}

fn exit(code: Option<i32>, signal: Option<i32>, cause: ExitCause) -> ExitRecord {
    ExitRecord { code, signal, cause, started_ms: WALL_MS, finished_ms: WALL_MS + 1000 }
}

impl Case {
    fn with(mut self, name: &str, container: ContainerRecord) -> Self {
        self.history.record.containers.insert(name.into(), container);
        self
    }

    fn running(self) -> Self {
        self.with("main", ContainerRecord { started: Some(started()), ..Default::default() })
    }

    fn ended(self, exit: ExitRecord) -> Self {
        let ended = Some(exit);
        self.with("main", ContainerRecord { started: Some(started()), ended, ..Default::default() })
    }

    fn status(&self) -> PodStatus {
        self.status_after(&PodStatus::default())
    }

    fn status_after(&self, before: &PodStatus) -> PodStatus {
        let health = Health { started: true, ready: self.ready, ..Health::default() };
        let view = View {
            plan: &self.plan,
            history: &self.history,
            seen: &self.seen,
            health: &|_| Some(health.clone()),
            pod_ip: Some([127, 10, 0, 2].into()),
            host_ip: [127, 10, 0, 1].into(),
        };
        pod_status(view, before)
    }
}

fn state(status: &PodStatus) -> ContainerState {
    status.container_statuses.as_ref().unwrap()[0].state.clone().unwrap()
}

fn waiting(status: &PodStatus) -> (String, String) {
    let waiting = state(status).waiting.unwrap();
    (waiting.reason.unwrap(), waiting.message.unwrap_or_default())
}

fn phase(status: &PodStatus) -> &str {
    status.phase.as_deref().unwrap()
}

fn condition<'a>(status: &'a PodStatus, type_: &str) -> &'a PodCondition {
    status.conditions.as_ref().unwrap().iter().find(|c| c.type_ == type_).unwrap()
}

#[test]
fn a_pod_goes_from_creating_to_ready() {
    let fresh = case(RestartPolicy::Always, false).status();
    assert_eq!((phase(&fresh), waiting(&fresh).0.as_str()), ("Pending", "ContainerCreating"));
    assert_eq!(condition(&fresh, "Ready").status, "False");
    let mut running = case(RestartPolicy::Always, false).running();
    running.ready = false;
    let status = running.status();
    assert_eq!((phase(&status), condition(&status, "Ready").status.as_str()), ("Running", "False"));
    assert!(state(&status).running.is_some());
    running.ready = true;
    let status = running.status();
    assert_eq!(condition(&status, "Ready").status, "True");
    assert_eq!(condition(&status, "ContainersReady").status, "True");
    assert_eq!(status.pod_ip.as_deref(), Some("127.10.0.2"));
    assert_eq!(status.host_ip.as_deref(), Some("127.10.0.1"));
    let container = &status.container_statuses.unwrap()[0];
    assert_eq!(container.container_id.as_deref(), Some("fake://7"));
}

#[test]
fn each_kind_of_end_is_told_apart() {
    let out_of_memory = ExitCause::OutOfMemory { limit_bytes: Some(64) };
    let start = ExitCause::StartFailed("no such file".into());
    for (exit, phase_wanted, reason, code) in [
        (exit(Some(0), None, ExitCause::Normal), "Succeeded", "Completed", 0),
        (exit(Some(3), None, ExitCause::Normal), "Failed", "Error", 3),
        (exit(None, Some(15), ExitCause::Normal), "Failed", "Error", 143),
        (exit(None, Some(9), out_of_memory), "Failed", "OOMKilled", 137),
        (exit(None, None, ExitCause::Trap("unreachable".into())), "Failed", "Trap", 134),
        (exit(None, None, start), "Failed", "StartError", 128),
        (exit(None, None, ExitCause::ExecutorLost), "Failed", "ContainerStatusUnknown", 137),
    ] {
        let signal = exit.signal;
        let status = case(RestartPolicy::Never, false).ended(exit).status();
        let terminated = state(&status).terminated.unwrap();
        assert_eq!(phase(&status), phase_wanted, "{reason}");
        assert_eq!((terminated.reason.as_deref(), terminated.exit_code), (Some(reason), code));
        assert_eq!(terminated.signal, signal);
    }
}

#[test]
fn an_end_before_the_next_run_is_waiting_with_the_end_as_last_state() {
    let crash = exit(Some(1), None, ExitCause::Normal);
    let status = case(RestartPolicy::Always, false).ended(crash).status();
    assert_eq!((phase(&status), waiting(&status).0.as_str()), ("Running", "CrashLoopBackOff"));
    let container = &status.container_statuses.unwrap()[0];
    let last = container.last_state.as_ref().unwrap().terminated.as_ref().unwrap();
    assert_eq!(last.exit_code, 1);
    let cause = ExitCause::StartFailed("/bin/none: no such file".into());
    let status = case(RestartPolicy::Always, false).ended(exit(None, None, cause)).status();
    let wanted = ("RunContainerError".to_owned(), "/bin/none: no such file".to_owned());
    assert_eq!(waiting(&status), wanted);
}

#[test]
fn a_second_run_shows_its_number_and_the_end_of_the_first() {
    let past = PastRun { exit: exit(Some(2), None, ExitCause::Normal), external_id: None };
    let record = ContainerRecord {
        attempt: 1,
        started: Some(started()),
        last: Some(past),
        ..Default::default()
    };
    let status = case(RestartPolicy::Always, false).with("main", record).status();
    let container = &status.container_statuses.as_ref().unwrap()[0];
    assert_eq!(container.restart_count, 1);
    let last = container.last_state.as_ref().unwrap().terminated.as_ref().unwrap();
    assert_eq!(last.exit_code, 2);
    assert!(state(&status).running.is_some());
}

#[test]
fn what_cannot_come_up_says_why() {
    let mut refused = case(RestartPolicy::Always, false);
    refused.plan.refused = Some("no docker here".into());
    let wanted = ("CreateContainerConfigError".to_owned(), "no docker here".to_owned());
    assert_eq!(waiting(&refused.status()), wanted);
    let mut troubled = case(RestartPolicy::Always, false).with("main", ContainerRecord::default());
    let trouble = Trouble { reason: "ErrImagePull", message: "image \"x\": none".into() };
    let back_off = RestartBackOff::default();
    troubled.history.note_trouble("main", trouble, &back_off, Monotonic::default());
    let status = troubled.status();
    assert_eq!(waiting(&status), ("ErrImagePull".to_owned(), "image \"x\": none".to_owned()));
    assert_eq!(phase(&status), "Pending");
}

#[test]
fn init_containers_hold_back_the_others_and_initialized() {
    let pending = case(RestartPolicy::Always, true).status();
    assert_eq!(waiting(&pending).0, "PodInitializing");
    assert_eq!(condition(&pending, "Initialized").status, "False");
    let done = exit(Some(0), None, ExitCause::Normal);
    let record = ContainerRecord { ended: Some(done), ..Default::default() };
    let status = case(RestartPolicy::Always, true).with("init", record).status();
    assert_eq!(condition(&status, "Initialized").status, "True");
    assert_eq!(waiting(&status).0, "ContainerCreating");
    assert!(status.init_container_statuses.unwrap()[0].ready);
}

#[test]
fn a_pod_that_is_being_deleted_is_not_ready() {
    let mut deleting = case(RestartPolicy::Always, false).running();
    deleting.seen.deleting = Some(std::time::Duration::from_secs(1));
    assert_eq!(condition(&deleting.status(), "Ready").status, "False");
}

#[test]
fn an_unreachable_executor_is_told_and_untold_without_touching_the_containers() {
    let mut cut = case(RestartPolicy::Always, false).running();
    let task = TaskId { pod: Uid::from_stored("u"), name: "main".into(), attempt: 0 };
    cut.seen.tasks.insert(task, Observed::Unreachable("socket gone".into()));
    let status = cut.status();
    assert!(condition(&status, "quorate.dev/Reachable").message.as_ref().unwrap().contains("gone"));
    assert!(state(&status).running.is_some());
    cut.seen.tasks.clear();
    let healed = cut.status_after(&status);
    assert!(healed.conditions.unwrap().iter().all(|c| c.type_ != "quorate.dev/Reachable"));
}

#[test]
fn transition_times_stay_until_the_value_changes_and_foreign_conditions_stay() {
    let mut case = case(RestartPolicy::Always, false).running();
    let mut before = case.status();
    let foreign = PodCondition { type_: "example.org/Gate".into(), ..PodCondition::default() };
    before.conditions.as_mut().unwrap().push(foreign);
    case.seen.wall_ms += 60_000;
    let same = case.status_after(&before);
    assert_eq!(same, before);
    case.ready = false;
    let changed = case.status_after(&before);
    let time =
        |status: &PodStatus, type_: &str| condition(status, type_).last_transition_time.clone();
    assert_ne!(time(&changed, "Ready"), time(&before, "Ready"));
    assert_eq!(time(&changed, "Initialized"), time(&before, "Initialized"));
    condition(&changed, "example.org/Gate");
}
