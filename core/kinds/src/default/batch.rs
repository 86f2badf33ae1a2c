//! Defaults of jobs and cron jobs.

use super::workload::template;
use crate::json::{Fields, child_or_new, fill};
use quorate_resources::Object;
use serde_json::{Value, json};

/// The label by which a job knows its pods: the job's uid.
const CONTROLLER_UID: &str = "batch.kubernetes.io/controller-uid";
/// The label with the job's name.
const JOB_NAME: &str = "batch.kubernetes.io/job-name";

pub(crate) fn job(object: &mut Object) {
    let (name, uid) = (object.metadata.name.clone(), object.metadata.uid.clone());
    let Some(spec) = child_or_new(&mut object.body, "spec") else { return };
    let is_work_queue = spec.contains_key("parallelism");
    if !spec.contains_key("completions") && !is_work_queue {
        fill(spec, "completions", 1);
    }
    fill(spec, "parallelism", 1);
    let per_index = spec.contains_key("backoffLimitPerIndex");
    fill(spec, "backoffLimit", if per_index { i32::MAX } else { 6 });
    fill(spec, "completionMode", "NonIndexed");
    fill(spec, "suspend", false);
    let by_policy = spec.contains_key("podFailurePolicy");
    fill(spec, "podReplacementPolicy", if by_policy { "Failed" } else { "TerminatingOrFailed" });
    template(spec);
    let is_manual = spec.get("manualSelector") == Some(&Value::Bool(true));
    if let Some(uid) = uid.filter(|_| !is_manual) {
        select(spec, uid.as_str(), &name);
    }
}

/// A job that is not told otherwise selects by its own uid, which nothing else carries.
fn select(spec: &mut Fields, uid: &str, name: &str) {
    let metadata = child_or_new(spec, "template").and_then(|it| child_or_new(it, "metadata"));
    if let Some(labels) = metadata.and_then(|metadata| child_or_new(metadata, "labels")) {
        for (key, value) in
            [(CONTROLLER_UID, uid), (JOB_NAME, name), ("controller-uid", uid), ("job-name", name)]
        {
            fill(labels, key, value);
        }
    }
    fill(spec, "selector", json!({ "matchLabels": { CONTROLLER_UID: uid } }));
}

pub(crate) fn cron_job(object: &mut Object) {
    let Some(spec) = child_or_new(&mut object.body, "spec") else { return };
    fill(spec, "concurrencyPolicy", "Allow");
    fill(spec, "suspend", false);
    fill(spec, "successfulJobsHistoryLimit", 3);
    fill(spec, "failedJobsHistoryLimit", 1);
    let job = child_or_new(spec, "jobTemplate").and_then(|job| child_or_new(job, "spec"));
    if let Some(job) = job {
        template(job);
    }
}
