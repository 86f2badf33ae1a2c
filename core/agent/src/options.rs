//! What an agent is told when it is started.

use crate::{Error, PodAddresses, RestartBackOff};
use quorate_executor::SharedExecutor;
use quorate_types::{Quantity, name};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What a node has to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Processor time; `4` is four cores.
    pub cpu: Quantity,
    /// Memory in bytes.
    pub memory: Quantity,
    /// Most pods.
    pub pods: u32,
}

impl Default for Capacity {
    /// The processors that this process may use, 4 GiB and 110 pods (Kubernetes' default).
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            cpu: Quantity::from_units(i64::try_from(cores).unwrap_or(1)),
            memory: Quantity::from_units(4 << 30),
            pods: 110,
        }
    }
}

/// Settings of an [`Agent`](crate::Agent).
#[derive(Clone, Debug)]
pub struct AgentOptions {
    /// Name of the node, unique in the cluster; a DNS subdomain.
    pub node_name: String,
    /// Directory of this node: `journal/` and `pods/<uid>/` with logs and volumes. Nobody else's.
    pub dir: PathBuf,
    /// Further labels of the node object.
    pub labels: BTreeMap<String, String>,
    /// What the node has to give.
    pub capacity: Capacity,
    /// Where pods get their addresses from. No two nodes may share a range.
    pub pod_addresses: PodAddresses,
    /// Address of the node itself; the first one of the range unless given.
    pub host_ip: Option<IpAddr>,
    /// What runs the tasks. The first one takes pods without `runtimeClassName`.
    pub executors: Vec<SharedExecutor>,
    /// Time between renewals of the node's lease; 10 s unless changed.
    pub heartbeat: Duration,
    /// How long the lease holds without renewal; 40 s unless changed.
    pub lease_duration: Duration,
    /// Waits between runs of one container.
    pub restart_back_off: RestartBackOff,
    /// How often each pod's tasks are looked at even if nothing was heard of them; 60 s unless
    /// changed.
    pub resync: Duration,
}

impl AgentOptions {
    /// Settings with the defaults named at the fields, the range 127.10.0.0/24 and no executor.
    pub fn new(node_name: impl Into<String>, dir: impl Into<PathBuf>) -> Self {
        Self {
            node_name: node_name.into(),
            dir: dir.into(),
            labels: BTreeMap::new(),
            capacity: Capacity::default(),
            pod_addresses: PodAddresses::loopback(10, 0),
            host_ip: None,
            executors: Vec::new(),
            heartbeat: Duration::from_secs(10),
            lease_duration: Duration::from_secs(40),
            restart_back_off: RestartBackOff::default(),
            resync: Duration::from_secs(60),
        }
    }

    /// Adds an executor.
    #[must_use]
    pub fn executor(mut self, executor: SharedExecutor) -> Self {
        self.executors.push(executor);
        self
    }

    pub(crate) fn host_ip(&self) -> IpAddr {
        self.host_ip.unwrap_or(IpAddr::V4(self.pod_addresses.host()))
    }

    /// Refuses settings with which no agent could work.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let fail = |option, reason: String| Err(Error::Option { option, reason });
        if let Err(error) = name::check_dns_subdomain(&self.node_name) {
            return fail("node_name", format!("{:?}: {error}", self.node_name));
        }
        let mut kinds = BTreeSet::new();
        if let Some(twice) = self.executors.iter().find(|executor| !kinds.insert(executor.kind())) {
            return fail("executors", format!("{} is given twice, leave one out", twice.kind()));
        }
        if kinds.is_empty() {
            return fail("executors", "is empty, give at least one".to_owned());
        }
        if self.heartbeat.is_zero() || self.lease_duration <= self.heartbeat {
            let reason = format!(
                "{:?} is not longer than the heartbeat of {:?}, use about four times as much",
                self.lease_duration, self.heartbeat
            );
            return fail("lease_duration", reason);
        }
        Ok(())
    }
}
