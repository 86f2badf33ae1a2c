//! The members of a run: what they keep over crashes, starting them and taking them down.

use crate::history::Findings;
use crate::net::{Net, SimTransport, host_of};
use crate::plan::Plan;
use quorate_log::{Identity, RaftLog};
use quorate_member::Core;
use quorate_mvcc::{MemoryDb, Mvcc};
use quorate_raft::{Parts, Retention};
use quorate_seams::{
    Control, Crash, Host, Random, Seams, SharedClock, SharedDisk, SharedRandom, SimDisk,
};
use quorate_types::{ClusterId, MemberId, Term};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const CLUSTER: ClusterId = ClusterId(7);

/// How a member is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Down,
    Starting,
    Up,
    /// Its durable bytes were damaged, it noticed and stays away.
    Lost,
}

/// One member's machine.
pub(crate) struct Node {
    pub(crate) disk: SimDisk,
    db: Arc<MemoryDb>,
    pub(crate) health: Health,
    /// Grows with every start.
    pub(crate) incarnation: u64,
    /// Whether durable bytes have been damaged.
    pub(crate) rotten: bool,
    /// Whether its disk has faults that may end it.
    pub(crate) ailing: bool,
    /// Whether its operator is stopping it.
    pub(crate) stopping: bool,
    pub(crate) core: Option<Core>,
}

/// All members of a run.
pub(crate) struct Cluster {
    pub(crate) plan: Plan,
    pub(crate) control: Control,
    pub(crate) clock: SharedClock,
    pub(crate) net: Arc<Net>,
    pub(crate) random: SharedRandom,
    pub(crate) findings: Findings,
    scratch: PathBuf,
    nodes: Mutex<BTreeMap<MemberId, Node>>,
    leaders: Mutex<BTreeMap<Term, MemberId>>,
}

impl Cluster {
    pub(crate) fn new(
        plan: Plan,
        control: Control,
        random: SharedRandom,
        net: Arc<Net>,
        scratch: &Path,
    ) -> Arc<Self> {
        let node = |_| Node {
            disk: SimDisk::new(),
            db: Arc::new(MemoryDb::new()),
            health: Health::Down,
            incarnation: 0,
            rotten: false,
            ailing: false,
            stopping: false,
            core: None,
        };
        let nodes = (1..=plan.members).map(|id| (MemberId(id), node(id))).collect();
        let clock = control.clock(Host::HARNESS);
        Arc::new(Self {
            plan,
            control,
            clock,
            net,
            random,
            findings: Findings::default(),
            scratch: scratch.to_owned(),
            nodes: Mutex::new(nodes),
            leaders: Mutex::default(),
        })
    }

    pub(crate) fn nodes(&self) -> MutexGuard<'_, BTreeMap<MemberId, Node>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn ids(&self) -> Vec<MemberId> {
        (1..=self.plan.members).map(MemberId).collect()
    }

    /// The members that are in a state of health.
    pub(crate) fn with_health(&self, health: Health) -> Vec<MemberId> {
        let nodes = self.nodes();
        nodes.iter().filter(|(_, node)| node.health == health).map(|(id, _)| *id).collect()
    }

    /// A running member's store and its incarnation.
    pub(crate) fn core(&self, id: MemberId) -> Option<(Core, u64)> {
        let nodes = self.nodes();
        let node = nodes.get(&id).filter(|node| node.health == Health::Up)?;
        Some((node.core.clone()?, node.incarnation))
    }

    /// Any running member.
    pub(crate) fn any(&self, random: &dyn Random) -> Option<(MemberId, Core, u64)> {
        let up = self.with_health(Health::Up);
        let id = *up.get(usize::try_from(random.below(up.len() as u64)).unwrap_or(0))?;
        self.core(id).map(|(core, incarnation)| (id, core, incarnation))
    }

    /// How many members may be lost for good.
    pub(crate) fn spare(&self) -> usize {
        usize::try_from((self.plan.members - 1) / 2).unwrap_or(0)
    }

    /// Starts a member from what its machine holds; runs as the member's host.
    pub(crate) fn start(self: &Arc<Self>, id: MemberId) {
        let incarnation = {
            let mut nodes = self.nodes();
            let Some(node) = nodes.get_mut(&id).filter(|node| node.health == Health::Down) else {
                return;
            };
            node.health = Health::Starting;
            node.incarnation += 1;
            node.incarnation
        };
        let cluster = Arc::clone(self);
        drop(self.control.spawn_on(host_of(id), async move {
            let started = cluster.open(id).await;
            cluster.started(id, incarnation, started);
        }));
    }

    async fn open(&self, id: MemberId) -> Result<Core, Failure> {
        let (disk, db) = {
            let nodes = self.nodes();
            let node = nodes.get(&id).ok_or_else(|| Failure::Other("no such member".into()))?;
            (node.disk.shared(), Arc::clone(&node.db))
        };
        let plan = &self.plan;
        let log = self.open_log(id, Arc::clone(&disk))?;
        let options = quorate_mvcc::Options {
            cluster: Some(CLUSTER),
            ring_events: plan.ring_events,
            compaction_step: plan.compaction_step,
            ..Default::default()
        };
        let state = Mvcc::open(db, options).map_err(|error| Failure::Other(error.to_string()))?;
        let clock = self.control.clock(host_of(id));
        let transport =
            SimTransport { net: Arc::clone(&self.net), member: id, clock: Arc::clone(&clock) };
        let seams = Seams { clock, random: Arc::clone(&self.random), disk };
        let parts = Parts { log, state, transport: Arc::new(transport), seams };
        let core = Core::start(self.raft_options(id), parts).await;
        core.map_err(|error| Failure::Other(error.to_string()))
    }

    fn open_log(&self, id: MemberId, disk: SharedDisk) -> Result<RaftLog, Failure> {
        let identity = Identity { cluster: CLUSTER, member: id };
        let options = quorate_log::Options {
            segment_bytes: self.plan.segment_bytes,
            cache_bytes: self.plan.cache_bytes,
            spare_segments: 2,
        };
        RaftLog::open(disk, Path::new("/data/log"), identity, options).map_err(
            |error| match error {
                quorate_log::Error::Damaged { .. } | quorate_log::Error::Version { .. } => {
                    Failure::Damaged(error.to_string())
                }
                other => Failure::Other(other.to_string()),
            },
        )
    }

    fn raft_options(&self, id: MemberId) -> quorate_raft::Options {
        let plan = &self.plan;
        quorate_raft::Options {
            form: true,
            cluster: CLUSTER,
            id,
            peers: self.ids().into_iter().map(|id| (id, format!("member-{id}:1"))).collect(),
            timing: plan.timing,
            request_timeout: plan.request_timeout,
            snapshot_after: plan.snapshot_after,
            keep_entries: plan.keep_entries,
            // As small as segments are, so that a run passes both bounds.
            retention: Retention {
                snapshot_bytes: plan.segment_bytes,
                keep_bytes: plan.segment_bytes,
            },
            scratch: self.scratch.join(format!("member-{id}")),
        }
    }

    fn started(self: &Arc<Self>, id: MemberId, incarnation: u64, started: Result<Core, Failure>) {
        let mut nodes = self.nodes();
        let Some(node) = nodes.get_mut(&id).filter(|node| node.incarnation == incarnation) else {
            return;
        };
        match started {
            Ok(core) => {
                self.net.connect(id, core.service());
                node.core = Some(core.clone());
                node.health = Health::Up;
                drop(nodes);
                drop(self.control.spawn_on(host_of(id), Arc::clone(self).follow(id, core)));
            }
            Err(Failure::Damaged(_)) if node.rotten => node.health = Health::Lost,
            // The harness takes it down and tries again once the disk is well.
            Err(_) if node.ailing || node.rotten => node.health = Health::Starting,
            Err(Failure::Damaged(reason) | Failure::Other(reason)) => {
                node.health = Health::Starting;
                drop(nodes);
                self.findings.violation(format!("member {id} cannot start: {reason}"));
            }
        }
    }

    /// Follows who leads in which term, and notices when the member gives up.
    async fn follow(self: Arc<Self>, id: MemberId, core: Core) {
        let mut leadership = core.consensus().leadership();
        loop {
            let view = leadership.borrow_and_update().clone();
            if let Some(leader) = view.leader {
                self.led(view.term, leader, id);
            }
            if let Some(reason) = view.failed {
                self.gave_up(id, &reason);
            }
            if leadership.changed().await.is_err() {
                return;
            }
        }
    }

    fn led(&self, term: Term, leader: MemberId, seen_by: MemberId) {
        let mut leaders = self.leaders.lock().unwrap_or_else(PoisonError::into_inner);
        let first = *leaders.entry(term).or_insert(leader);
        drop(leaders);
        if first != leader {
            self.findings.violation(format!(
                "term {term} has two leaders: {first} and, as member {seen_by} sees it, {leader}"
            ));
        }
    }

    /// How many terms have had a leader.
    pub(crate) fn terms(&self) -> usize {
        self.leaders.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn gave_up(&self, id: MemberId, reason: &str) {
        let excused =
            self.nodes().get(&id).is_some_and(|node| node.ailing || node.rotten || node.stopping);
        if !excused {
            self.findings.violation(format!("member {id} gave up without a fault: {reason}"));
        }
    }

    /// Takes a member down; `crash` says what becomes of bytes that are not durable.
    pub(crate) fn take_down(&self, id: MemberId, crash: Crash) {
        let host = host_of(id);
        let seed = self.random.next_u64();
        let taken = {
            let mut nodes = self.nodes();
            let Some(node) = nodes.get_mut(&id).filter(|node| node.health != Health::Lost) else {
                return;
            };
            // Killed before anything is dropped: no destructor writes any more.
            node.disk = node.disk.crash(crash, seed);
            let survivor = Arc::new(node.db.survivor());
            let db = std::mem::replace(&mut node.db, survivor);
            node.health = Health::Down;
            node.ailing = false;
            node.stopping = false;
            (node.core.take(), db)
        };
        let inbound = self.net.disconnect(id);
        self.control.crash(host);
        self.control.act_as_dying(host, || drop((inbound, taken)));
    }

    /// Makes the state of a member durable as far as it is, behind its back, as a database does.
    pub(crate) fn flush_state(&self, id: MemberId) {
        use quorate_mvcc::StateDb;
        if let Some(node) = self.nodes().get(&id) {
            // The database in memory does not fail.
            let _ = node.db.flush();
        }
    }
}

/// Why a member does not start.
enum Failure {
    Damaged(String),
    Other(String),
}
