//! Leases on the leader: kept in memory, renewed without the log, ended by one log entry for many.
//!
//! Invariants: only the leader that a quorum has confirmed in this term answers for leases; a new
//! leader gives every lease what the last checkpoint left of it, its whole time if there is none,
//! and an election on top; a lease ends only through an entry of the term that found it expired.
//!
//! Checkpoints: the leader records what is left of long leases every five minutes, and of all when
//! it hands over. A renewal of a lease that was recorded is acknowledged only after the record has
//! been taken back through the log, so that no leader ever counts from an old one.

use bytes::Bytes;
use quorate_mvcc::lease::LeaseKeeper;
use quorate_mvcc::{Command, LeaseChange, LeaseChanges, LeaseUpdate, Mvcc};
use quorate_raft::{Attempt, Consensus, Method};
use quorate_seams::{Monotonic, SharedClock, bug};
use quorate_types::{LeaseId, MemberId, Term};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// Most leases that one entry ends.
const REVOKE_AT_ONCE: usize = 10_000;
/// Most leases that one entry checkpoints.
const CHECKPOINT_AT_ONCE: usize = 1000;
/// How long to wait before leadership is looked at again when nothing says that it changed.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The leases of one member; of use while it leads.
#[derive(Debug)]
pub(crate) struct Leases {
    clock: SharedClock,
    /// Gone once the member has stopped.
    state: Weak<Mvcc>,
    member: MemberId,
    /// What a new leader adds to the time of every lease.
    extend: Duration,
    leading: Mutex<Option<Leading>>,
    /// Held from the moment that checkpoints are taken until they are applied, so that those of one
    /// lease reach the log in the order in which they were taken.
    checkpointing: tokio::sync::Mutex<()>,
}

/// What is known while this member leads.
#[derive(Debug)]
struct Leading {
    term: Term,
    keeper: LeaseKeeper,
    changes: LeaseChanges,
    /// Leases whose renewal waits for their checkpoint to be taken back.
    waiting: BTreeSet<LeaseId>,
}

impl Leading {
    /// Takes in what has been granted and revoked since.
    fn catch_up(&mut self, state: &Mvcc, now: Monotonic) -> Result<(), quorate_mvcc::Error> {
        while let Some(update) = self.changes.try_next() {
            match update {
                LeaseUpdate::Changes(changes) => {
                    for change in changes {
                        self.take(change, now);
                    }
                }
                LeaseUpdate::Reload => {
                    self.keeper.promote(state.leases()?, now, Duration::ZERO);
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, change: LeaseChange, now: Monotonic) {
        match change {
            LeaseChange::Granted { id, ttl_seconds } => self.keeper.grant(id, ttl_seconds, now),
            LeaseChange::Revoked { id } => self.keeper.revoke(id),
        }
    }
}

pub(crate) fn encode_id(id: LeaseId) -> Bytes {
    Bytes::copy_from_slice(&id.0.to_le_bytes())
}

/// What is left of a lease in milliseconds, or no bytes if there is no such lease.
fn encode_left(left: Option<Duration>) -> Bytes {
    match left {
        Some(left) => {
            let millis = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            Bytes::copy_from_slice(&millis.to_le_bytes())
        }
        None => Bytes::new(),
    }
}

pub(crate) fn decode_left(bytes: &Bytes) -> Option<Duration> {
    let millis: [u8; 8] = bytes[..].try_into().ok()?;
    Some(Duration::from_millis(u64::from_le_bytes(millis)))
}

impl Leases {
    pub(crate) fn new(
        clock: SharedClock,
        state: &Arc<Mvcc>,
        member: MemberId,
        extend: Duration,
    ) -> Self {
        Self {
            clock,
            state: Arc::downgrade(state),
            member,
            extend,
            leading: Mutex::default(),
            checkpointing: tokio::sync::Mutex::default(),
        }
    }

    /// Renews a lease or says what is left of it, if this member leads.
    pub(crate) async fn serve(
        &self,
        consensus: &Consensus,
        method: Method,
        body: &Bytes,
    ) -> Attempt<Bytes> {
        let Ok(id) = body[..].try_into().map(i64::from_le_bytes) else {
            return Attempt::Unknown("a lease id has 8 bytes".to_owned());
        };
        let Some(term) = consensus.confirm_leadership().await else {
            return Attempt::Refused(format!("member {} does not lead", self.member));
        };
        let id = LeaseId(id);
        if method == Method::LeaseKeepAlive
            && let Err(reason) = self.take_back(consensus, id, term).await
        {
            return Attempt::Unknown(reason);
        }
        self.answer(method, id, term)
    }

    /// Makes sure that no checkpoint of a lease stands in the replicated state. Those who ask at the
    /// same time share an entry.
    async fn take_back(
        &self,
        consensus: &Consensus,
        id: LeaseId,
        term: Term,
    ) -> Result<(), String> {
        if !self.wait_for_take_back(id, term) {
            return Ok(());
        }
        let _one = self.checkpointing.lock().await;
        let waiting = self.with_leading(term, |leading| std::mem::take(&mut leading.waiting));
        let waiting: Vec<LeaseId> = waiting.unwrap_or_default().into_iter().collect();
        for ids in waiting.chunks(CHECKPOINT_AT_ONCE) {
            let remaining = ids.iter().map(|id| (*id, 0)).collect();
            self.record(consensus, remaining, term).await?;
            self.with_leading(term, |leading| {
                ids.iter().for_each(|id| leading.keeper.checkpoint_cleared(*id));
            });
        }
        // Somebody else may have taken it back, or tried and failed.
        match self.with_leading(term, |leading| leading.keeper.is_checkpointed(id)) {
            Some(false) | None => Ok(()),
            Some(true) => Err("the checkpoint of the lease could not be taken back".to_owned()),
        }
    }

    /// Puts a lease among those to be taken back, if it was checkpointed.
    fn wait_for_take_back(&self, id: LeaseId, term: Term) -> bool {
        let waits = self.with_leading(term, |leading| {
            let waits = leading.keeper.is_checkpointed(id);
            if waits {
                leading.waiting.insert(id);
            }
            waits
        });
        waits.unwrap_or(false)
    }

    /// Proposes a checkpoint in a term and waits until it is applied.
    async fn record(
        &self,
        consensus: &Consensus,
        remaining: Vec<(LeaseId, i64)>,
        term: Term,
    ) -> Result<(), String> {
        let command = Command::LeaseCheckpoint { remaining };
        let command = command.encode().map_err(|error| error.to_string())?;
        match consensus.propose_in_term(command, term).await {
            Attempt::Done(Ok(_)) => Ok(()),
            Attempt::Done(Err(error)) => Err(error.to_string()),
            Attempt::Refused(reason) | Attempt::Unknown(reason) => Err(reason),
        }
    }

    /// Records what is left of every lease, for the next leader. What fails is no worse than a
    /// leader that dies.
    pub(crate) async fn hand_over(&self, consensus: &Consensus) {
        let Some(term) = consensus.confirm_leadership().await else { return };
        let now = self.clock.now();
        let _one = self.checkpointing.lock().await;
        let Some(state) = self.state.upgrade() else { return };
        let left = self.with_leading(term, |leading| {
            // A lease that is not known yet has lost no time.
            let known = leading.catch_up(&state, now);
            known.map(|()| leading.keeper.hand_over(now)).unwrap_or_default()
        });
        for remaining in left.unwrap_or_default().chunks(CHECKPOINT_AT_ONCE) {
            if let Err(reason) = self.record(consensus, remaining.to_vec(), term).await {
                tracing::info!(%reason, "leases are handed over with their whole time");
                return;
            }
        }
    }

    /// Records what is left of the leases that are due for it.
    async fn checkpoint(&self, consensus: &Consensus, term: Term) {
        let _one = self.checkpointing.lock().await;
        loop {
            let now = self.clock.now();
            let due = self.with_leading(term, |leading| {
                leading.keeper.due_checkpoints(now, CHECKPOINT_AT_ONCE)
            });
            let due = due.filter(|due| !due.is_empty());
            let Some(due) = due else { return };
            let count = due.len();
            if let Err(reason) = self.record(consensus, due, term).await {
                tracing::debug!(%reason, count, "leases not checkpointed");
                return;
            }
        }
    }

    fn with_leading<T>(&self, term: Term, step: impl FnOnce(&mut Leading) -> T) -> Option<T> {
        let mut leading = self.leading.lock().unwrap_or_else(PoisonError::into_inner);
        leading.as_mut().filter(|leading| leading.term == term).map(step)
    }

    fn answer(&self, method: Method, id: LeaseId, term: Term) -> Attempt<Bytes> {
        let now = self.now();
        let mut leading = self.leading.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(leading) = leading.as_mut().filter(|leading| leading.term == term) else {
            return Attempt::Refused("the new leader has not taken over the leases yet".to_owned());
        };
        let Some(state) = self.state.upgrade() else {
            return Attempt::Refused(format!("member {} has stopped", self.member));
        };
        if let Err(error) = leading.catch_up(&state, now) {
            return Attempt::Unknown(error.to_string());
        }
        let left = match method {
            // Checkpointed since it was taken back: the caller asks again.
            Method::LeaseKeepAlive if leading.keeper.is_checkpointed(id) => {
                return Attempt::Refused("the lease is being checkpointed".to_owned());
            }
            Method::LeaseKeepAlive => leading.keeper.renew(id, now),
            _ => leading.keeper.remaining(id, now),
        };
        Attempt::Done(encode_left(left))
    }

    fn promote(&self, term: Term) -> Result<(), quorate_mvcc::Error> {
        // Followed before they are read: a change may be seen twice, but none is missed.
        let Some(state) = self.state.upgrade() else { return Ok(()) };
        let changes = state.lease_changes();
        let mut keeper = LeaseKeeper::new();
        keeper.promote(state.leases()?, self.now(), self.extend);
        *self.leading.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Leading { term, keeper, changes, waiting: BTreeSet::new() });
        Ok(())
    }

    fn now(&self) -> Monotonic {
        if bug("lease-by-wall-clock") {
            return Monotonic(self.clock.wall().0);
        }
        self.clock.now()
    }

    fn demote(&self) {
        *self.leading.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The leases to end now, and when to look again.
    fn due(&self) -> Result<(Vec<LeaseId>, Monotonic), quorate_mvcc::Error> {
        let now = self.now();
        let latest = now + LOOK_AGAIN;
        let mut leading = self.leading.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(leading), Some(state)) = (leading.as_mut(), self.state.upgrade()) else {
            return Ok((Vec::new(), latest));
        };
        leading.catch_up(&state, now)?;
        let expired = leading.keeper.expired(now);
        let next = [leading.keeper.next_deadline(), leading.keeper.next_checkpoint()];
        let next = next.into_iter().flatten().fold(latest, Monotonic::min);
        Ok((expired, next))
    }

    /// Ends what has expired while this member leads in a term; returns when it no longer does.
    async fn lead(&self, consensus: &Consensus, term: Term) -> Result<(), quorate_mvcc::Error> {
        let mut leadership = consensus.leadership();
        loop {
            let (expired, next) = self.due()?;
            for ids in expired.chunks(REVOKE_AT_ONCE) {
                self.revoke(consensus, ids.to_vec(), term).await;
            }
            self.checkpoint(consensus, term).await;
            let view = leadership.borrow_and_update().clone();
            if view.leader != Some(self.member) || view.term != term {
                return Ok(());
            }
            tokio::select! {
                biased;
                () = self.clock.sleep_until(next) => {}
                changed = leadership.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn revoke(&self, consensus: &Consensus, ids: Vec<LeaseId>, term: Term) {
        let count = ids.len();
        if bug("lease-never-ends") {
            return;
        }
        let command = match (Command::LeaseRevoke { ids }).encode() {
            Ok(command) => command,
            Err(error) => {
                tracing::error!(%error, count, "leases cannot be ended");
                return;
            }
        };
        // Whatever is not revoked now is reported again.
        let attempt = consensus.propose_in_term(command, term).await;
        tracing::debug!(count, ?attempt, "leases have expired");
    }
}

/// Runs for the life of a member: takes the leases over whenever it begins to lead.
pub(crate) async fn drive(leases: Arc<Leases>, consensus: Consensus) {
    let mut leadership = consensus.leadership();
    loop {
        let leader = leadership.borrow_and_update().leader;
        if leader == Some(leases.member)
            && let Some(term) = consensus.confirm_leadership().await
        {
            let led = match leases.promote(term) {
                Ok(()) => leases.lead(&consensus, term).await,
                failed => failed,
            };
            leases.demote();
            if let Err(error) = led {
                tracing::error!(%error, "leases cannot be kept: the state cannot be read");
            }
        }
        tokio::select! {
            biased;
            () = leases.clock.sleep(LOOK_AGAIN) => {}
            changed = leadership.changed() => {
                if changed.is_err() {
                    return;
                }
            }
        }
    }
}
