//! The agent's handle: start, ask, stop.

use crate::journal::Journal;
use crate::node::{Heartbeat, Node};
use crate::supervise::{Message, Supervisor};
use crate::workloads::{self, StopTasks};
use crate::{AgentOptions, AgentStatus, Error, LogOptions, logs};
use quorate_reconcile::Cache;
use quorate_resources::Objects;
use quorate_seams::{Task, spawn, timeout};
use quorate_types::ObjectKey;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// How long a stopping agent waits for its last statuses to be written.
const FLUSH: Duration = Duration::from_secs(2);

/// What becomes of the tasks when an agent stops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopMode {
    /// They go on; the next agent of this node adopts them.
    #[default]
    LeaveTasks,
    /// They are stopped within the grace period; the node is announced as not ready.
    StopTasks {
        /// Time between SIGTERM and SIGKILL.
        grace: Duration,
    },
}

/// Starts an [`Agent`].
#[derive(Debug)]
pub struct AgentBuilder {
    objects: Objects,
    cache: Arc<Cache>,
    options: AgentOptions,
}

impl AgentBuilder {
    /// Checks the options, reads the journal and starts. The control plane need not be reachable:
    /// registration is repeated until it succeeds.
    ///
    /// # Errors
    /// [`Error::Option`] or [`Error::Io`]; later trouble is told by statuses.
    pub async fn start(self) -> Result<Agent, Error> {
        self.options.check()?;
        let disk = self.objects.seams().disk.clone();
        let journal = Journal::open(disk, self.options.dir.join("journal"))?;
        let records = journal.load()?;
        let node = Node::new(self.options, self.objects, self.cache, journal);
        let node = Arc::new(node);
        let (supervisor, sender) = Supervisor::new(node.clone(), records);
        let reporter = node.reporter.clone();
        let running = Running {
            supervisor: spawn(supervisor.run()),
            reporter: spawn(reporter.run(node.objects.clone(), node.cache.clone())),
            heartbeat: spawn(Heartbeat::new(node.clone()).run()),
            sender,
        };
        Ok(Agent { node, running: Mutex::new(Some(running)) })
    }
}

#[derive(Debug)]
struct Running {
    supervisor: Task<()>,
    reporter: Task<()>,
    heartbeat: Task<()>,
    sender: mpsc::Sender<Message>,
}

/// A running node agent. Dropping it is [`Agent::kill`].
#[derive(Debug)]
pub struct Agent {
    node: Arc<Node>,
    running: Mutex<Option<Running>>,
}

impl Agent {
    /// An agent over a control plane's objects and the cache that follows them.
    #[must_use]
    pub fn builder(objects: Objects, cache: Arc<Cache>, options: AgentOptions) -> AgentBuilder {
        AgentBuilder { objects, cache, options }
    }

    /// The node's name.
    #[must_use]
    pub fn node_name(&self) -> &str {
        &self.node.options.node_name
    }

    /// How the agent fares.
    #[must_use]
    pub fn status(&self) -> AgentStatus {
        self.node.status.borrow().clone()
    }

    /// Follows how the agent fares.
    #[must_use]
    pub fn status_watch(&self) -> watch::Receiver<AgentStatus> {
        self.node.status.subscribe()
    }

    /// The output of one container of a pod on this node; without a name, of its only container.
    ///
    /// # Errors
    /// [`Error::NoPod`], [`Error::NoRun`], or the file cannot be read.
    pub async fn logs(
        &self,
        pod: &ObjectKey,
        container: Option<&str>,
        options: LogOptions,
    ) -> Result<String, Error> {
        logs::read(&self.node, pod, container, options).await
    }

    /// Stops in order: starts that are under way are finished, statuses written. A second call does
    /// nothing.
    ///
    /// # Errors
    /// With [`StopMode::StopTasks`], an executor could not stop its tasks; the agent has stopped.
    pub async fn stop(&self, mode: StopMode) -> Result<(), Error> {
        let Some(running) = crate::node::lock(&self.running).take() else { return Ok(()) };
        running.heartbeat.stop().await;
        let clock = self.node.seams.clock.clone();
        if mode != StopMode::LeaveTasks
            && let Some(Err(error)) = timeout(&*clock, FLUSH, self.node.announce_stop()).await
        {
            tracing::warn!(%error, "the stop could not be announced");
        }
        // The supervisor is there until it has taken this message.
        let _ = running.sender.send(Message::Detach).await;
        // It ends by itself; had it panicked, there would be nothing to wait for.
        let _ = running.supervisor.join().await;
        if timeout(&*clock, FLUSH, self.node.reporter.flushed()).await.is_none() {
            tracing::warn!("the last pod statuses were not written");
        }
        running.reporter.stop().await;
        match mode {
            StopMode::LeaveTasks => Ok(()),
            StopMode::StopTasks { grace } => {
                workloads::stop(&self.node, StopTasks::Within(grace)).await.map(drop)
            }
        }
    }

    /// Vanishes at once, without a word to anyone: what a crash of the agent looks like. Tasks go on.
    pub fn kill(&self) {
        crate::node::lock(&self.running).take();
    }

    /// Kills every task that the executors hold on this node and frees what they hold for it; gives
    /// their number. For an agent that was killed: together they look like the death of a machine.
    ///
    /// # Errors
    /// [`Error::Option`] while the agent runs, which would restart them; or an executor failed.
    pub async fn kill_workloads(&self) -> Result<usize, Error> {
        if crate::node::lock(&self.running).is_some() {
            let reason = "the agent runs and would start them again, kill it first".to_owned();
            return Err(Error::Option { option: "kill_workloads", reason });
        }
        workloads::stop(&self.node, StopTasks::Kill).await
    }
}
