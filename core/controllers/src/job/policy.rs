//! What the failure of a pod means to its job, by the job's `podFailurePolicy`.

use quorate_kinds::{Job, Pod, PodFailurePolicyRule};
use quorate_resources::Typed;

/// What a failure means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It counts towards the limit.
    Count,
    /// It does not.
    Ignore,
    /// The job has failed; why.
    FailJob(String),
    /// The index has failed.
    FailIndex,
}

/// The verdict of the first rule that fits.
pub(super) fn judge(job: &Job, pod: &Typed<Pod>) -> Verdict {
    let policy = job.spec.as_ref().and_then(|spec| spec.pod_failure_policy.as_ref());
    let rules = policy.map(|policy| policy.rules.as_slice()).unwrap_or_default();
    for (at, rule) in rules.iter().enumerate() {
        let Some(what) = by_exit_code(rule, pod).or_else(|| by_condition(rule, pod)) else {
            continue;
        };
        return match rule.action.as_str() {
            "FailJob" => Verdict::FailJob(format!("{what} matching FailJob rule at index {at}")),
            "FailIndex" => Verdict::FailIndex,
            "Ignore" => Verdict::Ignore,
            _ => Verdict::Count,
        };
    }
    Verdict::Count
}

fn name(pod: &Typed<Pod>) -> String {
    pod.object.key().to_string()
}

fn by_exit_code(rule: &PodFailurePolicyRule, pod: &Typed<Pod>) -> Option<String> {
    let wanted = rule.on_exit_codes.as_ref()?;
    let status = pod.status.as_ref()?;
    let all = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    let mut ends = all.filter_map(|one| {
        let ended = one.state.as_ref()?.terminated.as_ref()?;
        (ended.exit_code != 0).then_some((one.name.as_str(), ended.exit_code))
    });
    let fits = |(container, code): &(&str, i32)| {
        let named = wanted.container_name.as_deref().is_none_or(|own| own == *container);
        named && wanted.values.contains(code) == (wanted.operator == "In")
    };
    let (container, code) = ends.find(fits)?;
    Some(format!("Container {container} for pod {} failed with exit code {code}", name(pod)))
}

fn by_condition(rule: &PodFailurePolicyRule, pod: &Typed<Pod>) -> Option<String> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let wanted = rule.on_pod_conditions.as_ref()?;
    let found = wanted.iter().find(|wanted| {
        let status = wanted.status.as_deref().unwrap_or("True");
        conditions.iter().any(|one| one.type_ == wanted.type_ && one.status == status)
    })?;
    Some(format!("Pod {} has condition {}", name(pod), found.type_))
}
