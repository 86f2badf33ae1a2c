//! Jobs and cron jobs.

use super::text::{at, count, field, items, or_none, selector, since};
use super::{AGE, NAME, number, text};
use quorate_resources::{Column, Object, timestamp};
use serde_json::{Value, json};

pub(super) const JOBS: &[Column] = &[
    NAME,
    Column::new("Status", |job, _| json!(status(job))),
    Column::new("Completions", |job, _| json!(completions(job))),
    Column::new("Duration", |job, now| json!(duration(job, now))),
    AGE,
    Column::new("Containers", |job, _| json!(names(job, "/spec/template", "name"))).wide(),
    Column::new("Images", |job, _| json!(names(job, "/spec/template", "image"))).wide(),
    Column::new("Selector", |job, _| json!(selector(job, "/spec/selector"))).wide(),
];

const TEMPLATE: &str = "/spec/jobTemplate/spec/template";

pub(super) const CRON_JOBS: &[Column] = &[
    NAME,
    Column::new("Schedule", |cron, _| json!(at(cron, "/spec/schedule"))),
    Column::new("Timezone", |cron, _| json!(or_none(at(cron, "/spec/timeZone")))),
    Column::new("Suspend", |cron, _| {
        let suspended = cron.pointer("/spec/suspend") == Some(&Value::Bool(true));
        json!(if suspended { "True" } else { "False" })
    }),
    Column::new("Active", |cron, _| json!(count(cron, "/status/active"))).integer(),
    Column::new("Last Schedule", |cron, now| match at(cron, "/status/lastScheduleTime") {
        "" => json!("<none>"),
        time => json!(since(time, now)),
    }),
    AGE,
    Column::new("Containers", |cron, _| json!(names(cron, TEMPLATE, "name"))).wide(),
    Column::new("Images", |cron, _| json!(names(cron, TEMPLATE, "image"))).wide(),
    Column::new("Selector", |cron, _| json!(selector(cron, "/spec/jobTemplate/spec/selector")))
        .wide(),
];

/// The first condition that holds, of those that end or hold up a job.
fn status(job: &Object) -> &'static str {
    let holds = |kind: &str| {
        let mut conditions = items(job, "/status/conditions");
        conditions.any(|it| field(it, "type") == kind && field(it, "status") == "True")
    };
    if holds("Complete") {
        "Complete"
    } else if holds("Failed") {
        "Failed"
    } else if job.metadata.is_deleting() {
        "Terminating"
    } else if holds("Suspended") {
        "Suspended"
    } else if holds("FailureTarget") {
        "FailureTarget"
    } else if holds("SuccessCriteriaMet") {
        "SuccessCriteriaMet"
    } else {
        "Running"
    }
}

fn completions(job: &Object) -> String {
    let succeeded = number(job, "/status/succeeded");
    match (job.pointer("/spec/completions"), number(job, "/spec/parallelism")) {
        (Some(wanted), _) => format!("{succeeded}/{wanted}"),
        (None, parallelism) if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        (None, _) => format!("{succeeded}/1"),
    }
}

fn duration(job: &Object, now: i64) -> String {
    let start = timestamp::parse(at(job, "/status/startTime"));
    let end = timestamp::parse(at(job, "/status/completionTime"));
    start.map_or_else(String::new, |start| text::duration(end.unwrap_or(now) - start))
}

fn names(object: &Object, template: &str, name: &str) -> String {
    let pointer = format!("{template}/spec/containers");
    let containers = items(object, &pointer);
    let names: Vec<String> = containers.map(|it| field(it, name).to_owned()).collect();
    or_none(&names.join(",")).to_owned()
}
