//! Telling the whole state, from one view of the database.

use crate::db::{self, Family, Step, View};
use crate::layout::{
    Change, decode_kv, decode_lease, parse_lease_key, parse_rev_key, prefix_bounds, rev_start,
};
use crate::meta::Meta;
use crate::read::is_last;
use crate::{Alarm, Applied, Error, Mvcc, StoredLease};
use bytes::Bytes;
use quorate_types::Revision;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// Most keys changed by the compacted revision that are remembered, rather than looked up one by one.
const MOST_REMEMBERED: usize = 100_000;

/// Takes the revision key and the key-value message of a change, and says whether to go on.
pub(crate) type VisitChange<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// The state at one moment.
pub struct History<'a> {
    pub(super) view: &'a dyn View,
    meta: Meta,
}

impl std::fmt::Debug for History<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("History").field("meta", &self.meta).finish_non_exhaustive()
    }
}

impl Mvcc {
    /// Tells the state of now, as often as the teller asks; applies go on meanwhile and are not seen.
    ///
    /// # Errors
    /// The database failed, or the teller did.
    pub fn history<T>(
        &self,
        tell: impl FnOnce(&History<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        db::read(self.db(), |view| tell(&History { view, meta: Meta::load(view)? }))
    }
}

impl History<'_> {
    /// How far the log had been applied.
    #[must_use]
    pub fn applied(&self) -> &Applied {
        &self.meta.applied
    }

    /// The revision of the last change.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.meta.revision
    }

    /// The compaction; [`Revision::NONE`] before the first.
    #[must_use]
    pub fn compacted(&self) -> Revision {
        self.meta.compacted
    }

    /// The alarms that were raised, sorted.
    pub fn alarms(&self) -> impl Iterator<Item = &Alarm> {
        self.meta.alarms.iter()
    }

    /// All leases, by id.
    ///
    /// # Errors
    /// The database failed.
    pub fn leases(&self) -> Result<Vec<StoredLease>, Error> {
        let mut leases = Vec::new();
        let (start, end) = prefix_bounds(b"l".to_vec());
        self.view.scan(Family::Lease, &start, end.as_deref(), &mut |key, value| {
            leases.push(decode_lease(parse_lease_key(key)?, value, key)?);
            Ok(Step::Next)
        })?;
        Ok(leases)
    }

    /// Every change that etcd would hold, in order: its revision key and its key-value message. Of
    /// those up to the compaction these are the last ones of keys that were alive then.
    ///
    /// # Errors
    /// The database failed.
    pub fn changes(&self, visit: &mut VisitChange<'_>) -> Result<(), Error> {
        let changed = self.changed_at_compaction()?;
        self.view.scan(Family::Rev, &[], None, &mut |bytes, value| {
            let (change, tombstone) = parse_rev_key(bytes)?;
            if !self.counts(change, tombstone, bytes, value, changed.as_ref())? {
                return Ok(Step::Next);
            }
            Ok(match visit(bytes, value) {
                ControlFlow::Continue(()) => Step::Next,
                ControlFlow::Break(()) => Step::Stop,
            })
        })
    }

    fn counts(
        &self,
        change: Change,
        tombstone: bool,
        bytes: &[u8],
        value: &[u8],
        changed: Option<&BTreeSet<Bytes>>,
    ) -> Result<bool, Error> {
        let compacted = self.meta.compacted;
        if change.main > compacted {
            return Ok(true);
        }
        if tombstone {
            return Ok(false);
        }
        let key = || Ok::<_, Error>(decode_kv(Bytes::copy_from_slice(value), bytes)?.key);
        match changed {
            Some(changed) if change.main < compacted => {
                Ok(changed.is_empty() || !changed.contains(&key()?))
            }
            _ => is_last(self.view, &key()?, change, compacted),
        }
    }

    /// The keys that the compacted revision changed, if all older changes of a key but its last are
    /// gone already: then these keys alone have an older change that does not count.
    fn changed_at_compaction(&self) -> Result<Option<BTreeSet<Bytes>>, Error> {
        let compacted = self.meta.compacted;
        if !self.meta.is_swept() {
            return Ok(None);
        }
        let mut keys = BTreeSet::new();
        let (start, end) = (rev_start(compacted), rev_start(compacted.next()));
        self.view.scan(Family::Rev, &start, Some(&end), &mut |bytes, value| {
            keys.insert(decode_kv(Bytes::copy_from_slice(value), bytes)?.key);
            Ok(if keys.len() > MOST_REMEMBERED { Step::Stop } else { Step::Next })
        })?;
        Ok((keys.len() <= MOST_REMEMBERED).then_some(keys))
    }
}
