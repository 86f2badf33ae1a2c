//! The phase: one word for a pod.

use super::View;
use crate::machine::{is_over, succeeded};
use quorate_executor::Observed;

pub(super) const PENDING: &str = "Pending";
pub(super) const RUNNING: &str = "Running";
pub(super) const SUCCEEDED: &str = "Succeeded";
pub(super) const FAILED: &str = "Failed";

/// The phase. A pod that has run once never goes back to `Pending`.
pub(super) fn phase(view: View<'_>) -> &'static str {
    let history = view.history;
    let containers = &history.record.containers;
    if is_over(view.plan, history) || (view.seen.deleting.is_some() && all_ended(view)) {
        let all = view.plan.containers().all(|spec| succeeded(history, &spec.name));
        return if all { SUCCEEDED } else { FAILED };
    }
    let has_run = view.plan.main.iter().all(|spec| {
        let record = containers.get(&spec.name);
        record.is_some_and(|record| {
            record.started.is_some() || record.ended.is_some() || record.last.is_some()
        })
    });
    if has_run && !view.plan.main.is_empty() { RUNNING } else { PENDING }
}

/// Whether every container has been run and none runs any more.
fn all_ended(view: View<'_>) -> bool {
    let record = &view.history.record;
    let ended =
        |name: &str| record.containers.get(name).is_some_and(|container| container.ended.is_some());
    let none_alive =
        view.seen.tasks.values().all(|o| matches!(o, Observed::Absent | Observed::Exited(_)));
    none_alive && !view.plan.main.is_empty() && view.plan.main.iter().all(|spec| ended(&spec.name))
}
