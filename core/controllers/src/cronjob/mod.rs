//! Makes jobs by the clock.
//!
//! It promises: at most one job for each time of the schedule, because its name follows from the
//! time and it is made in the transaction that stores the time; of times that were missed only the
//! latest is made up for, and only within `startingDeadlineSeconds`; never two at once if that is
//! forbidden; old jobs go. Schedules are about wall time: this is the one controller that goes by it.

mod desired;
mod times;

use crate::{edit, job, spaces};
use async_trait::async_trait;
use desired::Jobs;
use quorate_kinds::cron::Schedule;
use quorate_kinds::{CronJob, CronJobSpec};
use quorate_reconcile::{Context, Error, EventType, Next, Reconciler, Snapshot, Watch};
use quorate_resources::{Change, Object, Typed, timestamp};
use quorate_types::{GroupKind, ObjectKey};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use times::due;

/// The controller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CronJobs;

/// What to do now, and what to say about it.
#[derive(Debug, Default)]
struct Plan {
    /// The time whose job is made, and which is noted as the last one.
    start: Option<i64>,
    /// Jobs that are replaced.
    replaced: Vec<Arc<Object>>,
    event: Option<(EventType, &'static str, String)>,
    /// Seconds until the schedule is due again.
    wait: Option<i64>,
}

#[async_trait]
impl Reconciler for CronJobs {
    fn name(&self) -> &'static str {
        "cronjob"
    }

    fn watches(&self) -> Vec<Watch> {
        let kind = GroupKind::new("batch", "CronJob");
        vec![Watch::own(kind.clone()), Watch::owned(job::kind(), kind)]
    }

    async fn reconcile(&self, cx: &Context, key: &ObjectKey) -> Result<Next, Error> {
        let snapshot = cx.snapshot();
        let Some(cron) = snapshot.get::<CronJob>(key) else { return Ok(Next::Done) };
        let spec = &cron.spec;
        let namespace = key.namespace.as_deref().unwrap_or_default();
        if cron.object.metadata.is_deleting() || spaces::is_terminating(snapshot, namespace) {
            return Ok(Next::Done);
        }
        let jobs = Jobs::sort(owned(snapshot, &cron.object));
        let (schedule, plan) = match Schedule::parse(&spec.schedule, spec.time_zone.as_deref()) {
            Ok(schedule) => {
                let plan = plan(&cron, spec, &schedule, &jobs, cx.now().as_secs());
                (Some(schedule), plan)
            }
            Err(error) => {
                let event = (EventType::Warning, "UnparseableSchedule", error.to_string());
                (None, Plan { event: Some(event), ..Plan::default() })
            }
        };
        let changes = changes(snapshot, &cron, spec, schedule.as_ref(), &jobs, &plan);
        cx.commit(changes).await?;
        if let Some((kind, reason, message)) = plan.event {
            cx.event(&cron.object, kind, reason, message).await;
        }
        let wait = plan.wait.and_then(|seconds| u64::try_from(seconds).ok());
        Ok(wait.map_or(Next::Done, |seconds| Next::After(Duration::from_secs(seconds))))
    }
}

/// The jobs that the cron job made, or that were made from it by hand.
fn owned(snapshot: &Snapshot, cron: &Object) -> Vec<Arc<Object>> {
    let Some(uid) = &cron.metadata.uid else { return Vec::new() };
    let ours = |job: &Arc<Object>| {
        job.group_kind() == job::kind()
            && job.metadata.controller().is_some_and(|owner| owner.uid == *uid)
    };
    snapshot.owned_objects(uid).into_iter().filter(ours).collect()
}

fn plan(
    cron: &Typed<CronJob>,
    spec: &CronJobSpec,
    schedule: &Schedule,
    jobs: &Jobs,
    now: i64,
) -> Plan {
    if spec.suspend.unwrap_or(false) {
        return Plan::default();
    }
    let due = due(schedule, since(cron, spec, now), now);
    let mut plan = Plan { wait: due.next.map(|next| (next - now).max(1)), ..Plan::default() };
    let Some(time) = due.latest else { return plan };
    if due.many {
        let message = "too many times were missed: set or decrease startingDeadlineSeconds, or \
                       check the clocks";
        plan.event = Some((EventType::Warning, "TooManyMissedTimes", message.to_owned()));
    }
    match spec.concurrency_policy.as_deref() {
        // The time stays due: the job is made once the other has ended, if it is not too late then.
        Some("Forbid") if !jobs.active.is_empty() => {
            let message = format!(
                "Not starting job because prior execution is running and concurrency policy is Forbid, due at {}",
                timestamp::from_unix(time)
            );
            plan.event = Some((EventType::Normal, "JobAlreadyActive", message));
        }
        Some("Replace") => {
            plan.start = Some(time);
            plan.replaced = jobs.active.clone();
        }
        _ => plan.start = Some(time),
    }
    if plan.start.is_some() && plan.event.is_none() {
        let message = format!("Created job {}", desired::job_name(&cron.object, time));
        plan.event = Some((EventType::Normal, "SuccessfulCreate", message));
    }
    plan
}

/// From when on times count: the last one that was due, or else the creation; nothing before the
/// starting deadline.
fn since(cron: &Typed<CronJob>, spec: &CronJobSpec, now: i64) -> i64 {
    let last = cron.object.pointer("/status/lastScheduleTime").and_then(Value::as_str);
    let created = cron.object.metadata.creation_timestamp.as_deref();
    let since = last.or(created).and_then(timestamp::parse).unwrap_or(now);
    match spec.starting_deadline_seconds {
        Some(limit) => since.max(now.saturating_sub(limit).saturating_sub(1)),
        None => since,
    }
}

fn changes(
    snapshot: &Snapshot,
    cron: &Typed<CronJob>,
    spec: &CronJobSpec,
    schedule: Option<&Schedule>,
    jobs: &Jobs,
    plan: &Plan,
) -> Vec<Change> {
    let limit = |number: Option<i32>, default: usize| {
        number.and_then(|number| usize::try_from(number).ok()).unwrap_or(default)
    };
    let surplus = jobs.surplus(
        limit(spec.successful_jobs_history_limit, 3),
        limit(spec.failed_jobs_history_limit, 1),
    );
    let going = plan.replaced.iter().filter(|job| !job.metadata.is_deleting()).chain(&surplus);
    let mut changes: Vec<Change> = going.map(edit::deletion).collect();
    if let (Some(time), Some(schedule)) = (plan.start, schedule) {
        let job = desired::job(&cron.object, schedule, time);
        // One of this name was made before, by a leader that could not note it.
        if snapshot.object(&job::kind(), &job.key()).is_none() {
            changes.push(Change::Create(job));
        }
    }
    let before = cron.object.body.get("status").unwrap_or(&Value::Null);
    changes.extend(edit::status(&cron.object, desired::status(before, jobs, plan.start)));
    changes
}

#[cfg(test)]
mod tests;
