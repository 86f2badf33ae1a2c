//! The front door.

use crate::cluster::Parts;
use crate::control_plane::Reconcilers;
use crate::formation::Formation;
use crate::in_memory::InMemory;
use crate::layout::Layout;
use crate::node::{ExecutorFactory, NodeContext, NodeRecipe};
use crate::{Cluster, Error};
use quorate_agent::Capacity;
use quorate_controllers::{ControllerOptions, NodeLifecycleOptions};
use quorate_executor::SharedExecutor;
use quorate_network::{ProxyOptions, RangeClaim};
use quorate_reconcile::Reconciler;
use quorate_resources::{Admission, KindInfo, Registry};
use quorate_scheduler::SchedulerOptions;
use quorate_seams::Seams;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How nodes are watched over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeTiming {
    /// Time between two heartbeats; 10 s by default, as in Kubernetes.
    pub heartbeat: Duration,
    /// Silence after which a node counts as lost; 40 s by default, as in Kubernetes.
    pub lease: Duration,
    /// Time from there until its pods are replaced elsewhere; 300 s by default, as in Kubernetes.
    pub evict_after: Duration,
}

impl Default for NodeTiming {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(10),
            lease: Duration::from_secs(40),
            evict_after: Duration::from_secs(300),
        }
    }
}

/// How long members of the store wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberTiming {
    /// Time between two heartbeats of the leader; 100 ms by default, as in etcd.
    pub heartbeat: Duration,
    /// The election timeout, 1 s by default as in etcd: a member stands for election after a silence
    /// of 1.3 to 1.8 times as much, drawn at random, so that writes resume within twice as much.
    pub election: Duration,
}

impl Default for MemberTiming {
    fn default() -> Self {
        Self { heartbeat: Duration::from_millis(100), election: Duration::from_secs(1) }
    }
}

/// Sets up a [`Cluster`]. Nothing runs before [`ClusterBuilder::start`].
pub struct ClusterBuilder {
    data_dir: Option<PathBuf>,
    members: u64,
    agents: u8,
    images: Option<PathBuf>,
    shim: Option<PathBuf>,
    member_timing: MemberTiming,
    node_timing: NodeTiming,
    capacity: Capacity,
    labels: BTreeMap<String, String>,
    executors: Vec<ExecutorFactory>,
    kinds: Vec<KindInfo>,
    reconcilers: Vec<Arc<dyn Reconciler>>,
    admission: Vec<Arc<dyn Admission>>,
    controllers: bool,
    scheduler: Option<SchedulerOptions>,
    proxy: Option<ProxyOptions>,
    seams: Option<Seams>,
}

impl fmt::Debug for ClusterBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterBuilder")
            .field("data_dir", &self.data_dir)
            .field("members", &self.members)
            .field("agents", &self.agents)
            .finish_non_exhaustive()
    }
}

impl Default for ClusterBuilder {
    fn default() -> Self {
        Self {
            data_dir: None,
            members: 1,
            agents: 0,
            images: None,
            shim: None,
            member_timing: MemberTiming::default(),
            node_timing: NodeTiming::default(),
            capacity: Capacity::default(),
            labels: BTreeMap::new(),
            executors: Vec::new(),
            kinds: Vec::new(),
            reconcilers: Vec::new(),
            admission: Vec::new(),
            controllers: true,
            scheduler: Some(SchedulerOptions::default()),
            proxy: Some(ProxyOptions::default()),
            seams: None,
        }
    }
}

impl ClusterBuilder {
    /// Where everything is kept. Without it the store lives in memory and there can be no agents.
    #[must_use]
    pub fn data_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(dir.into());
        self
    }

    /// Members of the store: 1, 3 or 5; 1 by default. More than one need [`Self::data_dir`].
    #[must_use]
    pub fn members(mut self, members: u64) -> Self {
        self.members = members;
        self
    }

    /// Nodes in this process, at most 100; none by default.
    #[must_use]
    pub fn agents(mut self, agents: u8) -> Self {
        self.agents = agents;
        self
    }

    /// Directory of local artefacts: image `name:tag` of a process pod is the executable file
    /// `<dir>/<name>/<tag>`.
    #[must_use]
    pub fn images(mut self, dir: impl Into<PathBuf>) -> Self {
        self.images = Some(dir.into());
        self
    }

    /// A program that becomes the shim of process pods, `quorate-shim`, for hosts whose `main` does
    /// not call [`crate::maybe_shim`].
    #[must_use]
    pub fn shim(mut self, program: impl Into<PathBuf>) -> Self {
        self.shim = Some(program.into());
        self
    }

    /// How long members wait for each other.
    #[must_use]
    pub fn member_timing(mut self, timing: MemberTiming) -> Self {
        self.member_timing = timing;
        self
    }

    /// How nodes are watched over.
    #[must_use]
    pub fn node_timing(mut self, timing: NodeTiming) -> Self {
        self.node_timing = timing;
        self
    }

    /// What each node offers; by default all cores, 4 GiB and 110 pods.
    #[must_use]
    pub fn node_capacity(mut self, capacity: Capacity) -> Self {
        self.capacity = capacity;
        self
    }

    /// A label of every node.
    #[must_use]
    pub fn node_label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// An executor for every node, beside the process executor.
    #[must_use]
    pub fn executor(
        mut self,
        make: impl Fn(&NodeContext) -> Result<SharedExecutor, Error> + Send + Sync + 'static,
    ) -> Self {
        self.executors.push(Arc::new(make));
        self
    }

    /// A kind beside the built-in ones.
    #[must_use]
    pub fn kind(mut self, kind: KindInfo) -> Self {
        self.kinds.push(kind);
        self
    }

    /// A reconciler; it runs beside the leader.
    #[must_use]
    pub fn reconciler(mut self, reconciler: impl Reconciler) -> Self {
        self.reconcilers.push(Arc::new(reconciler));
        self
    }

    /// An admission plugin.
    #[must_use]
    pub fn admission(mut self, plugin: impl Admission) -> Self {
        self.admission.push(Arc::new(plugin));
        self
    }

    /// The scheduler's name and plugins; `None` for an application that binds pods itself.
    #[must_use]
    pub fn scheduler(mut self, options: Option<SchedulerOptions>) -> Self {
        self.scheduler = options;
        self
    }

    /// Only the application's own reconcilers: no built-in controllers, scheduler or proxy.
    #[must_use]
    pub fn bare(mut self) -> Self {
        self.controllers = false;
        self.scheduler = None;
        self.proxy = None;
        self
    }

    /// Clock, randomness and disk; the machine's own by default.
    #[must_use]
    pub fn seams(mut self, seams: Seams) -> Self {
        self.seams = Some(seams);
        self
    }

    /// Forms the cluster, or starts it again from its directory. Returns once the store has a leader
    /// and everything runs; nodes become ready after it, see [`Cluster::ready`].
    ///
    /// # Errors
    /// An impossible setting, a directory of another cluster, an address in use, a member or node
    /// that cannot run. Nothing that was there is overwritten.
    pub async fn start(self) -> Result<Cluster, Error> {
        self.check()?;
        let seams = self.seams.clone().unwrap_or_else(Seams::system);
        let registry = Arc::new(self.registry()?);
        let reconcilers = self.reconcilers();
        let (claim, formation, nodes_dir) = self.formation(&seams)?;
        let nodes = NodeRecipe {
            timing: self.node_timing,
            capacity: self.capacity,
            labels: self.labels.clone(),
            executors: self.executors(),
            range: claim.range(),
            dir: nodes_dir,
        };
        let parts = Parts {
            seams,
            registry,
            claim,
            formation,
            reconcilers,
            scheduler: self.scheduler,
            admission: self.admission,
            proxy: self.proxy,
            nodes,
            agents: self.agents,
            // As a client of etcd waits: five seconds and two elections.
            patience: Duration::from_secs(5) + 4 * self.member_timing.election,
        };
        Cluster::form(parts).await
    }

    fn check(&self) -> Result<(), Error> {
        let fail = |field, reason: &str| Err(Error::Builder { field, reason: reason.to_owned() });
        if !matches!(self.members, 1 | 3 | 5) {
            return fail("members", "must be 1, 3 or 5, so that a majority is always possible");
        }
        if self.data_dir.is_none() && self.members > 1 {
            return fail("members", "more than one need a data_dir");
        }
        if self.data_dir.is_none() && self.agents > 0 {
            return fail("agents", "need a data_dir for their journals and logs");
        }
        if self.agents > 100 {
            return fail("agents", "at most 100 in one process");
        }
        if self.node_timing.lease <= self.node_timing.heartbeat {
            return fail("node_timing", "lease must be longer than heartbeat");
        }
        Ok(())
    }

    fn registry(&self) -> Result<Registry, Error> {
        let mut registry = quorate_kinds::registry();
        for kind in &self.kinds {
            registry.register(kind.clone())?;
        }
        Ok(registry)
    }

    /// Each member gets its own built-in controllers; those of the application are shared.
    fn reconcilers(&self) -> Reconcilers {
        let own = self.reconcilers.clone();
        let NodeTiming { lease, evict_after, .. } = self.node_timing;
        let built_in = self.controllers.then(|| {
            let mut lifecycle = NodeLifecycleOptions::default();
            (lifecycle.grace, lifecycle.evict_after) = (lease, evict_after);
            ControllerOptions::default().node(lifecycle)
        });
        Arc::new(move || {
            let built_in = built_in.map(quorate_controllers::all).unwrap_or_default();
            built_in.into_iter().chain(own.iter().cloned()).collect()
        })
    }

    fn executors(&self) -> Vec<ExecutorFactory> {
        let process = process_executor(self.images.clone(), self.shim.clone());
        process.into_iter().chain(self.executors.iter().cloned()).collect()
    }

    fn formation(&self, seams: &Seams) -> Result<(RangeClaim, Arc<dyn Formation>, PathBuf), Error> {
        let Some(dir) = &self.data_dir else {
            let formation = Arc::new(InMemory::new(seams.clock.clone()));
            return Ok((RangeClaim::any()?, formation, PathBuf::new()));
        };
        let layout = Layout::new(dir);
        let (claim, formation) = on_disk(&layout, self.members, self.member_timing, seams)?;
        Ok((claim, formation, layout.nodes()))
    }
}

#[cfg(feature = "process")]
#[allow(clippy::unnecessary_wraps, reason = "without the feature there is none")]
fn process_executor(images: Option<PathBuf>, shim: Option<PathBuf>) -> Option<ExecutorFactory> {
    use quorate_process::{ProcessExecutor, ProcessOptions, ShimCommand};
    Some(Arc::new(move |context: &NodeContext| {
        let mut options = ProcessOptions::new(context.dir.join("process"));
        options.images.clone_from(&images);
        if let Some(program) = &shim {
            options.shim = ShimCommand::Program(program.clone());
        }
        let executor = ProcessExecutor::new(options, context.seams.clone()).map_err(|error| {
            Error::Node { node: context.name.clone(), reason: error.to_string() }
        })?;
        Ok(executor)
    }))
}

#[cfg(not(feature = "process"))]
fn process_executor(_: Option<PathBuf>, _: Option<PathBuf>) -> Option<ExecutorFactory> {
    None
}

#[cfg(feature = "raft")]
fn on_disk(
    layout: &Layout,
    members: u64,
    timing: MemberTiming,
    seams: &Seams,
) -> Result<(RangeClaim, Arc<dyn Formation>), Error> {
    let (claim, identity) = match layout.read(seams, members)? {
        Some(identity) => (RangeClaim::hold(identity.range())?, identity),
        None => {
            let claim = RangeClaim::any()?;
            let identity = crate::layout::Identity::new(seams, members, claim.range());
            layout.write(seams, &identity)?;
            (claim, identity)
        }
    };
    // Raft waits for the old leader's lease, which is the longest timeout, before the drawn one runs.
    let timing = quorate_member::Timing {
        heartbeat: timing.heartbeat,
        election_min: timing.election * 2 / 5,
        election_max: timing.election * 9 / 10,
    };
    let formation = crate::durable::Durable::new(identity, layout.clone(), timing, seams.clone());
    Ok((claim, Arc::new(formation)))
}

#[cfg(not(feature = "raft"))]
fn on_disk(
    _: &Layout,
    _: u64,
    _: MemberTiming,
    _: &Seams,
) -> Result<(RangeClaim, Arc<dyn Formation>), Error> {
    let reason = "needs the feature \"raft\" of the quorate crate".to_owned();
    Err(Error::Builder { field: "data_dir", reason })
}
