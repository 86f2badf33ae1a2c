//! One step of a job: from what there is to what is made, given up and reported. Pure.

use super::indexes;
use super::ledger::{Ledger, is_indexed};
use super::outcome::{End, outcome};
use super::pods::{self, JobPod, State};
use crate::condition::{self, Condition};
use crate::edit;
use quorate_kinds::{Job, JobSpec};
use quorate_resources::{Typed, timestamp};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// Pods that one pass makes or gives up at most.
const BATCH: usize = 500;

/// A job and its pods at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'a> {
    pub(super) job: &'a Typed<Job>,
    pub(super) pods: &'a [JobPod],
    /// Seconds since the Unix epoch.
    pub(super) now: i64,
    /// Whether pods may be made after failures, or how long to wait.
    pub(super) may_replace: Result<(), Duration>,
    /// Whether nothing may be made any more: the job or its namespace is being deleted.
    pub(super) frozen: bool,
}

/// What to do.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub(super) ledger: Ledger,
    /// Pods to make: their index and how often that has failed.
    pub(super) create: Vec<Option<(i32, i32)>>,
    /// Places of pods that are given up and never counted.
    pub(super) drop: Vec<usize>,
    /// Places of pods that are ended and counted as failed.
    pub(super) kill: Vec<usize>,
    pub(super) status: Value,
    /// When to look again.
    pub(super) wait: Option<Duration>,
    /// The end, once it has come.
    pub(super) end: Option<End>,
}

impl Seen<'_> {
    pub(super) fn status(&self) -> &Value {
        self.job.object.body.get("status").unwrap_or(&Value::Null)
    }

    fn start(&self) -> Option<i64> {
        timestamp::parse(self.status().get("startTime")?.as_str()?)
    }

    /// Seconds that are left of the time the job may be active.
    pub(super) fn deadline(&self, spec: &JobSpec) -> Option<i64> {
        let limit = spec.active_deadline_seconds.filter(|_| !is_suspended(spec))?;
        Some(self.start()?.saturating_add(limit) - self.now)
    }

    fn active(&self) -> Vec<usize> {
        let pods = self.pods.iter().enumerate();
        pods.filter(|(_, pod)| pod.state == State::Active).map(|(place, _)| place).collect()
    }

    /// Pods that are told to end and are still there.
    fn ending(&self) -> impl Iterator<Item = &JobPod> {
        self.pods.iter().filter(|pod| pod.state != State::Active && pod.lingers())
    }
}

fn is_suspended(spec: &JobSpec) -> bool {
    spec.suspend.unwrap_or(false)
}

/// The next step of a job that has not ended.
pub(super) fn plan(seen: Seen<'_>, spec: &JobSpec) -> Plan {
    let ledger = Ledger::new(seen.job, spec, seen.pods);
    let end = outcome(&seen, spec, &ledger);
    let mut plan = Plan { ledger, ..Plan::default() };
    match &end {
        Some(end) if end.success => plan.drop = seen.active(),
        Some(_) => plan.kill = seen.active(),
        None if is_suspended(spec) => plan.drop = seen.active(),
        None => manage(&seen, spec, &mut plan),
    }
    if end.is_none() {
        let left = seen.deadline(spec).and_then(|left| u64::try_from(left).ok());
        let left = left.map(Duration::from_secs);
        plan.wait = [plan.wait, left].into_iter().flatten().min();
    }
    plan.drop.truncate(BATCH);
    plan.kill.truncate(BATCH);
    let over = seen.pods.iter().all(|pod| !pod.lingers());
    plan.status = status(&seen, spec, &plan, end.as_ref(), over);
    plan.end = end.filter(|_| over);
    plan
}

/// Makes the pods that are missing, or gives up those that are too many.
fn manage(seen: &Seen<'_>, spec: &JobSpec, plan: &mut Plan) {
    let (mut kept, surplus) = sort(seen, spec, &plan.ledger);
    plan.drop = surplus;
    let parallelism = spec.parallelism.unwrap_or(1).max(0);
    let wanted = match spec.completions {
        Some(completions) => parallelism.min(plan.ledger.remaining(completions)),
        None if plan.ledger.succeeded > 0 => parallelism.min(count(kept.len())),
        None => parallelism,
    };
    let wanted = usize::try_from(wanted).unwrap_or(0);
    if kept.len() > wanted {
        kept.sort_by_cached_key(|place| seen.pods[*place].progress());
        plan.drop.extend(kept.drain(..kept.len() - wanted));
        return;
    }
    let held = if pods::replaces_late(seen.job) { seen.ending().count() } else { 0 };
    let missing = wanted.saturating_sub(kept.len() + held).min(BATCH);
    match seen.may_replace {
        _ if seen.frozen => {}
        // How long to wait follows from failures that are counted, which these are only now.
        _ if plan.ledger.new_failures > 0 => {}
        Err(wait) if missing > 0 => plan.wait = Some(wait),
        _ if is_indexed(spec) => plan.create = free(seen, spec, &plan.ledger, &kept, missing),
        _ => plan.create = vec![None; missing],
    }
}

/// The active pods that have a task, and those that have none: their index is done, given up, out of
/// range or taken.
fn sort(seen: &Seen<'_>, spec: &JobSpec, ledger: &Ledger) -> (Vec<usize>, Vec<usize>) {
    let active = seen.active();
    if !is_indexed(spec) {
        return (active, Vec::new());
    }
    let mut taken = BTreeSet::new();
    active.into_iter().partition(|place| {
        seen.pods[*place].index.is_some_and(|index| {
            let open = !ledger.done.contains(&index) && !ledger.lost.contains(&index);
            open && index < spec.completions.unwrap_or(0) && taken.insert(index)
        })
    })
}

/// The lowest indexes that nobody works on, and how often each has failed.
fn free(
    seen: &Seen<'_>,
    spec: &JobSpec,
    ledger: &Ledger,
    kept: &[usize],
    missing: usize,
) -> Vec<Option<(i32, i32)>> {
    let mut taken: BTreeSet<i32> = kept.iter().filter_map(|at| seen.pods[*at].index).collect();
    if pods::replaces_late(seen.job) {
        taken.extend(seen.ending().filter_map(|pod| pod.index));
    }
    let failures = pods::failures(seen.pods);
    (0..spec.completions.unwrap_or(0))
        .filter(|index| {
            !taken.contains(index) && !ledger.done.contains(index) && !ledger.lost.contains(index)
        })
        .take(missing)
        .map(|index| Some((index, failures.get(&index).copied().unwrap_or(0))))
        .collect()
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// The status after this step.
fn status(seen: &Seen<'_>, spec: &JobSpec, plan: &Plan, end: Option<&End>, over: bool) -> Value {
    let now = timestamp::from_unix(seen.now);
    let ledger = &plan.ledger;
    let mut status = json!({ "uncountedTerminatedPods": {} });
    let mut put = |field: &str, value: Value| edit::set(&mut status, &[field], value);
    let gone: BTreeSet<usize> = plan.drop.iter().chain(&plan.kill).copied().collect();
    let kept: Vec<usize> = seen.active().into_iter().filter(|at| !gone.contains(at)).collect();
    let ready = kept.iter().filter(|at| crate::pods::says_ready(&seen.pods[**at].pod));
    put("ready", json!(ready.count()));
    put("terminating", json!(seen.ending().count() + gone.len()));
    let counts = [
        ("active", count(kept.len() + plan.create.len())),
        ("succeeded", ledger.succeeded),
        ("failed", ledger.failed),
    ];
    for (field, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        put(field, json!(count));
    }
    if is_indexed(spec) {
        for (field, set) in [("completedIndexes", &ledger.done), ("failedIndexes", &ledger.lost)] {
            if !set.is_empty() {
                put(field, json!(indexes::format(set)));
            }
        }
    }
    if !is_suspended(spec) || end.is_some() {
        let start = seen.status().get("startTime").cloned();
        put("startTime", start.unwrap_or_else(|| json!(now)));
    }
    if end.is_some_and(|end| end.success && over) {
        put("completionTime", json!(now));
    }
    let conditions = conditions(seen, spec, end, over, &now);
    if !conditions.is_empty() {
        put("conditions", Value::Array(conditions));
    }
    status
}

fn conditions(
    seen: &Seen<'_>,
    spec: &JobSpec,
    end: Option<&End>,
    over: bool,
    now: &str,
) -> Vec<Value> {
    let mut conditions = condition::list(seen.status());
    if let Some(end) = end {
        let mut say = |kind| {
            Condition::new(kind, true, &end.reason, &end.message).set(&mut conditions, now);
        };
        say(end.decided());
        if over {
            say(end.finished());
        }
        return conditions;
    }
    if is_suspended(spec) {
        Condition::new("Suspended", true, "JobSuspended", "Job suspended")
            .set(&mut conditions, now);
    } else if condition::holding(seen.status(), "Suspended").is_some() {
        Condition::new("Suspended", false, "JobResumed", "Job resumed").set(&mut conditions, now);
    }
    conditions
}
