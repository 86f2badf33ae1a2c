//! One member's part in consensus: start, leadership, shutdown.

use crate::births::{Birth, keep_births};
use crate::book::Book;
use crate::error::Error;
use crate::machine::StateMachine;
use crate::network::Network;
use crate::options::Options;
use crate::proposals::Proposals;
use crate::read_index::ReadIndexes;
use crate::retention;
use crate::scratch::Scratch;
use crate::snapshot::{Inbox, SnapshotTraffic, Sums, Traffic};
use crate::state::{State, WeakState};
use crate::storage::LogStore;
use crate::transition::finish_changes;
use crate::transport::Transport;
use crate::types::{Node, Raft, TypeConfig};
use crate::witness::{self, Witness};
use openraft::async_runtime::WatchReceiver;
use openraft::error::Fatal;
use quorate_log::RaftLog;
use quorate_mvcc::Mvcc;
use quorate_seams::{Monotonic, Seams, SharedClock, TaskSet, timeout};
use quorate_types::{LogIndex, MemberId, Term};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{Mutex, mpsc, watch};

/// Who leads, as far as this member knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leadership {
    /// The member's term.
    pub term: Term,
    /// The leader of that term, once it is known.
    pub leader: Option<MemberId>,
    /// The leader's address.
    pub addr: Option<String>,
    /// Why this member takes no part any more; `None` while it does.
    pub failed: Option<String>,
}

/// What consensus stands on.
#[derive(Debug)]
pub struct Parts {
    /// The log, opened.
    pub log: RaftLog,
    /// The state, opened.
    pub state: Arc<Mvcc>,
    /// The way to other members.
    pub transport: Arc<dyn Transport>,
    /// Clock, randomness, disk.
    pub seams: Seams,
}

/// A running member of a consensus group. Clones share it.
#[derive(Clone, Debug)]
pub struct Consensus {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) options: Options,
    pub(crate) raft: Raft,
    pub(crate) birth: Arc<Birth>,
    pub(crate) witness: Arc<Witness>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) clock: SharedClock,
    pub(crate) scratch: Scratch,
    pub(crate) sums: Sums,
    pub(crate) inbox: Inbox,
    pub(crate) state: WeakState,
    traffic: Traffic,
    pub(crate) applied: watch::Receiver<Option<LogIndex>>,
    pub(crate) proposals: Proposals,
    pub(crate) reads: ReadIndexes,
    /// One change of members at a time.
    pub(crate) changing: Mutex<()>,
    leadership: watch::Receiver<Leadership>,
    /// Whether this member leads and takes part, as far as it knows: what `leadership` says, in a word.
    pub(crate) leads: Arc<AtomicBool>,
    released: Mutex<mpsc::Receiver<()>>,
    tasks: TaskSet,
}

impl Consensus {
    /// Starts from log and state: replays what is committed and takes part from then on. A member
    /// that has never run forms the cluster with its peers.
    ///
    /// # Errors
    /// Options are invalid, log and state cannot be read or do not belong together, or another member
    /// has seen more of the log than there is.
    pub async fn start(options: Options, parts: Parts) -> Result<Self, Error> {
        let config = Arc::new(options.config()?);
        let scratch = Scratch::open(&options.scratch).map_err(|error| Error::Directory {
            path: options.scratch.display().to_string(),
            reason: error.to_string(),
        })?;
        let (state, released) = State::new(parts.state);
        let (mut machine, applied) = StateMachine::new(state.clone(), scratch.clone());
        let (shared, durable) = (state.downgrade(), machine.durable());
        let log = parts.log.clone();
        let mut store = LogStore::new(parts.log, state);
        witness::refuse_set_back(&options, &mut store, &mut machine, &*parts.transport).await?;
        let witness = Arc::new(Witness::default());
        let birth = Arc::new(Birth::new(log.birth()));
        let book = Arc::new(Book::default());
        let (sums, traffic) = (Sums::default(), Traffic::default());
        let inbox =
            Inbox::new(scratch.clone(), Some(shared.clone()), sums.clone(), traffic.clone());
        let network = Network {
            transport: Arc::clone(&parts.transport),
            scratch: scratch.clone(),
            book: Arc::clone(&book),
            sums: sums.clone(),
            traffic: traffic.clone(),
            witness: Arc::clone(&witness),
            log: log.clone(),
            patience: options.request_timeout,
        };
        let raft = Raft::new(options.id.0, config, network, store, machine)
            .await
            .map_err(|error| Error::Start { reason: error.to_string() })?;
        let tasks = TaskSet::new();
        let (known, leadership) = watch::channel(leadership_of(&raft));
        let leads = Arc::new(AtomicBool::new(false));
        let follow = Follow {
            raft: raft.clone(),
            own: options.id,
            forgotten: birth.forgotten(),
            book,
            leads: Arc::clone(&leads),
        };
        tasks.spawn(follow.leadership(known));
        let clock = Arc::clone(&parts.seams.clock);
        let (proposals, drive) = Proposals::new(raft.clone(), Arc::clone(&clock));
        tasks.spawn(drive);
        tasks.spawn(retention::drive(
            raft.clone(),
            log,
            Arc::clone(&clock),
            durable,
            options.keep_entries,
            options.retention,
        ));
        let inner = Arc::new_cyclic(|inner: &Weak<Inner>| {
            let (reads, drive) = read_indexes(Arc::clone(&clock), inner.clone());
            tasks.spawn(drive);
            let every = options.timing.election_min;
            tasks.spawn(keep_births(inner.clone(), Arc::clone(&clock), every));
            tasks.spawn(finish_changes(inner.clone(), Arc::clone(&clock), every));
            Inner {
                options,
                raft,
                birth,
                witness,
                transport: parts.transport,
                clock,
                scratch,
                sums,
                traffic,
                inbox,
                state: shared,
                applied,
                proposals,
                reads,
                changing: Mutex::default(),
                leadership,
                leads,
                released: Mutex::new(released),
                tasks,
            }
        });
        let consensus = Self { inner };
        consensus.form().await?;
        Ok(consensus)
    }

    /// Forms the cluster if this member has never run, and stands for election if it is alone.
    async fn form(&self) -> Result<(), Error> {
        let raft = &self.inner.raft;
        let fresh = !raft.is_initialized().await.map_err(start_error)?;
        if fresh && !self.inner.options.form {
            return Ok(());
        }
        if self.inner.options.peers.len() > 1 {
            if fresh {
                self.inner.tasks.spawn(form_with_peers(self.clone()));
            }
            return Ok(());
        }
        if fresh {
            self.initialize().await;
        } else if raft.voter_ids().eq([self.inner.options.id.0]) {
            raft.trigger().elect(false).await.map_err(start_error)?;
        }
        Ok(())
    }

    async fn initialize(&self) {
        let node = |(id, addr): (&MemberId, &String)| (id.0, Node::at(addr));
        let nodes: BTreeMap<u64, Node> = self.inner.options.peers.iter().map(node).collect();
        if let Err(error) = self.inner.raft.initialize(nodes).await {
            // The leader of the others was faster.
            tracing::debug!(%error, "the cluster has been formed by another member");
        }
    }

    /// Who leads; changes when leader or term do.
    #[must_use]
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.inner.leadership.clone()
    }

    /// Waits until this member takes no part any more. A failed disk ends it: nothing is acknowledged
    /// from the first failed write or sync on, and only a new start, which proves what is really on
    /// disk, can go on.
    ///
    /// # Errors
    /// Why it ended, unless it was asked to.
    pub async fn ended(&self) -> Result<(), Error> {
        let mut leadership = self.leadership();
        let failed = leadership.wait_for(|view| view.failed.is_some()).await;
        let reason = failed.map_or_else(|_| None, |view| view.failed.clone());
        match reason {
            Some(reason) if reason != Fatal::<TypeConfig>::Stopped.to_string() => {
                Err(Error::Ended { member: self.inner.options.id, reason })
            }
            _ => Ok(()),
        }
    }

    /// The last entry applied to the state.
    #[must_use]
    pub fn applied(&self) -> watch::Receiver<Option<LogIndex>> {
        self.inner.applied.clone()
    }

    /// Hands leadership to another voter, if this member leads. Returns when the request is on its
    /// way; [`Consensus::leadership`] shows what comes of it.
    pub async fn transfer_leadership(&self, to: MemberId) {
        if let Err(error) = self.inner.raft.trigger().transfer_leader(to.0).await {
            tracing::debug!(%error, "leadership is not transferred by a member that stops");
        }
    }

    /// Makes the state durable, so that the log before it can be purged.
    pub async fn make_durable(&self) {
        if let Err(error) = self.inner.raft.trigger().snapshot().await {
            tracing::debug!(%error, "no snapshot is built by a member that stops");
        }
    }

    /// What travelled of snapshots since the start.
    #[must_use]
    pub fn snapshot_traffic(&self) -> SnapshotTraffic {
        self.inner.traffic.so_far()
    }

    /// The voters and their addresses, as this member knows them.
    #[must_use]
    pub fn voters(&self) -> BTreeMap<MemberId, String> {
        let metrics = self.inner.raft.metrics();
        let membership = Arc::clone(&metrics.borrow_watched().membership_config);
        let addr = |id: u64| membership.get_node(&id).map(|node| node.addr.clone());
        let voters = membership.voter_ids().filter_map(|id| Some((MemberId(id), addr(id)?)));
        voters.collect()
    }

    /// Stops taking part, and waits until log and state are no longer used. Requests that wait are
    /// answered with an error whose outcome is unknown.
    pub async fn shutdown(&self) {
        self.inner.tasks.stop().await;
        if let Err(error) = self.inner.raft.shutdown().await {
            tracing::warn!(%error, "consensus had stopped before");
        }
        // Ends when the last holder of the state has been dropped; nothing is ever sent.
        let mut released = self.inner.released.lock().await;
        let _ = released.recv().await;
    }

    pub(crate) fn deadline(&self) -> Monotonic {
        self.inner.clock.now() + self.inner.options.request_timeout
    }
}

/// Asks for read indexes as long as the member lives; does not keep it alive.
fn read_indexes(
    clock: SharedClock,
    inner: Weak<Inner>,
) -> (ReadIndexes, impl Future<Output = ()> + Send) {
    ReadIndexes::new(clock, move || {
        let inner = inner.upgrade();
        async move { Some(Consensus { inner: inner? }.read_index().await) }
    })
}

#[allow(clippy::needless_pass_by_value, reason = "given to `map_err`")]
pub(crate) fn start_error(error: impl ToString) -> Error {
    Error::Start { reason: error.to_string() }
}

fn leadership_of(raft: &Raft) -> Leadership {
    let metrics = raft.metrics();
    let metrics = metrics.borrow_watched();
    let leader = metrics.current_leader;
    let node = leader.and_then(|id| metrics.membership_config.get_node(&id));
    Leadership {
        term: Term(metrics.current_term),
        leader: leader.map(MemberId),
        addr: node.map(|node| node.addr.clone()),
        failed: metrics.running_state.as_ref().err().map(ToString::to_string),
    }
}

/// Follows what consensus says of itself.
struct Follow {
    raft: Raft,
    own: MemberId,
    forgotten: watch::Receiver<Option<String>>,
    book: Arc<Book>,
    leads: Arc<AtomicBool>,
}

impl Follow {
    /// Tells who leads, until consensus ends.
    async fn leadership(self, known: watch::Sender<Leadership>) {
        let Self { raft, own, mut forgotten, book, leads } = self;
        let mut metrics = raft.metrics();
        let mut noted = None;
        loop {
            let members = Arc::clone(&metrics.borrow_watched().membership_config);
            if *members.log_id() != noted {
                book.note(members.nodes());
                noted.clone_from(members.log_id());
            }
            let mut now = leadership_of(&raft);
            if let Some(reason) = forgotten.borrow_and_update().clone() {
                now = Leadership { leader: None, addr: None, failed: Some(reason), ..now };
            }
            leads.store(now.failed.is_none() && now.leader == Some(own), Ordering::Relaxed);
            known.send_if_modified(|old| {
                let changed = *old != now;
                *old = now;
                changed
            });
            tokio::select! {
                biased;
                changed = metrics.changed() => if changed.is_err() {
                    break;
                },
                Ok(()) = forgotten.changed() => {}
            }
        }
        leads.store(false, Ordering::Relaxed);
        known.send_modify(|last| {
            *last = leadership_of(&raft);
            last.leader = None;
            last.failed.get_or_insert_with(|| "consensus ended without a reason".to_owned());
        });
    }
}

/// Forms the cluster once every peer has said that it knows of none: a member with an empty log
/// cannot tell a cluster that never was from one that it has forgotten, but the others can. The
/// lowest member does it; the others give it some time to, then do the same: the first entry is
/// equal on all, so that it does not matter who was first.
async fn form_with_peers(consensus: Consensus) {
    let inner = &consensus.inner;
    let timing = inner.options.timing;
    let first = inner.options.peers.keys().next() == Some(&inner.options.id);
    let mut known = consensus.leadership();
    let turn = if first { Duration::ZERO } else { timing.election_max * 4 };
    let turn = inner.clock.now() + turn;
    let mut pause = timing.heartbeat.min(Duration::from_millis(20));
    loop {
        let view = known.borrow_and_update().clone();
        let taken_in = inner.raft.is_initialized().await.unwrap_or(true);
        if view.leader.is_some() || view.failed.is_some() || taken_in {
            return;
        }
        if inner.clock.now() >= turn && all_are_new(inner).await {
            return consensus.initialize().await;
        }
        // Woken early when a leader appears.
        let _ = timeout(&*inner.clock, pause, known.changed()).await;
        pause = (pause * 2).min(timing.election_min);
    }
}

/// Whether every peer answers, and none has ever been part of a cluster.
async fn all_are_new(inner: &Inner) -> bool {
    let peers = inner.options.peers.iter().filter(|(id, _)| **id != inner.options.id);
    let peers: Vec<_> = peers.map(|(id, addr)| (*id, addr.clone())).collect();
    let count = peers.len();
    let answers = inner.ask_hello(peers).await;
    answers.len() == count && answers.iter().all(|(_, hello)| !hello.initialized)
}
