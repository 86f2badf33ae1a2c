//! Specifications for tests.

use quorate_executor::{Resources, TaskId, TaskSpec};
use quorate_types::Uid;

/// A task of some pod.
pub(crate) fn spec(name: &str) -> TaskSpec {
    TaskSpec {
        id: TaskId { pod: Uid::from_random(7), name: name.to_owned(), attempt: 0 },
        namespace: "default".into(),
        pod_name: "pod".into(),
        node: "node-1".into(),
        image: "probe:1".into(),
        command: Vec::new(),
        args: Vec::new(),
        env: Vec::new(),
        working_dir: None,
        resources: Resources::default(),
        mounts: Vec::new(),
        log_path: "/tmp/log".into(),
        pod_dir: "/tmp".into(),
    }
}
