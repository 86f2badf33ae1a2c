//! Nodes of this process: an agent with its executors each.

use crate::{Error, NodeTiming};
use quorate_agent::{Agent, AgentOptions, Capacity, PodAddresses, StopMode};
use quorate_executor::SharedExecutor;
use quorate_network::LoopbackRange;
use quorate_reconcile::Cache;
use quorate_resources::Objects;
use quorate_seams::Seams;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// What an executor is made for.
#[derive(Clone, Debug)]
pub struct NodeContext {
    /// Name of the node.
    pub name: String,
    /// Directory that the executor may use, its own on this node.
    pub dir: PathBuf,
    /// Clock, randomness and disk of the cluster.
    pub seams: Seams,
}

/// Makes one kind of executor for each node.
pub(crate) type ExecutorFactory =
    Arc<dyn Fn(&NodeContext) -> Result<SharedExecutor, Error> + Send + Sync>;

/// What all nodes have in common.
#[derive(Clone)]
pub(crate) struct NodeRecipe {
    pub(crate) timing: NodeTiming,
    pub(crate) capacity: Capacity,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) executors: Vec<ExecutorFactory>,
    pub(crate) range: LoopbackRange,
    pub(crate) dir: PathBuf,
}

/// A node that runs.
pub(crate) struct Node {
    agent: Agent,
}

impl NodeRecipe {
    /// The name of a node by its number.
    pub(crate) fn name(number: u8) -> String {
        format!("node-{}", u16::from(number) + 1)
    }

    /// Starts the node of a number: the first time or again.
    pub(crate) async fn start(
        &self,
        number: u8,
        objects: Objects,
        cache: Arc<Cache>,
    ) -> Result<Node, Error> {
        let name = Self::name(number);
        let dir = self.dir.join(&name);
        let seams = objects.seams().clone();
        let context = NodeContext { name: name.clone(), dir: dir.join("run"), seams };
        let [_, first, second, _] = self.range.node_subnet(number).octets();
        let mut options = AgentOptions::new(name.clone(), dir);
        options.labels.clone_from(&self.labels);
        options.capacity = self.capacity;
        options.pod_addresses = PodAddresses::loopback(first, second);
        options.heartbeat = self.timing.heartbeat;
        options.lease_duration = self.timing.lease;
        for factory in &self.executors {
            options = options.executor(factory(&context)?);
        }
        let agent = Agent::builder(objects, cache, options).start().await;
        agent.map(|agent| Node { agent }).map_err(|error| failed(&name, &error))
    }
}

impl Node {
    pub(crate) fn agent(&self) -> &Agent {
        &self.agent
    }

    /// Stops the agent; its pods go on and are found again by the next start.
    pub(crate) async fn stop(self) -> Result<(), Error> {
        let stopped = self.agent.stop(StopMode::LeaveTasks).await;
        stopped.map_err(|error| failed(self.agent.node_name(), &error))
    }

    /// The node loses power: agent and workloads vanish, nobody is told.
    pub(crate) async fn kill(self) -> Result<(), Error> {
        self.agent.kill();
        let killed = self.agent.kill_workloads().await;
        killed.map(drop).map_err(|error| failed(self.agent.node_name(), &error))
    }
}

fn failed(node: &str, error: &quorate_agent::Error) -> Error {
    Error::Node { node: node.to_owned(), reason: error.to_string() }
}
