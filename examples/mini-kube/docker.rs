//! Pods as containers, beside those as processes.

use crate::arguments::Dev;
use quorate::Error;
use quorate::executor::SharedExecutor;
use quorate::seams::Seams;
use quorate_docker::{DockerExecutor, DockerOptions};
use std::collections::BTreeMap;
use std::path::Path;

/// An executor for each node, all over one engine.
pub(crate) async fn connect(
    dev: &Dev,
    socket: &Path,
) -> Result<BTreeMap<String, SharedExecutor>, quorate::executor::Error> {
    let mut executors: BTreeMap<String, SharedExecutor> = BTreeMap::new();
    for number in 1..=dev.agents {
        let node = format!("node-{number}");
        let dir = dev.data_dir.join("docker").join(&node);
        // Other clusters on the same engine have nodes of the same names.
        let mut options = DockerOptions::new(format!("{}:{node}", dev.data_dir.display()), dir);
        options.socket = socket.to_owned();
        executors.insert(node, DockerExecutor::connect(options, Seams::system()).await?);
    }
    Ok(executors)
}

/// The executor of a node.
pub(crate) fn of(
    executors: &BTreeMap<String, SharedExecutor>,
    node: &str,
) -> Result<SharedExecutor, Error> {
    let found = executors.get(node).cloned();
    found.ok_or_else(|| Error::Node { node: node.to_owned(), reason: "has no engine".to_owned() })
}
