//! Taking in a whole state that was kept elsewhere.

use crate::db::{self, Batch, Family};
use crate::layout::{
    Change, Pointer, attachment_key, decode_kv, encode_current, encode_lease, encode_pointer,
    idx_key, lease_key, parse_rev_key,
};
use crate::meta::Meta;
use crate::overlay::Overlay;
use crate::{Error, Mvcc, StoredLease, read};
use bytes::Bytes;
use quorate_store::KeyValue;
use quorate_types::{LeaseId, Revision};
use std::collections::BTreeSet;

/// Bytes of changes that are written together.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// Why a state cannot be taken in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// There is a state already.
    #[error("the state to load into is not empty")]
    NotEmpty,
    /// A change does not make sense.
    #[error("change {key:02x?} cannot be taken in: {reason}")]
    Change {
        /// Its revision key.
        key: Vec<u8>,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A lease does not make sense.
    #[error("lease {id} cannot be taken in: {reason}")]
    Lease {
        /// Its id.
        id: LeaseId,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Users or roles do not make sense.
    #[error("users and roles cannot be taken in: {reason}")]
    Auth {
        /// Why.
        reason: String,
    },
    /// The database failed.
    #[error(transparent)]
    State(#[from] Error),
}

/// What was taken in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Changes.
    pub changes: u64,
    /// Leases.
    pub leases: u64,
    /// The store's revision afterwards.
    pub revision: Revision,
}

/// A state being taken in: first the leases, then the changes in order, then the end. Holds a few
/// megabytes of changes and the ids of the leases.
#[derive(Debug)]
pub struct Loader<'a> {
    pub(super) state: &'a Mvcc,
    leases: BTreeSet<LeaseId>,
    last: Option<Change>,
    pending: Vec<(Vec<u8>, Bytes)>,
    bytes: usize,
    loaded: Loaded,
}

impl Mvcc {
    /// Begins to take in a state. Nothing may be applied meanwhile; a state that was not taken in to
    /// its end is to be thrown away.
    ///
    /// # Errors
    /// [`LoadError::NotEmpty`].
    pub fn load(&self) -> Result<Loader<'_>, LoadError> {
        if self.revision() > Revision(1) || self.applied().index.is_some() {
            return Err(LoadError::NotEmpty);
        }
        Ok(Loader {
            state: self,
            leases: BTreeSet::new(),
            last: None,
            pending: Vec::new(),
            bytes: 0,
            loaded: Loaded { revision: Revision(1), ..Loaded::default() },
        })
    }
}

impl Loader<'_> {
    /// Takes in a lease.
    ///
    /// # Errors
    /// It came before, its id is zero, or it lives no second.
    pub fn lease(&mut self, lease: StoredLease) -> Result<(), LoadError> {
        let refused = |reason| Err(LoadError::Lease { id: lease.id, reason });
        if lease.id == LeaseId::NONE {
            return refused("its id is zero");
        }
        if lease.ttl_seconds <= 0 || lease.remaining_seconds < 0 {
            return refused("its time to live is not positive");
        }
        if !self.leases.insert(lease.id) {
            return refused("there are two of them");
        }
        let mut batch = Batch::default();
        batch.put(Family::Lease, lease_key(lease.id), encode_lease(lease));
        self.state.db().write(&batch)?;
        self.loaded.leases += 1;
        Ok(())
    }

    /// Takes in a change: etcd's revision key and key-value message.
    ///
    /// # Errors
    /// It does not follow the one before it, or does not make sense.
    pub fn change(&mut self, key: &[u8], value: &[u8]) -> Result<(), LoadError> {
        let refused = |reason| Err(LoadError::Change { key: key.to_vec(), reason });
        let Ok((change, _)) = parse_rev_key(key) else { return refused("it is no revision key") };
        if change.main <= Revision::NONE || change.main.0 == i64::MAX {
            return refused("its revision is out of range");
        }
        if self.last.is_some_and(|last| last >= change) {
            return refused("it does not follow the change before it");
        }
        self.last = Some(change);
        self.bytes += key.len() + value.len();
        self.pending.push((key.to_vec(), Bytes::copy_from_slice(value)));
        if self.bytes >= CHUNK_BYTES { self.write() } else { Ok(()) }
    }

    /// Ends it. Compactions tell up to where: the one that was finished, and the one that was begun,
    /// whose sweep goes on here; [`Revision::NONE`] for none.
    ///
    /// # Errors
    /// The database failed.
    pub fn finish(mut self, finished: Revision, begun: Revision) -> Result<Loaded, LoadError> {
        self.write()?;
        let compacted = finished.max(begun).max(Revision::NONE);
        let last = self.last.map_or(Revision(1), |last| last.main);
        self.loaded.revision = last.max(compacted);
        let sweep =
            if begun > finished { Change::default() } else { Change { main: compacted, sub: 0 } };
        let meta = Meta { revision: self.loaded.revision, compacted, sweep, ..Meta::default() };
        self.state.begin_at(meta)?;
        Ok(self.loaded)
    }

    fn write(&mut self) -> Result<(), LoadError> {
        let pending = std::mem::take(&mut self.pending);
        self.bytes = 0;
        let leases = &self.leases;
        let mut refused = None;
        let batch = db::read(self.state.db(), |view| {
            let mut chunk = Chunk { state: Overlay::new(view), leases };
            for (key, value) in &pending {
                if let Some(reason) = chunk.take(key, value)? {
                    refused = Some(LoadError::Change { key: key.clone(), reason });
                    break;
                }
            }
            Ok(chunk.state.into_batch())
        })?;
        if let Some(refused) = refused {
            return Err(refused);
        }
        self.state.db().write(&batch)?;
        self.loaded.changes += pending.len() as u64;
        Ok(())
    }
}

/// Changes on their way into every family.
struct Chunk<'a> {
    state: Overlay<'a>,
    leases: &'a BTreeSet<LeaseId>,
}

impl Chunk<'_> {
    /// Adds a change, or says what is wrong with it.
    fn take(&mut self, bytes: &[u8], value: &Bytes) -> Result<Option<&'static str>, Error> {
        let (change, tombstone) = parse_rev_key(bytes)?;
        let Ok(kv) = decode_kv(value.clone(), bytes) else {
            return Ok(Some("its value is no key-value message"));
        };
        if !tombstone && !kv.key.is_empty() && kv.mod_revision != change.main {
            return Ok(Some("its value tells of another revision"));
        }
        let before = read::current(&self.state, &kv.key)?;
        let pointed = before.as_ref();
        let pointed = pointed.map(|old| Change { main: old.kv.mod_revision, sub: old.sub });
        let pointer = encode_pointer(Pointer { change, tombstone, before: pointed });
        self.state.put(Family::Rev, bytes.to_vec(), value.clone());
        self.state.put(Family::Idx, idx_key(&kv.key, change), pointer);
        let held = before.map_or(LeaseId::NONE, |old| old.kv.lease);
        self.now(kv, change, tombstone, held);
        Ok(None)
    }

    /// Makes the change the current one of its key.
    fn now(&mut self, kv: KeyValue, change: Change, tombstone: bool, held: LeaseId) {
        let lease = if tombstone { LeaseId::NONE } else { kv.lease };
        if held != lease && held != LeaseId::NONE {
            self.state.delete(Family::Lease, attachment_key(held, &kv.key));
        }
        if self.leases.contains(&lease) {
            self.state.put(Family::Lease, attachment_key(lease, &kv.key), Bytes::new());
        }
        if tombstone {
            self.state.delete(Family::Cur, kv.key);
        } else if !kv.key.is_empty() {
            // etcd's `--bump-revision` leaves a change without a key, which nobody can read.
            self.state.put(Family::Cur, kv.key.clone(), encode_current(change.sub, kv));
        }
    }
}
