//! A running cluster.

use crate::control_plane::{ControlPlane, Reconcilers};
use crate::endpoints::Endpoints;
use crate::formation::{Formation, RunningMember};
use crate::node::{Node, NodeRecipe};
use crate::{ClusterBuilder, Error};
use futures::future::try_join_all;
use quorate_agent::LogOptions;
use quorate_kinds as kinds;
use quorate_network::{Proxy, ProxyOptions, ProxyStats, RangeClaim, ServiceAddresses};
use quorate_reconcile::{Cache, Snapshot};
use quorate_resources::manifest::{self, ManifestError};
use quorate_resources::{Admission, Applied, Object, Objects, Registry};
use quorate_scheduler::SchedulerOptions;
use quorate_seams::Seams;
use quorate_store::{SharedStore, Store};
use quorate_types::{MemberId, ObjectKey};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// Time for a member to find a leader and to catch up.
const MEMBER_READY: Duration = Duration::from_secs(60);

/// What a cluster is made of.
pub(crate) struct Parts {
    pub(crate) seams: Seams,
    pub(crate) registry: Arc<Registry>,
    pub(crate) claim: RangeClaim,
    pub(crate) formation: Arc<dyn Formation>,
    pub(crate) reconcilers: Reconcilers,
    pub(crate) scheduler: Option<SchedulerOptions>,
    pub(crate) admission: Vec<Arc<dyn Admission>>,
    pub(crate) proxy: Option<ProxyOptions>,
    pub(crate) nodes: NodeRecipe,
    pub(crate) agents: u8,
    pub(crate) patience: Duration,
}

/// A member with its control plane.
struct Seat {
    member: Arc<dyn RunningMember>,
    control_plane: ControlPlane,
}

/// Members, control plane, nodes and service proxy in this process.
///
/// Dropping it stops everything as a crash would; [`Cluster::shutdown`] stops in order. In both cases
/// pods go on running and are found again when the cluster is started from the same directory.
pub struct Cluster {
    parts: Parts,
    endpoints: Arc<Endpoints>,
    objects: Objects,
    cache: Arc<Cache>,
    seats: Mutex<BTreeMap<MemberId, Seat>>,
    nodes: Mutex<BTreeMap<u8, Node>>,
    proxy: Option<Proxy>,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("members", &self.parts.formation.ids())
            .field("agents", &self.parts.agents)
            .finish_non_exhaustive()
    }
}

impl Cluster {
    /// Sets up a cluster.
    #[must_use]
    pub fn builder() -> ClusterBuilder {
        ClusterBuilder::default()
    }

    pub(crate) async fn form(parts: Parts) -> Result<Self, Error> {
        let endpoints = Endpoints::new(parts.seams.clone(), parts.patience);
        let ids = parts.formation.ids();
        let members = try_join_all(ids.iter().map(|id| parts.formation.start(*id))).await?;
        try_join_all(members.iter().map(|member| member.ready(MEMBER_READY))).await?;
        for (id, member) in ids.iter().zip(&members) {
            endpoints.insert(*id, member.store());
        }
        let objects = parts.objects(endpoints.clone());
        ensure_namespace(&objects, "default").await?;
        let seats = try_join_all(members.into_iter().map(|member| parts.seat(member))).await?;
        let cache = Cache::start(objects.clone()).await?;
        let start = |number| parts.nodes.start(number, objects.clone(), cache.clone());
        let nodes = try_join_all((0..parts.agents).map(start)).await?;
        let proxy = |options| Proxy::start(cache.clone(), parts.seams.clone(), options);
        Ok(Self {
            proxy: parts.proxy.map(proxy),
            seats: Mutex::new(ids.into_iter().zip(seats).collect()),
            nodes: Mutex::new((0..).zip(nodes).collect()),
            parts,
            endpoints,
            objects,
            cache,
        })
    }

    /// The store, through whichever member answers.
    #[must_use]
    pub fn store(&self) -> SharedStore {
        self.endpoints.clone()
    }

    /// The objects, through whichever member answers.
    #[must_use]
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// The cache that this process shares.
    #[must_use]
    pub fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }

    /// All objects as of now, from the cache.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.cache.snapshot()
    }

    /// Waits until the objects fulfil a condition; `None` if they do not in time.
    pub async fn until<T>(
        &self,
        limit: Duration,
        condition: impl FnMut(&Snapshot) -> Option<T>,
    ) -> Option<T> {
        self.cache.until(&self.parts.seams.clock, limit, condition).await
    }

    /// Waits until every node of this process reports that it is ready.
    ///
    /// # Errors
    /// [`Error::NotInTime`].
    pub async fn ready(&self, limit: Duration) -> Result<(), Error> {
        let numbers: Vec<u8> = self.nodes.lock().await.keys().copied().collect();
        let wanted: Vec<ObjectKey> = numbers
            .into_iter()
            .map(|number| ObjectKey::cluster(NodeRecipe::name(number)))
            .collect();
        let all = |snapshot: &Snapshot| {
            wanted.iter().all(|key| is_node_ready(snapshot, key)).then_some(())
        };
        let what = format!("{} nodes to be ready", wanted.len());
        self.until(limit, all).await.ok_or(Error::NotInTime { what, limit })
    }

    /// Applies a manifest: any number of YAML documents, in order. `file` is only for messages.
    ///
    /// # Errors
    /// Names file, document, line, path and reason; documents before stay applied.
    pub async fn apply(&self, file: &str, text: &str) -> Result<Vec<Applied>, ManifestError> {
        manifest::apply(&self.objects, file, text).await
    }

    /// The member that leads, as far as the answering one knows.
    #[must_use]
    pub fn leader(&self) -> Option<MemberId> {
        self.endpoints.status().leader
    }

    /// Stops a member as a crash would: nothing flushed, nobody told.
    ///
    /// # Errors
    /// No such member runs.
    pub async fn kill_member(&self, id: MemberId) -> Result<(), Error> {
        let seat = self.seats.lock().await.remove(&id).ok_or_else(|| not_running(id))?;
        seat.member.kill().await;
        drop(seat.control_plane);
        self.endpoints.remove(id);
        Ok(())
    }

    /// Starts a stopped member from its directory and waits until it has caught up.
    ///
    /// # Errors
    /// It runs, or cannot.
    pub async fn restart_member(&self, id: MemberId) -> Result<(), Error> {
        let mut seats = self.seats.lock().await;
        if seats.contains_key(&id) {
            let reason = "runs already".to_owned();
            return Err(Error::Member { member: id, reason });
        }
        let member = self.parts.formation.start(id).await?;
        member.ready(MEMBER_READY).await?;
        self.endpoints.insert(id, member.store());
        seats.insert(id, self.parts.seat(member).await?);
        Ok(())
    }

    /// A node loses power: its agent and its workloads vanish at once, and nobody is told.
    ///
    /// # Errors
    /// No such node runs in this process.
    pub async fn kill_node(&self, name: &str) -> Result<(), Error> {
        let mut nodes = self.nodes.lock().await;
        let number = nodes.keys().copied().find(|number| NodeRecipe::name(*number) == name);
        let node = number.and_then(|number| nodes.remove(&number));
        let node = node.ok_or_else(|| no_node(name, "does not run in this process"))?;
        drop(nodes);
        node.kill().await
    }

    /// Starts a stopped node again: it finds what is left of its pods and reports or cleans up.
    ///
    /// # Errors
    /// It runs, was never part of this process, or cannot run.
    pub async fn restart_node(&self, name: &str) -> Result<(), Error> {
        let mut nodes = self.nodes.lock().await;
        let number = (0..self.parts.agents).find(|number| NodeRecipe::name(*number) == name);
        let number = number.ok_or_else(|| no_node(name, "is not part of this process"))?;
        if nodes.contains_key(&number) {
            return Err(no_node(name, "runs already"));
        }
        let start = self.parts.nodes.start(number, self.objects.clone(), self.cache.clone());
        nodes.insert(number, start.await?);
        Ok(())
    }

    /// Directory below which every node keeps its own.
    #[must_use]
    pub fn nodes_dir(&self) -> PathBuf {
        self.parts.nodes.dir.clone()
    }

    /// What a container of a pod has printed.
    ///
    /// # Errors
    /// No node of this process runs the pod, or its log cannot be read.
    pub async fn logs(
        &self,
        pod: &ObjectKey,
        container: &str,
        options: &LogOptions,
    ) -> Result<String, Error> {
        let nodes = self.nodes.lock().await;
        let mut failure = no_node("of this process", &format!("runs pod {pod}"));
        for (number, node) in &*nodes {
            match node.agent().logs(pod, Some(container), options.clone()).await {
                Ok(text) => return Ok(text),
                Err(error) => failure = no_node(&NodeRecipe::name(*number), &error.to_string()),
            }
        }
        Err(failure)
    }

    /// What the service proxy has done; `None` in a bare cluster.
    #[must_use]
    pub fn proxy_stats(&self) -> Option<ProxyStats> {
        self.proxy.as_ref().map(Proxy::stats)
    }

    /// Stops agents, control planes and members in order. Pods go on running.
    ///
    /// # Errors
    /// A node or member could not stop in order; the others are stopped all the same.
    pub async fn shutdown(self) -> Result<(), Error> {
        drop(self.proxy);
        let mut outcome = Ok(());
        for node in self.nodes.into_inner().into_values() {
            outcome = outcome.and(node.stop().await);
        }
        for seat in self.seats.into_inner().into_values() {
            seat.control_plane.stop().await;
            outcome = outcome.and(seat.member.shut_down().await);
        }
        outcome
    }
}

impl Parts {
    fn objects(&self, store: SharedStore) -> Objects {
        let objects = Objects::new(store, self.registry.clone(), self.seams.clone());
        let addresses = ServiceAddresses::new(self.claim.range());
        let mut objects = objects.with_admission(Arc::new(addresses));
        for plugin in quorate_controllers::admission() {
            objects = objects.with_admission(plugin);
        }
        for plugin in &self.admission {
            objects = objects.with_admission(plugin.clone());
        }
        objects
    }

    async fn seat(&self, member: Arc<dyn RunningMember>) -> Result<Seat, Error> {
        let objects = self.objects(member.store());
        let scheduler = self.scheduler.clone();
        let control_plane = ControlPlane::start(objects, &self.reconcilers, scheduler).await?;
        Ok(Seat { member, control_plane })
    }
}

async fn ensure_namespace(objects: &Objects, name: &str) -> Result<(), Error> {
    let mut namespace = kinds::Namespace::default();
    namespace.metadata.name = Some(name.to_owned());
    match objects.create(Object::from_kind(&namespace)?).await {
        Err(quorate_resources::Error::AlreadyExists { .. }) => Ok(()),
        settled => Ok(settled.map(|_| ())?),
    }
}

fn is_node_ready(snapshot: &Snapshot, key: &ObjectKey) -> bool {
    let Some(node) = snapshot.get::<kinds::Node>(key) else { return false };
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|c| c.type_ == "Ready" && c.status == "True"))
}

fn not_running(member: MemberId) -> Error {
    Error::Member { member, reason: "does not run in this process".to_owned() }
}

fn no_node(name: &str, reason: &str) -> Error {
    Error::Node { node: name.to_owned(), reason: reason.to_owned() }
}
