//! The conditions of a pod.

use super::{View, phase};
use crate::machine::succeeded;
use crate::time::time;
use quorate_executor::Observed;
use quorate_kinds::k8s_openapi::api::core::v1::{ContainerStatus, PodCondition, PodStatus};

/// The conditions, all with the present as transition time.
pub(super) fn conditions(
    view: View<'_>,
    phase: &str,
    containers: &[ContainerStatus],
) -> Vec<PodCondition> {
    let now = view.seen.wall_ms;
    let condition = |type_: &str, holds: bool, reason: &str, message: String| PodCondition {
        type_: type_.to_owned(),
        status: if holds { "True" } else { "False" }.to_owned(),
        reason: (!holds).then(|| reason.to_owned()),
        message: (!holds && !message.is_empty()).then_some(message),
        last_transition_time: Some(time(now)),
        ..PodCondition::default()
    };
    let waiting_init = names(view.plan.init.iter().map(|spec| spec.name.as_str()), |name| {
        !succeeded(view.history, name)
    });
    let not_ready = containers.iter().filter(|status| !status.ready);
    let not_ready: Vec<&str> = not_ready.map(|status| status.name.as_str()).collect();
    let ready = not_ready.is_empty() && !containers.is_empty();
    let (reason, message) = match phase {
        phase::SUCCEEDED => ("PodCompleted", String::new()),
        phase::FAILED => ("PodFailed", String::new()),
        _ => ("ContainersNotReady", unready_message(view, &not_ready)),
    };
    let mut conditions = vec![
        condition("PodScheduled", true, "", String::new()),
        condition(
            "Initialized",
            waiting_init.is_empty(),
            "ContainersNotInitialized",
            format!("containers with incomplete status: {waiting_init:?}"),
        ),
        condition("ContainersReady", ready, reason, message.clone()),
        condition("Ready", ready, reason, message),
    ];
    if let Some(why) = unreachable(view) {
        conditions.push(condition("quorate.dev/Reachable", false, "ExecutorUnreachable", why));
    }
    conditions
}

fn names<'a>(all: impl Iterator<Item = &'a str>, pick: impl Fn(&str) -> bool) -> Vec<&'a str> {
    all.filter(|name| pick(name)).collect()
}

fn unready_message(view: View<'_>, not_ready: &[&str]) -> String {
    let mut message = format!("containers with unready status: {not_ready:?}");
    for name in not_ready {
        if let Some(why) = (view.health)(name).and_then(|health| health.message) {
            message.push_str(&format!("; {name}: {why}"));
        }
    }
    message
}

/// Why nothing is known about a task at the moment.
fn unreachable(view: View<'_>) -> Option<String> {
    view.seen.tasks.iter().find_map(|(task, observed)| match observed {
        Observed::Unreachable(why) => Some(format!("{}: {why}; nothing is restarted", task.name)),
        _ => None,
    })
}

/// Puts computed conditions in place of earlier ones: transition times are kept where the value
/// stays, conditions that others set are kept as they are.
#[must_use]
pub fn merge_conditions(mut computed: Vec<PodCondition>, before: &PodStatus) -> Vec<PodCondition> {
    let earlier = before.conditions.as_deref().unwrap_or_default();
    for condition in &mut computed {
        let same = earlier
            .iter()
            .find(|old| old.type_ == condition.type_ && old.status == condition.status);
        if let Some(old) = same {
            condition.last_transition_time.clone_from(&old.last_transition_time);
        }
    }
    let ours = |type_: &str| type_ == "quorate.dev/Reachable";
    let foreign = earlier.iter().filter(|old| {
        !ours(&old.type_) && computed.iter().all(|condition| condition.type_ != old.type_)
    });
    let foreign: Vec<PodCondition> = foreign.cloned().collect();
    computed.extend(foreign);
    computed
}
