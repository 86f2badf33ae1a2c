//! Whether a job is decided, and how.

use super::indexes;
use super::ledger::{Ledger, is_indexed};
use super::plan::Seen;
use super::pods::{JobPod, State};
use crate::condition;
use quorate_kinds::{JobSpec, SuccessPolicyRule};
use serde_json::Value;

/// How a job ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) success: bool,
    pub(super) reason: String,
    pub(super) message: String,
}

impl End {
    fn failure(reason: &str, message: impl Into<String>) -> Self {
        Self { success: false, reason: reason.to_owned(), message: message.into() }
    }

    fn success(reason: &str, message: impl Into<String>) -> Self {
        Self { success: true, reason: reason.to_owned(), message: message.into() }
    }

    /// The condition that says that the end is decided.
    pub(super) fn decided(&self) -> &'static str {
        if self.success { "SuccessCriteriaMet" } else { "FailureTarget" }
    }

    /// The condition that says that it has come.
    pub(super) fn finished(&self) -> &'static str {
        if self.success { "Complete" } else { "Failed" }
    }
}

/// The end that the job comes to, if it is decided: once that is so it stays so.
pub(super) fn outcome(seen: &Seen<'_>, spec: &JobSpec, ledger: &Ledger) -> Option<End> {
    decided(seen.status()).or_else(|| failed(seen, spec, ledger)).or_else(|| {
        let by_policy = by_success_policy(spec, ledger);
        by_policy.or_else(|| complete(seen, spec, ledger))
    })
}

fn decided(status: &Value) -> Option<End> {
    let text = |of: &serde_json::Map<String, Value>, field: &str| {
        of.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let end = |kind: &str, success: bool| {
        let found = condition::holding(status, kind)?;
        Some(End { success, reason: text(found, "reason"), message: text(found, "message") })
    };
    end("FailureTarget", false).or_else(|| end("SuccessCriteriaMet", true))
}

fn failed(seen: &Seen<'_>, spec: &JobSpec, ledger: &Ledger) -> Option<End> {
    if let Some(why) = &ledger.refused {
        return Some(End::failure("PodFailurePolicy", why.clone()));
    }
    let limit = spec.backoff_limit.unwrap_or(6);
    if ledger.failed > limit || restarts_exceed(spec, seen.pods, limit) {
        let message = "Job has reached the specified backoff limit";
        return Some(End::failure("BackoffLimitExceeded", message));
    }
    if seen.deadline(spec).is_some_and(|left| left <= 0) {
        let message = "Job was active longer than specified deadline";
        return Some(End::failure("DeadlineExceeded", message));
    }
    let lost = i32::try_from(ledger.lost.len()).unwrap_or(i32::MAX);
    if spec.max_failed_indexes.is_some_and(|most| lost > most) {
        let message = "Job has exceeded the specified maximal number of failed indexes";
        return Some(End::failure("MaxFailedIndexesExceeded", message));
    }
    let all = spec.completions.unwrap_or(0);
    let over = is_indexed(spec) && lost > 0 && ledger.remaining(all) == 0;
    over.then(|| End::failure("FailedIndexes", "Job has failed indexes"))
}

/// Containers that restart in place count as failures of their pods would.
fn restarts_exceed(spec: &JobSpec, pods: &[JobPod], limit: i32) -> bool {
    let policy = spec.template.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref());
    if policy != Some("OnFailure") {
        return false;
    }
    let active = pods.iter().filter(|pod| pod.state == State::Active);
    let statuses = active.filter_map(|pod| pod.pod.status.as_ref()).flat_map(|status| {
        status.init_container_statuses.iter().chain(&status.container_statuses).flatten()
    });
    let restarts: i32 = statuses.map(|one| one.restart_count).sum();
    if limit == 0 { restarts > 0 } else { restarts >= limit }
}

fn by_success_policy(spec: &JobSpec, ledger: &Ledger) -> Option<End> {
    let mut rules = spec.success_policy.as_ref()?.rules.iter().enumerate();
    let (at, _) = rules.find(|(_, rule)| is_met(rule, ledger))?;
    Some(End::success("SuccessPolicy", format!("Matched rules at index {at}")))
}

fn is_met(rule: &SuccessPolicyRule, ledger: &Ledger) -> bool {
    let (found, wanted) = match &rule.succeeded_indexes {
        None => (ledger.done.len(), usize::MAX),
        Some(text) => {
            let named = indexes::parse(text);
            (named.intersection(&ledger.done).count(), named.len())
        }
    };
    let count = rule.succeeded_count.and_then(|count| usize::try_from(count).ok());
    found >= count.unwrap_or(wanted)
}

fn complete(seen: &Seen<'_>, spec: &JobSpec, ledger: &Ledger) -> Option<End> {
    let reached = match spec.completions {
        Some(wanted) => ledger.succeeded >= wanted,
        // A queue of work is empty once one has found it so and the others have ended.
        None => {
            let ended = |pod: &JobPod| !matches!(pod.state, State::Active | State::Terminating);
            ledger.succeeded > 0 && seen.pods.iter().all(ended)
        }
    };
    let message = "Reached expected number of succeeded pods";
    reached.then(|| End::success("CompletionsReached", message))
}
