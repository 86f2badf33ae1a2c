//! The leases that exist and when each of them ends.
//!
//! Which keys a lease has is not kept here: the keys themselves say so.

use crate::Error;
use quorate_seams::Monotonic;
use quorate_types::LeaseId;
use quorate_types::limits::MAX_LEASE_TTL_SECONDS;
use std::collections::BTreeMap;
use std::time::Duration;

/// The first id the store chooses; small ones are left to callers.
const FIRST_CHOSEN: i64 = 0x1000_0000_0000;

/// One lease.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    pub(super) ttl: Duration,
    pub(super) deadline: Monotonic,
}

/// All leases.
#[derive(Debug)]
pub(super) struct Leases {
    by_id: BTreeMap<LeaseId, Lease>,
    next_chosen: i64,
}

impl Leases {
    pub(super) fn new() -> Self {
        Self { by_id: BTreeMap::new(), next_chosen: FIRST_CHOSEN }
    }

    pub(super) fn grant(
        &mut self,
        id: LeaseId,
        ttl: Duration,
        now: Monotonic,
    ) -> Result<(LeaseId, Duration), Error> {
        let ttl = whole_seconds(ttl)?;
        let id = if id == LeaseId::NONE { self.choose() } else { id };
        if self.by_id.contains_key(&id) {
            return Err(Error::LeaseExists(id));
        }
        self.by_id.insert(id, Lease { ttl, deadline: now + ttl });
        Ok((id, ttl))
    }

    fn choose(&mut self) -> LeaseId {
        loop {
            let id = LeaseId(self.next_chosen);
            self.next_chosen += 1;
            if !self.by_id.contains_key(&id) {
                return id;
            }
        }
    }

    pub(super) fn find(&self, id: LeaseId) -> Result<Lease, Error> {
        self.by_id.get(&id).copied().ok_or(Error::LeaseNotFound(id))
    }

    pub(super) fn renew(&mut self, id: LeaseId, now: Monotonic) -> Result<Duration, Error> {
        let lease = self.by_id.get_mut(&id).ok_or(Error::LeaseNotFound(id))?;
        lease.deadline = now + lease.ttl;
        Ok(lease.ttl)
    }

    pub(super) fn remove(&mut self, id: LeaseId) -> Result<(), Error> {
        self.by_id.remove(&id).map(|_| ()).ok_or(Error::LeaseNotFound(id))
    }

    pub(super) fn ids(&self) -> Vec<LeaseId> {
        self.by_id.keys().copied().collect()
    }

    /// When the next lease ends.
    pub(super) fn next_deadline(&self) -> Option<Monotonic> {
        self.by_id.values().map(|lease| lease.deadline).min()
    }

    /// The leases that have ended, the earliest first.
    pub(super) fn due(&self, now: Monotonic) -> Vec<LeaseId> {
        let ended = self.by_id.iter().filter(|(_, lease)| lease.deadline <= now);
        let mut due: Vec<_> = ended.map(|(id, lease)| (lease.deadline, *id)).collect();
        due.sort_unstable();
        due.into_iter().map(|(_, id)| id).collect()
    }
}

/// Leases last whole seconds, as etcd's do: never less than asked for.
fn whole_seconds(ttl: Duration) -> Result<Duration, Error> {
    let seconds = ttl.as_secs().saturating_add(u64::from(ttl.subsec_nanos() > 0));
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    if !(1..=MAX_LEASE_TTL_SECONDS).contains(&seconds) {
        return Err(Error::LeaseTtl { seconds, limit: MAX_LEASE_TTL_SECONDS });
    }
    Ok(Duration::from_secs(seconds.unsigned_abs()))
}
