//! Pods: what the status column says is worked out from the containers.

use super::text::{at, field, items, or_none, since};
use super::{AGE, NAME};
use quorate_resources::{Column, Object, timestamp};
use serde_json::{Value, json};

pub(super) const COLUMNS: &[Column] = &[
    NAME,
    Column::new("Ready", |pod, _| {
        let ready = items(pod, "/status/containerStatuses").filter(|it| it["ready"] == true);
        json!(format!("{}/{}", ready.count(), items(pod, "/spec/containers").count()))
    }),
    Column::new("Status", |pod, _| json!(status(pod))),
    Column::new("Restarts", |pod, now| json!(restarts(pod, now))),
    AGE,
    Column::new("IP", |pod, _| json!(or_none(at(pod, "/status/podIP")))).wide(),
    Column::new("Node", |pod, _| json!(or_none(at(pod, "/spec/nodeName")))).wide(),
    Column::new("Nominated Node", |pod, _| json!(or_none(at(pod, "/status/nominatedNodeName"))))
        .wide(),
    Column::new("Readiness Gates", |pod, _| json!(gates(pod))).wide(),
];

fn status(pod: &Object) -> String {
    if pod.metadata.is_deleting() {
        let lost = at(pod, "/status/reason") == "NodeLost";
        return if lost { "Unknown" } else { "Terminating" }.to_owned();
    }
    if let Some(reason) = initialising(pod) {
        return format!("Init:{reason}");
    }
    let last = items(pod, "/status/containerStatuses").filter_map(reason).last();
    let own = [at(pod, "/status/reason"), at(pod, "/status/phase")];
    let own = own.into_iter().find(|text| !text.is_empty()).unwrap_or("Unknown");
    match last {
        Some(reason) if reason == "Completed" && has_running(pod) => "Running".to_owned(),
        Some(reason) => reason,
        None => own.to_owned(),
    }
}

fn has_running(pod: &Object) -> bool {
    let mut statuses = items(pod, "/status/containerStatuses");
    statuses.any(|it| it["ready"] == true && it["state"]["running"].is_object())
}

/// Why the first unfinished init container is not done; `None` once all are.
fn initialising(pod: &Object) -> Option<String> {
    let total = items(pod, "/spec/initContainers").count();
    for (index, status) in items(pod, "/status/initContainerStatuses").enumerate() {
        let ended = &status["state"]["terminated"];
        let done = ended["exitCode"] == 0 || status["started"] == true;
        if done {
            continue;
        }
        let reason = reason(status).filter(|reason| reason != "PodInitializing");
        return Some(reason.unwrap_or_else(|| format!("{index}/{total}")));
    }
    None
}

fn reason(status: &Value) -> Option<String> {
    let (waiting, ended) = (&status["state"]["waiting"], &status["state"]["terminated"]);
    let waiting = field(waiting, "reason");
    if !waiting.is_empty() {
        return Some(waiting.to_owned());
    }
    if !ended.is_object() {
        return None;
    }
    Some(match (field(ended, "reason"), ended["signal"].as_i64().unwrap_or(0)) {
        ("", 0) => format!("ExitCode:{}", ended["exitCode"]),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    })
}

fn restarts(pod: &Object, now: i64) -> String {
    let statuses = || items(pod, "/status/containerStatuses");
    let total: i64 = statuses().filter_map(|status| status["restartCount"].as_i64()).sum();
    let ended = statuses()
        .filter_map(|status| status["lastState"]["terminated"]["finishedAt"].as_str())
        .max_by_key(|text| timestamp::parse(text));
    match ended {
        Some(ended) if total > 0 => format!("{total} ({} ago)", since(ended, now)),
        _ => total.to_string(),
    }
}

fn gates(pod: &Object) -> String {
    let total = items(pod, "/spec/readinessGates").count();
    if total == 0 {
        return "<none>".to_owned();
    }
    let open = items(pod, "/spec/readinessGates").filter(|gate| {
        items(pod, "/status/conditions").any(|condition| {
            field(condition, "type") == field(gate, "conditionType")
                && field(condition, "status") == "True"
        })
    });
    format!("{}/{total}", open.count())
}
