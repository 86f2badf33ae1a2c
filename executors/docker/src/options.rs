//! What a Docker executor is told when it is made.

use std::path::PathBuf;
use std::time::Duration;

/// Settings of a [`crate::DockerExecutor`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerOptions {
    /// The engine's socket; `/var/run/docker.sock` unless changed.
    pub socket: PathBuf,
    /// Label that tells this node's containers from those of other nodes on the same engine.
    pub node: String,
    /// Directory of this node for the executor's own notes; it is created with mode 0700.
    pub dir: PathBuf,
    /// Network mode of the containers. `host` unless changed: pods then have the addresses that the
    /// agent gives them, as processes do.
    pub network: String,
    /// When an image is fetched from its registry.
    pub pull: PullPolicy,
    /// Whether a small init process stands before the task: it passes signals on and collects orphans,
    /// and SIGTERM ends a task that does not mind it. Off unless changed, as it is everywhere: a program
    /// that does not exist is then a code 127 of that process instead of a failed start.
    pub init: bool,
    /// The engine's log driver. `local` unless changed, which keeps bytes as they are; `json-file`
    /// replaces what is not UTF-8, and is what engines without `local` need.
    pub log_driver: String,
    /// How long to wait for the engine's answer before it counts as unreachable; 30 s unless changed.
    pub call_timeout: Duration,
    /// How long fetching one image may take; 10 minutes unless changed.
    pub pull_timeout: Duration,
}

impl DockerOptions {
    /// Settings for a node whose notes lie in a directory of their own.
    #[must_use]
    pub fn new(node: impl Into<String>, dir: impl Into<PathBuf>) -> Self {
        Self {
            socket: "/var/run/docker.sock".into(),
            node: node.into(),
            dir: dir.into(),
            network: "host".to_owned(),
            pull: PullPolicy::IfMissing,
            init: false,
            log_driver: "local".to_owned(),
            call_timeout: Duration::from_secs(30),
            pull_timeout: Duration::from_secs(600),
        }
    }
}

/// When an image is fetched from its registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PullPolicy {
    /// Whenever it is prepared.
    Always,
    /// Unless the engine has it.
    #[default]
    IfMissing,
    /// Never: the engine has it or there is none.
    Never,
}
