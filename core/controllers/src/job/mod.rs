//! Runs pods until a task is done so and so often.
//!
//! It promises: the end of every pod is counted exactly once, because the pod loses its finalizer in
//! the transaction that stores the count; never more pods than `parallelism`, nor than there is work
//! left; after failures the next pod waits ever longer; what is decided stays decided, and a job is
//! called complete or failed only when none of its pods is left running. Time that a job may be
//! active, or stay after its end, is counted from the timestamps in its status, as in Kubernetes;
//! everything else runs on the monotonic clock and starts anew with another leader.

mod indexes;
mod ledger;
mod outcome;
mod plan;
mod pods;
mod policy;

use crate::claim::{self, Claim};
use crate::{condition, edit, select, spaces};
use async_trait::async_trait;
use plan::{Plan, Seen};
use pods::{JobPod, State};
use quorate_kinds::{Job, JobSpec, Pod};
use quorate_reconcile::{
    Backoff, CacheChange, Context, Error, EventType, Next, Reconciler, Snapshot, Watch,
};
use quorate_resources::{Change, DeleteOptions, Object, Propagation, Typed, timestamp};
use quorate_seams::Monotonic;
use quorate_types::{GroupKind, ObjectKey, Selector};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Waits after failures: Kubernetes' 10 s, doubled each time, up to six minutes.
const RETRY: Backoff = Backoff { base: Duration::from_secs(10), limit: Duration::from_secs(360) };
/// Who drives a job unless it says otherwise.
const SELF: &str = "kubernetes.io/job-controller";
const NAME_LABEL: &str = "batch.kubernetes.io/job-name";

/// The controller.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    retries: Mutex<BTreeMap<ObjectKey, Retry>>,
}

/// Failures in a row, and when the next pod may be made.
#[derive(Clone, Copy, Debug, Default)]
struct Retry {
    failures: u32,
    next: Monotonic,
}

#[async_trait]
impl Reconciler for Jobs {
    fn name(&self) -> &'static str {
        "job"
    }

    fn watches(&self) -> Vec<Watch> {
        let pod = || GroupKind::new("", "Pod");
        vec![Watch::own(kind()), Watch::owned(pod(), kind()), Watch::map(pod(), named)]
    }

    async fn reconcile(&self, cx: &Context, key: &ObjectKey) -> Result<Next, Error> {
        let job = cx.snapshot().get::<Job>(key);
        let strays = strays(cx.snapshot(), key, job.as_ref());
        if !strays.is_empty() {
            cx.commit(strays).await?;
            return Ok(Next::Done);
        }
        let Some(job) = job else {
            self.retries.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
            return Ok(Next::Done);
        };
        let Some(spec) = job.spec.as_ref().filter(|spec| is_ours(spec)) else {
            return Ok(Next::Done);
        };
        let (pods, claims) = observe(cx.snapshot(), &job, spec)?;
        if !claims.is_empty() {
            cx.commit(claims).await?;
            return Ok(Next::Done);
        }
        let status = job.object.body.get("status").unwrap_or(&Value::Null);
        if let Some(finished) = finished_at(status) {
            return finish(cx, &job, spec, &pods, finished).await;
        }
        self.step(cx, key, &job, spec, &pods).await
    }
}

impl Jobs {
    async fn step(
        &self,
        cx: &Context,
        key: &ObjectKey,
        job: &Typed<Job>,
        spec: &JobSpec,
        pods: &[JobPod],
    ) -> Result<Next, Error> {
        let now = cx.clock().now();
        let namespace = key.namespace.as_deref().unwrap_or_default();
        let frozen =
            job.object.metadata.is_deleting() || spaces::is_terminating(cx.snapshot(), namespace);
        let may_replace = self.may_replace(key, now);
        let seen = Seen { job, pods, now: cx.now().as_secs(), may_replace, frozen };
        let plan = plan::plan(seen, spec);
        let changes = changes(job, pods, &plan);
        if let Err(error) = cx.commit(changes).await {
            if !error.is_stale() && !error.is_fenced() && !error.is_unavailable() {
                cx.event(&job.object, EventType::Warning, "FailedCreate", error.to_string()).await;
            }
            return Err(error);
        }
        self.remember(key, &plan, now);
        give_up(cx, pods, &plan.drop).await?;
        tell(cx, job, &plan).await;
        Ok(plan.wait.map_or(Next::Done, Next::After))
    }

    fn may_replace(&self, key: &ObjectKey, now: Monotonic) -> Result<(), Duration> {
        let retries = self.retries.lock().unwrap_or_else(PoisonError::into_inner);
        let left = retries.get(key).map_or(Duration::ZERO, |retry| retry.next - now);
        if left.is_zero() { Ok(()) } else { Err(left) }
    }

    fn remember(&self, key: &ObjectKey, plan: &Plan, now: Monotonic) {
        let mut retries = self.retries.lock().unwrap_or_else(PoisonError::into_inner);
        if plan.end.is_some() || plan.ledger.new_success {
            retries.remove(key);
        }
        if plan.end.is_none() && plan.ledger.new_failures > 0 {
            let retry = retries.entry(key.clone()).or_default();
            retry.failures = retry.failures.saturating_add(plan.ledger.new_failures);
            retry.next = now + RETRY.ceiling(retry.failures);
        }
    }
}

/// The kind `Job`.
pub(crate) fn kind() -> GroupKind {
    GroupKind::new("batch", "Job")
}

/// When a job has ended, by its status; in seconds since the Unix epoch.
pub(crate) fn finished_at(status: &Value) -> Option<i64> {
    let end =
        ["Complete", "Failed"].into_iter().find_map(|kind| condition::holding(status, kind))?;
    let time = end.get("lastTransitionTime").and_then(Value::as_str).unwrap_or_default();
    Some(timestamp::parse(time).unwrap_or(0))
}

fn is_ours(spec: &JobSpec) -> bool {
    spec.managed_by.as_deref().is_none_or(|own| own == SELF)
}

/// Everything of one step but what is given up: the counts and what they take off the pods, the new
/// pods, the ends. One transaction.
fn changes(job: &Typed<Job>, pods: &[JobPod], plan: &Plan) -> Vec<Change> {
    let released = |place: &usize| {
        let pod = &pods[*place];
        pod.tracked.then(|| release(&pod.pod.object))
    };
    let mut changes: Vec<Change> =
        plan.ledger.ends.iter().chain(&plan.drop).filter_map(released).collect();
    changes.extend(plan.create.iter().map(|index| Change::Create(pods::new(&job.object, *index))));
    changes.extend(plan.kill.iter().map(|place| edit::deletion(&pods[*place].pod.object)));
    changes.extend(edit::status(&job.object, plan.status.clone()));
    changes
}

fn release(pod: &Arc<Object>) -> Change {
    Change::Update { object: pods::released(pod), old: Some(Arc::clone(pod)) }
}

/// Deletes pods that are no longer kept until they are counted. If this fails, the next pass finds
/// them active and too many.
async fn give_up(cx: &Context, pods: &[JobPod], places: &[usize]) -> Result<(), Error> {
    let deletion = |place: &usize| {
        let pod = &pods[*place].pod.object;
        let options = DeleteOptions { uid: pod.metadata.uid.clone(), ..DeleteOptions::default() };
        Change::Delete { kind: pod.group_kind(), key: pod.key(), options, old: None }
    };
    cx.commit(places.iter().map(deletion).collect()).await.map(drop)
}

async fn tell(cx: &Context, job: &Typed<Job>, plan: &Plan) {
    let object = &job.object;
    let before = object.body.get("status").unwrap_or(&Value::Null);
    if let Some(end) = &plan.end {
        let (kind, reason, message) = if end.success {
            (EventType::Normal, "Completed", "Job completed")
        } else {
            (EventType::Warning, end.reason.as_str(), end.message.as_str())
        };
        cx.event(object, kind, reason, message).await;
    }
    let suspended = |status: &Value| condition::holding(status, "Suspended").is_some();
    match (suspended(before), suspended(&plan.status)) {
        (false, true) => cx.event(object, EventType::Normal, "Suspended", "Job suspended").await,
        (true, false) => cx.event(object, EventType::Normal, "Resumed", "Job resumed").await,
        _ => {}
    }
}

/// What is left to do once a job has ended: nothing keeps its pods any more, and it goes when its
/// time to live is over.
async fn finish(
    cx: &Context,
    job: &Typed<Job>,
    spec: &JobSpec,
    pods: &[JobPod],
    finished: i64,
) -> Result<Next, Error> {
    let kept = pods.iter().filter(|pod| pod.tracked);
    let mut changes: Vec<Change> = kept.map(|pod| release(&pod.pod.object)).collect();
    let active = pods.iter().filter(|pod| pod.state == State::Active && !pod.tracked);
    changes.extend(active.map(|pod| edit::deletion(&pod.pod.object)));
    cx.commit(changes).await?;
    let Some(ttl) = spec.ttl_seconds_after_finished else { return Ok(Next::Done) };
    let left = finished.saturating_add(i64::from(ttl)) - cx.now().as_secs();
    if left > 0 {
        return Ok(Next::After(Duration::from_secs(u64::try_from(left).unwrap_or(0))));
    }
    if !job.object.metadata.is_deleting() {
        let options = DeleteOptions {
            propagation: Propagation::Foreground,
            uid: job.object.metadata.uid.clone(),
            ..DeleteOptions::default()
        };
        let (kind, key) = (kind(), job.object.key());
        let old = Some(Arc::clone(&job.object));
        cx.commit(vec![Change::Delete { kind, key, options, old }]).await?;
    }
    Ok(Next::Done)
}

/// The pods of the job, and the writes that adopt or release some first.
fn observe(
    snapshot: &Snapshot,
    job: &Typed<Job>,
    spec: &JobSpec,
) -> Result<(Vec<JobPod>, Vec<Change>), Error> {
    let (mut pods, mut changes) = (Vec::new(), Vec::new());
    let (Some(uid), Some(selector)) = (&job.object.metadata.uid, &spec.selector) else {
        return Ok((pods, changes));
    };
    let selector = select::from_spec(selector)?;
    for pod in candidates(snapshot, job, &selector) {
        match claim::claim(&job.object, &selector, &pod.object) {
            Claim::Keep => pods.push(JobPod::new(job, pod)),
            Claim::Adopt => changes.push(claim::adoption(&job.object, &pod.object)),
            Claim::Release => {
                let mut released = (*pod.object).clone();
                released.metadata.owner_references.retain(|reference| reference.uid != *uid);
                let object = pods::released(&released);
                changes.push(Change::Update { object, old: Some(Arc::clone(&pod.object)) });
            }
            Claim::Ignore => {}
        }
    }
    Ok((pods, changes))
}

/// The pods that the job owns, and those that nobody does.
fn candidates(snapshot: &Snapshot, job: &Typed<Job>, selector: &Selector) -> Vec<Typed<Pod>> {
    let metadata = &job.object.metadata;
    let mut all =
        metadata.uid.as_ref().map(|uid| snapshot.owned_by::<Pod>(uid)).unwrap_or_default();
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let free = |pod: &Typed<Pod>| pod.object.metadata.controller().is_none();
    all.extend(snapshot.select::<Pod>(namespace, selector).into_iter().filter(free));
    all
}

/// Pods that are kept for a job of this name that will never count them: it is gone, another has
/// taken its place, or it has been told to leave them behind.
fn strays(snapshot: &Snapshot, key: &ObjectKey, job: Option<&Typed<Job>>) -> Vec<Change> {
    let namespace = key.namespace.as_deref().unwrap_or_default();
    let pods = snapshot.objects_in(&GroupKind::new("", "Pod"), namespace);
    let owner = job.and_then(|job| job.object.metadata.uid.clone());
    let kept = pods.filter(|pod| pod.metadata.finalizers.iter().any(|name| name == pods::TRACKING));
    let stray = |pod: &Arc<Object>| match pod.metadata.controller() {
        Some(own) => own.kind == "Job" && own.name == key.name && Some(&own.uid) != owner.as_ref(),
        None => {
            let named = pod.metadata.labels.get(NAME_LABEL).is_some_and(|name| *name == key.name);
            named && job.is_none_or(|job| job.object.metadata.is_deleting())
        }
    };
    kept.filter(stray).map(|pod| release(&pod)).collect()
}

/// A pod that nobody controls concerns the job whose name it bears.
fn named(_: &Snapshot, change: &CacheChange) -> Vec<ObjectKey> {
    let pod = change.new.as_deref().filter(|pod| pod.metadata.controller().is_none());
    let key = pod.and_then(|pod| {
        let name = pod.metadata.labels.get(NAME_LABEL)?;
        Some(ObjectKey::namespaced(pod.metadata.namespace.clone()?, name.clone()))
    });
    key.into_iter().collect()
}

#[cfg(test)]
mod tests;
