//! The jobs of a cron job, and its status.

use crate::{condition, job};
use quorate_kinds::cron::Schedule;
use quorate_resources::{Metadata, Object, timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The annotation with the time for which a job was made.
const SCHEDULED: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";
/// The annotation of jobs that people made by hand.
const BY_HAND: &str = "cronjob.kubernetes.io/instantiate";

/// The name of the job of a time: the same whoever asks, so that it is made once.
pub(super) fn job_name(cron: &Object, time: i64) -> String {
    format!("{}-{}", cron.metadata.name, time.div_euclid(60))
}

/// The job of a time.
pub(super) fn job(cron: &Object, schedule: &Schedule, time: i64) -> Object {
    let template = |path: &str| cron.pointer(&format!("/spec/jobTemplate/{path}")).cloned();
    let map = |path: &str| -> BTreeMap<String, String> {
        template(path).and_then(|map| serde_json::from_value(map).ok()).unwrap_or_default()
    };
    let mut annotations = map("metadata/annotations");
    let time_text = schedule.local(time).unwrap_or_else(|| timestamp::from_unix(time));
    annotations.insert(SCHEDULED.to_owned(), time_text);
    let spec = template("spec").unwrap_or_else(|| json!({}));
    Object {
        api_version: "batch/v1".to_owned(),
        kind: "Job".to_owned(),
        metadata: Metadata {
            name: job_name(cron, time),
            namespace: cron.metadata.namespace.clone(),
            labels: map("metadata/labels"),
            annotations,
            owner_references: vec![cron.owner_reference()],
            ..Metadata::default()
        },
        body: crate::edit::fields(json!({ "spec": spec })),
    }
}

/// The jobs of a cron job, by what has become of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Jobs {
    /// Made by the schedule and not ended.
    pub(super) active: Vec<Arc<Object>>,
    /// Complete, the oldest first.
    pub(super) complete: Vec<Arc<Object>>,
    /// Failed, the oldest first.
    pub(super) failed: Vec<Arc<Object>>,
}

impl Jobs {
    pub(super) fn sort(mut all: Vec<Arc<Object>>) -> Self {
        all.sort_by_cached_key(|job| {
            let start = job.pointer("/status/startTime").and_then(Value::as_str).map(str::to_owned);
            (start, job.metadata.creation_timestamp.clone(), job.metadata.name.clone())
        });
        let mut jobs = Self::default();
        for job in all {
            let status = job.body.get("status").unwrap_or(&Value::Null);
            if condition::holding(status, "Complete").is_some() {
                jobs.complete.push(job);
            } else if job::finished_at(status).is_some() {
                jobs.failed.push(job);
            } else if !job.metadata.annotations.contains_key(BY_HAND) {
                jobs.active.push(job);
            }
        }
        jobs
    }

    /// Those beyond what is kept, the oldest first.
    pub(super) fn surplus(&self, complete: usize, failed: usize) -> Vec<Arc<Object>> {
        let over = |all: &[Arc<Object>], limit: usize| -> Vec<Arc<Object>> {
            let kept = |job: &&Arc<Object>| !job.metadata.is_deleting();
            all[..all.len().saturating_sub(limit)].iter().filter(kept).cloned().collect()
        };
        let mut all = over(&self.complete, complete);
        all.extend(over(&self.failed, failed));
        all
    }
}

/// The status: what runs, when the schedule was last due, when a job last completed.
pub(super) fn status(before: &Value, jobs: &Jobs, scheduled: Option<i64>) -> Value {
    let mut status = json!({});
    let active: Vec<Value> = jobs.active.iter().map(|job| reference(job)).collect();
    if !active.is_empty() {
        status["active"] = Value::Array(active);
    }
    let last = scheduled.map(|time| json!(timestamp::from_unix(time)));
    if let Some(last) = last.or_else(|| before.get("lastScheduleTime").cloned()) {
        status["lastScheduleTime"] = last;
    }
    let completed = jobs.complete.iter().filter_map(|job| job.pointer("/status/completionTime"));
    let latest = completed.chain(before.get("lastSuccessfulTime"));
    let text = |time: &&Value| timestamp::parse(time.as_str().unwrap_or_default());
    if let Some(latest) = latest.max_by_key(text) {
        status["lastSuccessfulTime"] = latest.clone();
    }
    status
}

fn reference(job: &Object) -> Value {
    json!({
        "apiVersion": job.api_version, "kind": job.kind, "name": job.metadata.name,
        "namespace": job.metadata.namespace, "uid": job.metadata.uid,
        "resourceVersion": job.metadata.resource_version.map(|version| version.to_string()),
    })
}
