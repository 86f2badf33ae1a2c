//! The database below the state: ordered byte keys in a few column families.
//!
//! Place: the only border to a storage engine. [`RocksDb`] is the engine in production,
//! [`MemoryDb`] serves tests and simulation. Both must behave the same.
//!
//! Invariants: a batch is visible and, after a flush, durable as a whole; a view does not change
//! while it is held; without a flush nothing is promised to survive, but what survives is always
//! the state after some batch, never a part of one.

mod memory;
#[cfg(feature = "rocks")]
mod place;
#[cfg(feature = "rocks")]
mod rocks;
#[cfg(feature = "rocks")]
mod rocks_view;
#[cfg(feature = "rocks")]
mod stall;

pub use memory::MemoryDb;
#[cfg(feature = "rocks")]
pub use rocks::{RocksDb, RocksOptions};

use crate::Error;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

/// A column family: one ordered key space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Revision key to key-value bytes, both as in etcd: the history in order of time.
    Rev,
    /// User key to its latest live value.
    Cur,
    /// User key and inverted revision to a pointer into the history: reads at old revisions.
    Idx,
    /// Leases and the keys attached to them.
    Lease,
    /// Identified requests that were applied, and their answers.
    Asked,
    /// Users, roles, and whether requests are checked.
    Auth,
    /// Applied index, membership, revisions, alarms, format, cluster.
    Meta,
}

impl Family {
    /// Every family.
    pub const ALL: [Self; 7] =
        [Self::Rev, Self::Cur, Self::Idx, Self::Lease, Self::Asked, Self::Auth, Self::Meta];

    /// Its place in [`Family::ALL`].
    pub(crate) fn place(self) -> usize {
        self as usize
    }

    /// Its name in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rev => "rev",
            Self::Cur => "cur",
            Self::Idx => "idx",
            Self::Lease => "lease",
            Self::Asked => "asked",
            Self::Auth => "users",
            Self::Meta => "meta",
        }
    }
}

/// Writes that take effect together; of several on one key the last counts. `None` removes a key.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// By [`Family::place`].
    writes: [BTreeMap<Bytes, Option<Bytes>>; Family::ALL.len()],
}

impl Batch {
    /// Sets a key.
    pub fn put(&mut self, family: Family, key: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.writes[family.place()].insert(key.into(), Some(value.into()));
    }

    /// Removes a key.
    pub fn delete(&mut self, family: Family, key: impl Into<Bytes>) {
        self.writes[family.place()].insert(key.into(), None);
    }

    /// The write on a key, if there is one.
    #[must_use]
    pub fn written(&self, family: Family, key: &[u8]) -> Option<&Option<Bytes>> {
        self.writes[family.place()].get(key)
    }

    /// The writes on keys from `start` on, in order.
    pub(crate) fn from<'a>(
        &'a self,
        family: Family,
        start: &[u8],
    ) -> impl Iterator<Item = (&'a [u8], Option<&'a Bytes>)> + use<'a> {
        self.writes[family.place()]
            .range::<[u8], _>((Bound::Included(start), Bound::Unbounded))
            .map(|(key, value)| (key.as_ref(), value.as_ref()))
    }

    /// All writes, by family and key.
    pub fn iter(&self) -> impl Iterator<Item = (Family, &[u8], Option<&Bytes>)> {
        Family::ALL.into_iter().flat_map(|family| {
            let writes = self.writes[family.place()].iter();
            writes.map(move |(key, value)| (family, key.as_ref(), value.as_ref()))
        })
    }

    /// Bytes of all keys and values.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let value = |value: Option<&Bytes>| value.map_or(0, Bytes::len);
        let bytes: usize = self.iter().map(|(_, key, put)| key.len() + value(put)).sum();
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// How many keys it writes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.writes.iter().map(BTreeMap::len).sum()
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.iter().all(BTreeMap::is_empty)
    }
}

/// How a scan goes on after an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// With the next key.
    Next,
    /// With the first key at or after this one, which must lie after the current one.
    Seek(Vec<u8>),
    /// Not at all.
    Stop,
}

/// Receives the items of a scan.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<Step, Error> + 'a;

/// An unchanging view of the database.
pub trait View {
    /// The value of a key.
    ///
    /// # Errors
    /// The database failed.
    fn value(&self, family: Family, key: &[u8]) -> Result<Option<Bytes>, Error>;

    /// Visits keys in order, from `start` included to `end` excluded (`None`: to the last).
    ///
    /// # Errors
    /// The database failed, or the visitor did.
    fn scan(
        &self,
        family: Family,
        start: &[u8],
        end: Option<&[u8]>,
        visit: &mut Visit<'_>,
    ) -> Result<(), Error>;
}

/// A view that lives as long as somebody holds it.
pub type SharedView = Arc<dyn View + Send + Sync>;

/// An ordered database that can be copied and replaced as a whole.
pub trait StateDb: Send + Sync + std::fmt::Debug + 'static {
    /// Writes a batch; nothing is synced.
    ///
    /// # Errors
    /// The database failed; nothing of the batch is visible.
    fn write(&self, batch: &Batch) -> Result<(), Error>;

    /// A view of everything written so far. It keeps the database open, and blocks no write.
    fn view(&self) -> SharedView;

    /// Makes everything written so far durable.
    ///
    /// # Errors
    /// The database failed; what is durable is unknown.
    fn flush(&self) -> Result<(), Error>;

    /// Makes a durable copy of everything written so far in a directory that does not exist yet.
    ///
    /// # Errors
    /// The directory exists or cannot be written.
    fn checkpoint(&self, dir: &Path) -> Result<(), Error>;

    /// Replaces everything by the contents of a checkpoint directory, which is consumed, if
    /// `accept` agrees to them. Durable on return. A crash at any point leaves the old state or
    /// the new one. Views that are held stay on the old one.
    ///
    /// # Errors
    /// The directory is no checkpoint, was not accepted, or is on another file system; the old
    /// state stays.
    fn replace(
        &self,
        dir: &Path,
        accept: &mut dyn FnMut(&dyn View) -> Result<(), Error>,
    ) -> Result<(), Error>;

    /// Bytes on disk and in buffers, roughly.
    ///
    /// # Errors
    /// The database failed.
    fn size(&self) -> Result<u64, Error>;

    /// Frees the space of removed keys; reads and writes go on meanwhile.
    ///
    /// # Errors
    /// The database failed; nothing is lost.
    fn defragment(&self) -> Result<(), Error>;
}

/// Reads one value out of a view.
pub(crate) fn read<T>(
    db: &dyn StateDb,
    reader: impl FnOnce(&dyn View) -> Result<T, Error>,
) -> Result<T, Error> {
    reader(&*db.view())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_listed_in_the_order_of_their_places() {
        let places: Vec<usize> = Family::ALL.into_iter().map(Family::place).collect();
        assert_eq!(places, (0..Family::ALL.len()).collect::<Vec<_>>());
    }
}
