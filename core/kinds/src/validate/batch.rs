//! Jobs and cron jobs.

use super::{Faults, immutable, not_negative, one_of, pod, positive, selector};
use crate::cron::Schedule;
use crate::json::At;
use quorate_resources::{FieldReason, Object};
use serde_json::Value;

/// Pods of an indexed job that run at the same time at most.
const MOST_INDEXED: i64 = 100_000;
/// Fields of a job's spec that never change.
const FIXED: &[&str] = &[
    "selector",
    "completionMode",
    "podFailurePolicy",
    "backoffLimitPerIndex",
    "managedBy",
    "successPolicy",
];
/// Fields of a pod template that a job may change while it is suspended and has not begun.
const PLACEMENT: &[&str] = &["affinity", "nodeSelector", "tolerations", "schedulingGates"];

pub(crate) fn job(object: &Object, old: Option<&Object>) -> Faults {
    let mut faults = Vec::new();
    let spec = At::top(object, "spec");
    job_spec(&spec, &mut faults);
    if spec.field("selector").is_set() {
        let (selector, template) = (spec.field("selector"), spec.field("template"));
        selector::matches_template(&selector, &template, &mut faults);
    }
    if let Some(old) = old {
        unchanged(object, old, &mut faults);
    }
    faults
}

fn job_spec(spec: &At<'_>, faults: &mut Faults) {
    for field in [
        "parallelism",
        "completions",
        "backoffLimit",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
        "activeDeadlineSeconds",
        "ttlSecondsAfterFinished",
    ] {
        not_negative(&spec.field(field), faults);
    }
    let mode = spec.field("completionMode");
    one_of(&mode, &["NonIndexed", "Indexed"], faults);
    one_of(&spec.field("podReplacementPolicy"), &["TerminatingOrFailed", "Failed"], faults);
    if mode.text() == "Indexed" {
        indexed(spec, faults);
    } else {
        for field in ["backoffLimitPerIndex", "maxFailedIndexes", "successPolicy"] {
            if spec.field(field).is_set() {
                faults.push(spec.field(field).invalid("must not be set unless the job is Indexed"));
            }
        }
    }
    template(spec, faults);
    failure_policy(spec, faults);
    success_policy(&spec.field("successPolicy"), faults);
}

fn indexed(spec: &At<'_>, faults: &mut Faults) {
    let (completions, parallelism) = (spec.field("completions"), spec.field("parallelism"));
    if !completions.is_set() {
        faults.push(completions.required("must be set when completionMode is Indexed"));
    }
    if parallelism.integer().is_some_and(|number| number > MOST_INDEXED) {
        let message = format!("must not be more than {MOST_INDEXED} when the job is Indexed");
        faults.push(parallelism.invalid(message));
    }
    let most_failed = spec.field("maxFailedIndexes");
    if most_failed.is_set() && !spec.field("backoffLimitPerIndex").is_set() {
        let message = "must be set when maxFailedIndexes is";
        faults.push(spec.field("backoffLimitPerIndex").required(message));
    }
    if most_failed.integer() > completions.integer() {
        faults.push(most_failed.invalid("must not be more than completions"));
    }
}

fn template(spec: &At<'_>, faults: &mut Faults) {
    let template = spec.field("template");
    pod::labels(&template.field("metadata").field("labels"), faults);
    pod::pod_spec(&template.field("spec"), faults);
    let policy = template.field("spec").field("restartPolicy");
    if !matches!(policy.text(), "OnFailure" | "Never") {
        let message = format!("must be OnFailure or Never in a job, is {:?}", policy.text());
        faults.push(policy.fault(FieldReason::NotSupported, message));
    }
}

fn failure_policy(spec: &At<'_>, faults: &mut Faults) {
    let policy = spec.field("podFailurePolicy");
    if !policy.is_set() {
        return;
    }
    let restart = spec.field("template").field("spec").field("restartPolicy");
    if restart.text() != "Never" {
        faults.push(restart.invalid("must be Never when there is a podFailurePolicy"));
    }
    for rule in policy.field("rules").items() {
        let action = rule.field("action");
        one_of(&action, &["FailJob", "FailIndex", "Ignore", "Count"], faults);
        if action.text() == "FailIndex" && !spec.field("backoffLimitPerIndex").is_set() {
            faults.push(action.invalid("must not be FailIndex without backoffLimitPerIndex"));
        }
        let (codes, conditions) = (rule.field("onExitCodes"), rule.field("onPodConditions"));
        if codes.is_set() == conditions.items().next().is_some() {
            faults.push(rule.invalid("must have one of onExitCodes, onPodConditions"));
        }
        if codes.is_set() {
            exit_codes(&codes, faults);
        }
    }
}

fn exit_codes(codes: &At<'_>, faults: &mut Faults) {
    let operator = codes.field("operator");
    one_of(&operator, &["In", "NotIn"], faults);
    let values = codes.field("values");
    if values.items().next().is_none() {
        faults.push(values.required("must have at least one exit code"));
    }
    let zero = values.items().find(|value| value.integer() == Some(0));
    if let Some(zero) = zero.filter(|_| operator.text() == "In") {
        faults.push(zero.invalid("must not be 0: that is no failure"));
    }
}

fn success_policy(policy: &At<'_>, faults: &mut Faults) {
    if policy.is_set() && policy.field("rules").items().next().is_none() {
        faults.push(policy.field("rules").required("must have at least one rule"));
    }
    for rule in policy.field("rules").items() {
        let (indexes, count) = (rule.field("succeededIndexes"), rule.field("succeededCount"));
        if !indexes.is_set() && !count.is_set() {
            faults.push(rule.required("must have succeededIndexes or succeededCount"));
        }
        positive(&count, faults);
    }
}

fn unchanged(object: &Object, old: &Object, faults: &mut Faults) {
    let (new, before) = (At::top(object, "spec"), At::top(old, "spec"));
    for field in FIXED {
        immutable(&new.field(field), &before.field(field), faults);
    }
    // An indexed job grows and shrinks if both numbers do.
    let together = new.field("completionMode").text() == "Indexed"
        && new.field("completions").value == new.field("parallelism").value;
    if !together {
        immutable(&new.field("completions"), &before.field("completions"), faults);
    }
    let begun = At::top(old, "status").field("startTime").is_set();
    let movable = before.field("suspend").value.as_bool() == Some(true) && !begun;
    let (template, old_template) = (new.field("template"), before.field("template"));
    if movable {
        let (fixed, old_fixed) = (unplaced(template.value), unplaced(old_template.value));
        let path = template.path.clone();
        immutable(
            &At { value: &fixed, path: path.clone() },
            &At { value: &old_fixed, path },
            faults,
        );
    } else {
        immutable(&template, &old_template, faults);
    }
}

/// The template without what says where its pods run.
fn unplaced(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(fields) = template.as_object_mut() {
        fields.remove("metadata");
    }
    if let Some(spec) = template.get_mut("spec").and_then(Value::as_object_mut) {
        for field in PLACEMENT {
            spec.remove(*field);
        }
    }
    template
}

pub(crate) fn cron_job(object: &Object, _old: Option<&Object>) -> Faults {
    let mut faults = Vec::new();
    let spec = At::top(object, "spec");
    let (schedule, zone) = (spec.field("schedule"), spec.field("timeZone"));
    if schedule.text().is_empty() {
        faults.push(schedule.required("must be set, for example \"0 * * * *\""));
    } else if let Err(error) = Schedule::parse(schedule.text(), None) {
        faults.push(schedule.invalid(error.to_string()));
    }
    if zone.is_set()
        && let Err(error) = Schedule::parse("@daily", Some(zone.text()))
    {
        faults.push(zone.invalid(error.to_string()));
    }
    one_of(&spec.field("concurrencyPolicy"), &["Allow", "Forbid", "Replace"], &mut faults);
    let numbers =
        ["startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"];
    for field in numbers {
        not_negative(&spec.field(field), &mut faults);
    }
    let job = spec.field("jobTemplate").field("spec");
    for field in ["selector", "manualSelector"] {
        if job.field(field).is_set() {
            faults.push(job.field(field).invalid("must not be set: each job gets its own"));
        }
    }
    job_spec(&job, &mut faults);
    faults
}
