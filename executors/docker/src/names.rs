//! Names and labels: deterministic in (pod uid, task, attempt). Pure.

use quorate_executor::{TaskId, TaskSpec};
use quorate_types::Uid;
use std::collections::BTreeMap;
use std::path::PathBuf;

pub(crate) const NODE: &str = "dev.quorate.node";
pub(crate) const POD: &str = "dev.quorate.pod-uid";
const TASK: &str = "dev.quorate.task";
const ATTEMPT: &str = "dev.quorate.attempt";
const LOG: &str = "dev.quorate.log";
const NAMESPACE: &str = "dev.quorate.namespace";
const POD_NAME: &str = "dev.quorate.pod";

/// The name of a task's container.
pub(crate) fn container(task: &TaskId) -> String {
    format!("quorate-{}-{}-{}", task.pod, task.name, task.attempt)
}

/// The labels of a task's container.
pub(crate) fn labels(spec: &TaskSpec, node: &str) -> BTreeMap<String, String> {
    let labels = [
        (NODE, node.to_owned()),
        (POD, spec.id.pod.to_string()),
        (TASK, spec.id.name.clone()),
        (ATTEMPT, spec.id.attempt.to_string()),
        (LOG, spec.log_path.to_string_lossy().into_owned()),
        (NAMESPACE, spec.namespace.clone()),
        (POD_NAME, spec.pod_name.clone()),
    ];
    labels.map(|(name, value)| (name.to_owned(), value)).into()
}

/// The task that labels name, if they name one.
pub(crate) fn task(labels: &BTreeMap<String, String>) -> Option<TaskId> {
    let task = TaskId {
        pod: Uid::from_stored(labels.get(POD)?.as_str()),
        name: labels.get(TASK)?.clone(),
        attempt: labels.get(ATTEMPT)?.parse().ok()?,
    };
    task.is_possible().then_some(task)
}

/// The log file that labels name.
pub(crate) fn log(labels: &BTreeMap<String, String>) -> Option<PathBuf> {
    labels.get(LOG).map(PathBuf::from).filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::support::spec;

    #[test]
    fn labels_lead_back_to_the_task() {
        let spec = spec("web");
        let labels = labels(&spec, "node-1");
        assert_eq!(task(&labels), Some(spec.id.clone()));
        assert_eq!(log(&labels), Some(spec.log_path.clone()));
        assert_eq!(container(&spec.id), format!("quorate-{}-web-0", spec.id.pod));
        let mut foreign = labels.clone();
        foreign.insert(ATTEMPT.to_owned(), "many".to_owned());
        assert_eq!(task(&foreign), None);
        foreign.insert(ATTEMPT.to_owned(), "1".to_owned());
        foreign.insert(TASK.to_owned(), "../up".to_owned());
        assert_eq!(task(&foreign), None);
    }
}
