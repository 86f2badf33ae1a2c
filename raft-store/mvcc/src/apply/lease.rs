//! Granting and revoking leases. Renewing one is not here: that never goes through the log.

use super::Machine;
use super::write::Writer;
use crate::db::{Family, Step, View};
use crate::layout::{
    ATTACHED, attachment_key, decode_lease, encode_lease, lease_key, prefix_bounds,
};
use crate::{Error, LeaseChange, Outcome, Reply, StoredLease, read};
use bytes::Bytes;
use quorate_seams::bug;
use quorate_store::{Error as Refusal, LeaseGranted};
use quorate_types::{LeaseId, limits};
use std::collections::BTreeSet;
use std::time::Duration;

impl Machine<'_> {
    pub(super) fn lease_grant(&mut self, id: LeaseId, ttl_seconds: i64) -> Result<Outcome, Error> {
        let limit = limits::MAX_LEASE_TTL_SECONDS;
        let Some(seconds) = u64::try_from(ttl_seconds).ok().filter(|seconds| *seconds > 0) else {
            return Ok(Err(Refusal::LeaseTtl { seconds: ttl_seconds, limit }));
        };
        if ttl_seconds > limit {
            return Ok(Err(Refusal::LeaseTtl { seconds: ttl_seconds, limit }));
        }
        if self.is_full() {
            return Ok(Err(Refusal::NoSpace));
        }
        let id = if id == LeaseId::NONE { self.free_lease()? } else { id };
        if self.has_lease(id)? {
            return Ok(Err(Refusal::LeaseExists(id)));
        }
        let lease = StoredLease { id, ttl_seconds, remaining_seconds: 0 };
        self.state.put(Family::Lease, lease_key(id), encode_lease(lease));
        self.leases.push(LeaseChange::Granted { id, ttl_seconds });
        Ok(Ok(Reply::LeaseGranted(LeaseGranted { id, ttl: Duration::from_secs(seconds) })))
    }

    pub(super) fn lease_revoke(&mut self, ids: &[LeaseId]) -> Result<Outcome, Error> {
        let mut known = BTreeSet::new();
        for id in ids {
            if self.has_lease(*id)? {
                known.insert(*id);
            }
        }
        if let (true, [id]) = (known.is_empty(), ids) {
            return Ok(Err(Refusal::LeaseNotFound(*id)));
        }
        let mut keys = Vec::new();
        for id in &known {
            keys.extend(attached(&self.state, *id)?);
            self.state.delete(Family::Lease, lease_key(*id));
            self.leases.push(LeaseChange::Revoked { id: *id });
        }
        if bug("lease-leaves-a-key-behind") {
            keys.pop();
        }
        let mut writer = Writer::new(self);
        for key in keys {
            // An attached key exists: deleting it or attaching it elsewhere detaches it.
            if let Some(current) = read::current(&writer.machine().state, &key)? {
                writer.delete(current);
            }
        }
        Ok(Ok(Reply::LeaseRevoked { revision: writer.finish() }))
    }

    /// Records what is left of leases: nothing that is more than their time to live, which counts
    /// as all of it.
    pub(super) fn lease_checkpoint(
        &mut self,
        remaining: &[(LeaseId, i64)],
    ) -> Result<Outcome, Error> {
        let mut known = 0;
        for (id, seconds) in remaining {
            let key = lease_key(*id);
            let Some(value) = self.state.value(Family::Lease, &key)? else { continue };
            let lease = decode_lease(*id, &value, &key)?;
            let partial = (1..lease.ttl_seconds).contains(seconds);
            let remaining_seconds = if partial { *seconds } else { 0 };
            let lease = StoredLease { remaining_seconds, ..lease };
            self.state.put(Family::Lease, key, encode_lease(lease));
            known += 1;
        }
        Ok(Ok(Reply::LeaseCheckpointed { known }))
    }

    fn has_lease(&self, id: LeaseId) -> Result<bool, Error> {
        Ok(self.state.value(Family::Lease, &lease_key(id))?.is_some())
    }

    /// The first free id from the entry's index on: the same on every member.
    fn free_lease(&self) -> Result<LeaseId, Error> {
        let mut id = LeaseId(i64::try_from(self.entry.index.0).unwrap_or(1).max(1));
        while self.has_lease(id)? {
            id = LeaseId(id.0.checked_add(1).unwrap_or(1));
        }
        Ok(id)
    }
}

/// The keys attached to a lease, sorted.
pub(crate) fn attached(view: &dyn View, id: LeaseId) -> Result<Vec<Bytes>, Error> {
    let (start, end) = prefix_bounds(attachment_key(id, b""));
    let mut keys = Vec::new();
    view.scan(Family::Lease, &start, end.as_deref(), &mut |key, _| {
        keys.push(Bytes::copy_from_slice(&key[ATTACHED..]));
        Ok(Step::Next)
    })?;
    Ok(keys)
}
