//! A snapshot of RocksDB that may be kept.
//!
//! Invariants: it holds the database open; what it shows does not change. Making and dropping one takes
//! RocksDB's lock for a moment, reading takes none: one is shared by all readers of a moment.

use super::rocks::{Opened, failed};
use crate::Error;
use crate::db::{Family, Step, View, Visit};
use bytes::Bytes;
use rocksdb::{ColumnFamily, DB, ReadOptions, SnapshotWithThreadMode};
use self_cell::self_cell;
use std::sync::Arc;

/// A snapshot and the database that it is of.
pub(super) struct RocksView(Held);

self_cell! {
    struct Held {
        owner: Arc<Opened>,
        #[covariant]
        dependent: Moment,
    }
}

struct Moment<'a> {
    snapshot: SnapshotWithThreadMode<'a, DB>,
    /// Options of reads of one key in the snapshot: making them costs as much as some reads.
    options: ReadOptions,
    families: [&'a ColumnFamily; Family::ALL.len()],
}

impl RocksView {
    /// Everything written so far.
    pub(super) fn of(opened: &Arc<Opened>) -> Self {
        Self(Held::new(Arc::clone(opened), |opened| {
            let snapshot = opened.db.snapshot();
            let mut options = ReadOptions::default();
            options.set_snapshot(&snapshot);
            Moment { snapshot, options, families: opened.families() }
        }))
    }
}

impl View for RocksView {
    fn value(&self, family: Family, key: &[u8]) -> Result<Option<Bytes>, Error> {
        let Moment { options, families, .. } = self.0.borrow_dependent();
        let db = &self.0.borrow_owner().db;
        let found = db.get_pinned_cf_opt(families[family.place()], key, options);
        let found = found.map_err(failed("read"))?;
        Ok(found.map(|value| Bytes::copy_from_slice(&value)))
    }

    fn scan(
        &self,
        family: Family,
        start: &[u8],
        end: Option<&[u8]>,
        visit: &mut Visit<'_>,
    ) -> Result<(), Error> {
        let Moment { snapshot, families, .. } = self.0.borrow_dependent();
        let mut options = ReadOptions::default();
        if let Some(end) = end {
            if end <= start {
                return Ok(());
            }
            options.set_iterate_upper_bound(end);
        }
        let mut at = snapshot.raw_iterator_cf_opt(families[family.place()], options);
        at.seek(start);
        while let Some((key, value)) = at.item() {
            match visit(key, value)? {
                Step::Next => at.next(),
                Step::Stop => return Ok(()),
                Step::Seek(to) => at.seek(to),
            }
        }
        at.status().map_err(failed("scan"))
    }
}
