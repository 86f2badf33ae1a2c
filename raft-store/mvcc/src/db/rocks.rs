//! RocksDB as the database: the one file that names it.
//!
//! Place: production. The write-ahead log is off, because the Raft log already is one; all families
//! are flushed together, so that what survives a crash is the state after some batch.
//!
//! Invariants: a directory is opened by one process at a time (RocksDB's lock file); closing does
//! not flush, so that a crash and an end are the same thing.

use super::place::{Place, adopt};
use crate::Error;
use crate::db::{Batch, Family, StateDb, Step, View, Visit};
use bytes::Bytes;
use rocksdb::checkpoint::Checkpoint;
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType,
    FlushOptions, LogLevel, Options, ReadOptions, SnapshotWithThreadMode, WriteBatch,
};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// How much memory and how many threads the engine may use.
#[derive(Clone, Debug)]
pub struct RocksOptions {
    /// Bytes of the cache of data, index and filter blocks. 8 MiB.
    pub block_cache_bytes: usize,
    /// Bytes of recent writes over all families, which are written to files when it is full. 16 MiB.
    pub write_buffer_bytes: usize,
    /// Most open files. 256.
    pub open_files: i32,
    /// Background flushes and compactions at a time. 2.
    pub background_jobs: i32,
}

impl Default for RocksOptions {
    fn default() -> Self {
        Self {
            block_cache_bytes: 8 * 1024 * 1024,
            write_buffer_bytes: 16 * 1024 * 1024,
            open_files: 256,
            background_jobs: 2,
        }
    }
}

/// A RocksDB in a directory of its own.
#[derive(Debug)]
pub struct RocksDb {
    place: Place,
    options: RocksOptions,
    cache: SharedCache,
    active: RwLock<Arc<Opened>>,
    /// One replacement at a time.
    replacing: Mutex<()>,
}

/// An open database; readers hold it, so it is closed when the last of them is done.
struct Opened {
    // Dropped before `remains`.
    db: DB,
    remains: Remains,
}

/// Removes the directory of a replaced database once it is closed.
struct Remains {
    path: PathBuf,
    replaced: AtomicBool,
}

struct SharedCache(Cache);

impl RocksDb {
    /// Opens or creates the database in a directory.
    ///
    /// # Errors
    /// The directory holds something else or another format ([`Error::Format`], nothing is
    /// touched), is in use, or cannot be opened.
    pub fn open(root: &Path, options: RocksOptions) -> Result<Self, Error> {
        let place = Place::open(root)?;
        let cache = SharedCache(Cache::new_lru_cache(options.block_cache_bytes));
        let opened = Opened::open(&place.active()?, &options, &cache)?;
        // Only now that the engine's lock is held, nobody else can be using what is removed.
        place.sweep()?;
        let active = RwLock::new(Arc::new(opened));
        Ok(Self { place, options, cache, active, replacing: Mutex::new(()) })
    }

    fn opened(&self) -> Arc<Opened> {
        Arc::clone(&self.active.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn adopt(
        &self,
        path: &Path,
        accept: &mut dyn FnMut(&dyn View) -> Result<(), Error>,
    ) -> Result<Opened, Error> {
        let opened = Opened::open(path, &self.options, &self.cache)?;
        accept(&opened.view())?;
        Ok(opened)
    }
}

impl StateDb for RocksDb {
    fn write(&self, batch: &Batch) -> Result<(), Error> {
        let opened = self.opened();
        let mut writes = WriteBatch::default();
        for (family, key, value) in batch.iter() {
            let family = opened.family(family);
            match value {
                Some(value) => writes.put_cf(family, key, value),
                None => writes.delete_cf(family, key),
            }
        }
        opened.db.write_without_wal(writes).map_err(failed("write"))
    }

    fn read(&self, reader: &mut dyn FnMut(&dyn View) -> Result<(), Error>) -> Result<(), Error> {
        let opened = self.opened();
        reader(&opened.view())
    }

    fn flush(&self) -> Result<(), Error> {
        self.opened().flush()
    }

    fn checkpoint(&self, dir: &Path) -> Result<(), Error> {
        let opened = self.opened();
        opened.flush()?;
        Checkpoint::new(&opened.db)
            .and_then(|checkpoint| checkpoint.create_checkpoint(dir))
            .map_err(failed("make a checkpoint"))
    }

    fn replace(
        &self,
        dir: &Path,
        accept: &mut dyn FnMut(&dyn View) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let _one = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        if !dir.join("CURRENT").exists() {
            return Err(Error::Format {
                path: dir.to_owned(),
                found: "holds no database".into(),
                expected: "a checkpoint".into(),
            });
        }
        let path = self.place.next()?;
        adopt(dir, &path)?;
        // On failure the directory stays as it is until the next replacement or open removes it.
        let opened = Arc::new(self.adopt(&path, accept)?);
        self.place.advance()?;
        let mut active = self.active.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *active, opened);
        drop(active);
        old.remains.replaced.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn size(&self) -> Result<u64, Error> {
        let opened = self.opened();
        let files = opened.db.live_files().map_err(failed("list its files"))?;
        let files: u64 =
            files.iter().map(|file| u64::try_from(file.size).unwrap_or(u64::MAX)).sum();
        Ok(files + opened.buffered()?)
    }

    fn defragment(&self) -> Result<(), Error> {
        let opened = self.opened();
        for family in Family::ALL {
            opened.db.compact_range_cf(opened.family(family), None::<&[u8]>, None::<&[u8]>);
        }
        Ok(())
    }
}

impl Opened {
    fn open(path: &Path, options: &RocksOptions, cache: &SharedCache) -> Result<Self, Error> {
        let database = database_options(options)?;
        let families = Family::ALL
            .iter()
            .map(|family| {
                ColumnFamilyDescriptor::new(family.name(), family_options(*family, &cache.0))
            })
            .chain([ColumnFamilyDescriptor::new("default", Options::default())]);
        let db = DB::open_cf_descriptors(&database, path, families).map_err(failed("open"))?;
        let remains = Remains { path: path.to_owned(), replaced: AtomicBool::new(false) };
        Ok(Self { db, remains })
    }

    fn family(&self, family: Family) -> &ColumnFamily {
        self.db.cf_handle(family.name()).expect("every family is created when opening")
    }

    /// Bytes of keys and values in write buffers, arenas not counted that nothing is in yet.
    fn buffered(&self) -> Result<u64, Error> {
        let mut bytes = 0;
        for family in Family::ALL {
            let entries = |name: &str| {
                let found = self.db.property_int_value_cf(self.family(family), name);
                found.map_err(failed("tell its size")).map(Option::unwrap_or_default)
            };
            if entries("rocksdb.num-entries-active-mem-table")? > 0 {
                bytes += entries("rocksdb.cur-size-all-mem-tables")?;
            }
        }
        Ok(bytes)
    }

    fn view(&self) -> RocksView<'_> {
        RocksView { opened: self, snapshot: self.db.snapshot() }
    }

    fn flush(&self) -> Result<(), Error> {
        let families = Family::ALL.map(|family| self.family(family));
        let mut options = FlushOptions::new();
        options.set_wait(true);
        self.db.flush_cfs_opt(&families, &options).map_err(failed("flush"))
    }
}

impl Drop for Remains {
    fn drop(&mut self) {
        if *self.replaced.get_mut()
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            // Not lost: the next open sweeps it.
            tracing::warn!(path = %self.path.display(), %error, "replaced state not removed");
        }
    }
}

/// A snapshot of an open database.
struct RocksView<'a> {
    opened: &'a Opened,
    snapshot: SnapshotWithThreadMode<'a, DB>,
}

impl View for RocksView<'_> {
    fn value(&self, family: Family, key: &[u8]) -> Result<Option<Bytes>, Error> {
        self.snapshot
            .get_cf(self.opened.family(family), key)
            .map(|value| value.map(Bytes::from))
            .map_err(failed("read"))
    }

    fn scan(
        &self,
        family: Family,
        start: &[u8],
        end: Option<&[u8]>,
        visit: &mut Visit<'_>,
    ) -> Result<(), Error> {
        let mut options = ReadOptions::default();
        if let Some(end) = end {
            if end <= start {
                return Ok(());
            }
            options.set_iterate_upper_bound(end);
        }
        let mut at = self.snapshot.raw_iterator_cf_opt(self.opened.family(family), options);
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

fn database_options(options: &RocksOptions) -> Result<Options, Error> {
    // The binding has no setter for this one.
    let mut database = Options::default()
        .get_options_from_string("avoid_flush_during_shutdown=true")
        .map_err(failed("take its options"))?;
    database.create_if_missing(true);
    database.create_missing_column_families(true);
    database.set_atomic_flush(true);
    database.set_db_write_buffer_size(options.write_buffer_bytes);
    database.set_max_open_files(options.open_files);
    database.set_max_background_jobs(options.background_jobs);
    database.set_keep_log_file_num(2);
    database.set_log_level(LogLevel::Warn);
    database.set_stats_dump_period_sec(0);
    Ok(database)
}

fn family_options(family: Family, cache: &Cache) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(cache);
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
    // Only these are asked for keys that do not exist.
    if matches!(family, Family::Cur | Family::Lease) {
        blocks.set_bloom_filter(10.0, false);
    }
    let mut options = Options::default();
    options.set_block_based_table_factory(&blocks);
    options.set_compression_type(DBCompressionType::Lz4);
    options
}

fn failed(operation: &'static str) -> impl FnOnce(rocksdb::Error) -> Error {
    move |error| Error::Database { operation, reason: error.into_string() }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("path", &self.remains.path).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SharedCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedCache").finish_non_exhaustive()
    }
}
