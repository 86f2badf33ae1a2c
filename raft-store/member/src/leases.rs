//! Leases on the leader: kept in memory, renewed without the log, ended by one log entry for many.
//!
//! Invariants: only the leader that a quorum has confirmed in this term answers for leases; a new
//! leader gives every lease its whole time again and an election on top; a lease ends only through
//! an entry of the term that found it expired.

use bytes::Bytes;
use quorate_mvcc::lease::LeaseKeeper;
use quorate_mvcc::{Command, LeaseChange, LeaseChanges, LeaseUpdate, Mvcc};
use quorate_raft::{Attempt, Consensus, Method};
use quorate_seams::{Monotonic, SharedClock, bug};
use quorate_types::{LeaseId, MemberId, Term};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// Most leases that one entry ends.
const REVOKE_AT_ONCE: usize = 10_000;
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
}

/// What is known while this member leads.
#[derive(Debug)]
struct Leading {
    term: Term,
    keeper: LeaseKeeper,
    changes: LeaseChanges,
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
        Self { clock, state: Arc::downgrade(state), member, extend, leading: Mutex::default() }
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
        self.answer(method, LeaseId(id), term)
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
            Some(Leading { term, keeper, changes });
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
        let next = leading.keeper.next_deadline().map_or(latest, |at| at.min(latest));
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
