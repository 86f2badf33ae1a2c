//! The members of a run: what they keep over crashes, starting them and taking them down.

use crate::history::Findings;
use crate::net::{Net, SimTransport, host_of};
use crate::plan::Plan;
use bytes::Bytes;
use quorate_log::{Identity, RaftLog};
use quorate_member::Core;
use quorate_mvcc::{MemoryDb, Mvcc};
use quorate_raft::{Parts, Retention};
use quorate_seams::{
    Control, Crash, Host, Random, Seams, SharedClock, SharedDisk, SharedRandom, SimDisk,
};
use quorate_store::Store;
use quorate_types::{ClusterId, LogIndex, MemberId, Term};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const CLUSTER: ClusterId = ClusterId(7);

/// How a member is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Down,
    Starting,
    Up,
    /// Its durable bytes were damaged or gone, it noticed and stays away.
    Lost,
    /// Its operator took it out of the cluster and its machine away.
    Gone,
}

/// One member's machine.
pub(crate) struct Node {
    pub(crate) disk: SimDisk,
    db: Arc<MemoryDb>,
    pub(crate) addr: String,
    /// Whether it was added to a running cluster.
    joins: bool,
    /// Whether it is known to have a vote.
    pub(crate) voter: bool,
    pub(crate) health: Health,
    /// Grows with every start.
    pub(crate) incarnation: u64,
    /// Whether durable bytes have been damaged.
    pub(crate) rotten: bool,
    /// Whether its disk was emptied.
    pub(crate) wiped: bool,
    /// Whether its disk was set back, and lacks what it had acknowledged.
    pub(crate) set_back: bool,
    /// Whether its disk has faults that may end it.
    pub(crate) ailing: bool,
    /// Whether its operator is stopping it.
    pub(crate) stopping: bool,
    pub(crate) core: Option<Core>,
}

impl Node {
    fn new(addr: String, joins: bool) -> Self {
        Self {
            disk: SimDisk::new(),
            db: Arc::new(MemoryDb::new()),
            addr,
            joins,
            voter: !joins,
            health: Health::Down,
            incarnation: 0,
            rotten: false,
            wiped: false,
            set_back: false,
            ailing: false,
            stopping: false,
            core: None,
        }
    }

    /// Whether durable bytes are wrong or gone.
    pub(crate) fn is_damaged(&self) -> bool {
        self.rotten || self.wiped || self.set_back || self.health == Health::Lost
    }
}

fn first_addr(id: MemberId) -> String {
    format!("member-{id}:1")
}

/// All members of a run.
pub(crate) struct Cluster {
    pub(crate) plan: Plan,
    pub(crate) control: Control,
    pub(crate) clock: SharedClock,
    pub(crate) net: Arc<Net>,
    pub(crate) random: SharedRandom,
    pub(crate) findings: Findings,
    /// Whether the operator is changing who belongs to it.
    pub(crate) changing: AtomicBool,
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
        let ids = (1..=plan.members).map(MemberId);
        let nodes = ids.map(|id| (id, Node::new(first_addr(id), false))).collect();
        let clock = control.clock(Host::HARNESS);
        Arc::new(Self {
            plan,
            control,
            clock,
            net,
            random,
            findings: Findings::default(),
            changing: AtomicBool::new(false),
            scratch: scratch.to_owned(),
            nodes: Mutex::new(nodes),
            leaders: Mutex::default(),
        })
    }

    pub(crate) fn nodes(&self) -> MutexGuard<'_, BTreeMap<MemberId, Node>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every member that has not been taken away.
    pub(crate) fn ids(&self) -> Vec<MemberId> {
        let nodes = self.nodes();
        let here = nodes.iter().filter(|(_, node)| node.health != Health::Gone);
        here.map(|(id, _)| *id).collect()
    }

    /// The highest id that a member has had.
    pub(crate) fn newest_id(&self) -> u64 {
        self.nodes().keys().next_back().map_or(0, |id| id.0)
    }

    /// An empty machine for a new member.
    pub(crate) fn add_machine(&self) -> (MemberId, String) {
        let id = MemberId(self.newest_id() + 1);
        let addr = first_addr(id);
        self.nodes().insert(id, Node::new(addr.clone(), true));
        (id, addr)
    }

    /// Takes away the machine of a member that was removed.
    pub(crate) fn retire(&self, id: MemberId) {
        self.take_down(id, Crash::KeepAll);
        if let Some(node) = self.nodes().get_mut(&id) {
            node.health = Health::Gone;
        }
    }

    /// The members with a vote, and how many of all members are damaged.
    pub(crate) fn voters_and_damaged(&self) -> (Vec<MemberId>, usize) {
        let nodes = self.nodes();
        let here = || nodes.iter().filter(|(_, node)| node.health != Health::Gone);
        let voters = here().filter(|(_, node)| node.voter).map(|(id, _)| *id).collect();
        (voters, here().filter(|(_, node)| node.is_damaged()).count())
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

    /// Whether a change of voters is half done, as far as any member knows.
    pub(crate) fn in_transition(&self) -> bool {
        let mut cores = self.ids().into_iter().filter_map(|id| self.core(id));
        cores.any(|(core, _)| core.consensus().in_transition())
    }

    /// Whether one more member may be damaged for good.
    pub(crate) fn can_spare_one(&self) -> bool {
        let (voters, damaged) = self.voters_and_damaged();
        !self.changing.load(Ordering::Relaxed)
            && !self.in_transition()
            && damaged * 2 + 2 < voters.len()
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
        core.map_err(|error| match error {
            quorate_raft::Error::SetBack { .. } => Failure::SetBack(error.to_string()),
            other => Failure::Other(other.to_string()),
        })
    }

    fn open_log(&self, id: MemberId, disk: SharedDisk) -> Result<RaftLog, Failure> {
        let identity = Identity { cluster: CLUSTER, member: id };
        let options = quorate_log::Options {
            segment_bytes: self.plan.segment_bytes,
            cache_bytes: self.plan.cache_bytes,
            spare_segments: 2,
            birth: self.random.next_u64(),
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
        let (joins, addr) =
            self.nodes().get(&id).map(|node| (node.joins, node.addr.clone())).unwrap_or_default();
        let first = if joins { id.0..=id.0 } else { 1..=plan.members };
        let mut peers: BTreeMap<_, _> =
            first.map(MemberId).map(|id| (id, first_addr(id))).collect();
        peers.insert(id, addr);
        quorate_raft::Options {
            form: !joins,
            cluster: CLUSTER,
            id,
            peers,
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
            Ok(_) if node.set_back => {
                drop(nodes);
                let found = format!("member {id} takes part although its disk was set back");
                self.findings.violation(found);
            }
            Ok(core) => {
                self.net.connect(id, node.addr.clone(), core.service());
                node.core = Some(core.clone());
                node.health = Health::Up;
                drop(nodes);
                drop(self.control.spawn_on(host_of(id), Arc::clone(self).follow(id, core)));
            }
            Err(Failure::Damaged(_)) if node.rotten => node.health = Health::Lost,
            Err(Failure::SetBack(_)) if node.set_back => node.health = Health::Lost,
            // The harness takes it down and tries again once the disk is well.
            Err(_) if node.ailing || node.rotten => node.health = Health::Starting,
            Err(Failure::Damaged(reason) | Failure::SetBack(reason) | Failure::Other(reason)) => {
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

    /// How every member stands, for reports.
    pub(crate) fn stand(&self) -> String {
        let nodes = self.nodes();
        let stand = nodes.iter().map(|(id, node)| {
            let status = node.core.as_ref().map(|core| {
                let status = core.status();
                let applied = *core.consensus().applied().borrow();
                let failed = core.consensus().leadership().borrow().failed.clone();
                let members = core.members();
                (applied, status.revision, status.term, status.leader, failed, members)
            });
            format!("member {id} at {} {:?} {status:?}", node.addr, node.health)
        });
        stand.collect::<Vec<_>>().join("; ")
    }

    /// How many terms have had a leader.
    pub(crate) fn terms(&self) -> usize {
        self.leaders.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn gave_up(self: &Arc<Self>, id: MemberId, reason: &str) {
        if self.nodes().get(&id).is_some_and(|node| node.wiped) {
            let cluster = Arc::clone(self);
            // From outside: the host that notices is the one that ends.
            drop(self.control.spawn_on(Host::HARNESS, async move { cluster.lose(id) }));
            return;
        }
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
            let Some(node) = nodes
                .get_mut(&id)
                .filter(|node| !matches!(node.health, Health::Lost | Health::Gone))
            else {
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

    /// A member has found that it is not the one that the cluster knows.
    fn lose(&self, id: MemberId) {
        self.take_down(id, Crash::KeepAll);
        if let Some(node) = self.nodes().get_mut(&id).filter(|it| it.health == Health::Down) {
            node.health = Health::Lost;
        }
    }

    /// Exchanges a member's disk for an empty one, while it is down.
    pub(crate) fn wipe(&self, id: MemberId) {
        if let Some(node) = self.nodes().get_mut(&id).filter(|it| it.health == Health::Down) {
            node.disk = SimDisk::new();
            node.db = Arc::new(MemoryDb::new());
            node.wiped = true;
        }
    }

    /// A copy of what a member's machine holds durably.
    pub(crate) fn copy(&self, id: MemberId) -> Option<Copy> {
        let seed = self.random.next_u64();
        let nodes = self.nodes();
        let node = nodes.get(&id)?;
        let log = node.core.as_ref()?.log();
        let (last, vote) = (log.durable()?.index, log.vote());
        let (disk, db) = (node.disk.survivor(Crash::LoseAll, seed), node.db.survivor());
        Some(Copy { disk, db: Arc::new(db), last, vote })
    }

    /// Puts an older copy in place of what a member's machine holds, while it is down; `lacks` if
    /// that takes away what others count on.
    pub(crate) fn set_back(&self, id: MemberId, copy: Copy, lacks: bool) {
        if let Some(node) = self.nodes().get_mut(&id).filter(|it| it.health == Health::Down) {
            (node.disk, node.db) = (copy.disk, copy.db);
            node.set_back = lacks;
        }
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

/// What a machine held at some time.
pub(crate) struct Copy {
    disk: SimDisk,
    db: Arc<MemoryDb>,
    /// The last entry of its log.
    pub(crate) last: LogIndex,
    pub(crate) vote: Option<Bytes>,
}

/// Why a member does not start.
enum Failure {
    Damaged(String),
    SetBack(String),
    Other(String),
}
