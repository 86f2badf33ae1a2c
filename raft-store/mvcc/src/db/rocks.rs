//! RocksDB as the database: the one file that names it.
//!
//! Place: production. The write-ahead log is off, because the Raft log already is one; all families
//! are flushed together, so that what survives a crash is the state after some batch.
//!
//! Invariants: a directory is opened by one process at a time (RocksDB's lock file); closing does
//! not flush, so that a crash and an end are the same thing.

use super::place::{Place, adopt};
use super::rocks_view::RocksView;
use super::stall::Stall;
use crate::Error;
use crate::db::{Batch, Family, SharedView, StateDb, View};
use rocksdb::checkpoint::Checkpoint;
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType,
    ErrorKind, FlushOptions, LogLevel, Options, WriteBatch, WriteOptions,
};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// How much memory and how many threads the engine may use.
#[derive(Clone, Debug)]
pub struct RocksOptions {
    /// Bytes of the cache of data blocks. 32 MiB, taken as they are needed.
    pub block_cache_bytes: usize,
    /// Bytes of recent writes over all families, which are written to files when it is full. What is
    /// in it at a crash is applied again from the log at the next start. 32 MiB, taken as needed.
    pub write_buffer_bytes: usize,
    /// Most open files. Each keeps its index and filter in memory, which is a hundredth of its
    /// size. 256.
    pub open_files: i32,
    /// Background flushes and compactions at a time. 2.
    pub background_jobs: i32,
}

impl Default for RocksOptions {
    fn default() -> Self {
        Self {
            block_cache_bytes: 32 * 1024 * 1024,
            write_buffer_bytes: 32 * 1024 * 1024,
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
pub(super) struct Opened {
    // Dropped before `remains`.
    pub(super) db: DB,
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
    ) -> Result<Arc<Opened>, Error> {
        let opened = Arc::new(Opened::open(path, &self.options, &self.cache)?);
        accept(&RocksView::of(&opened))?;
        Ok(opened)
    }
}

impl StateDb for RocksDb {
    fn write(&self, batch: &Batch) -> Result<(), Error> {
        let opened = self.opened();
        let mut stall = Stall::default();
        loop {
            match opened.try_write(batch) {
                Err(error) if error.kind() == ErrorKind::Incomplete => stall.wait(&opened.db)?,
                written => return written.map_err(failed("write")),
            }
        }
    }

    fn view(&self) -> SharedView {
        Arc::new(RocksView::of(&self.opened()))
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
        let opened = self.adopt(&path, accept)?;
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

    /// Writes, unless RocksDB would have it wait.
    fn try_write(&self, batch: &Batch) -> Result<(), rocksdb::Error> {
        let families = self.families();
        // A write has a tag, a family and two lengths besides its bytes.
        let capacity = usize::try_from(batch.bytes()).unwrap_or(0) + 16 * batch.len();
        let mut writes = WriteBatch::with_capacity_bytes(capacity);
        for (family, key, value) in batch.iter() {
            let family = families[family.place()];
            match value {
                Some(value) => writes.put_cf(family, key, value),
                None => writes.delete_cf(family, key),
            }
        }
        let mut options = WriteOptions::default();
        options.disable_wal(true);
        options.set_no_slowdown(true);
        self.db.write_opt(writes, &options)
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

    /// In the order of their places.
    pub(super) fn families(&self) -> [&ColumnFamily; Family::ALL.len()] {
        Family::ALL.map(|family| self.family(family))
    }

    fn flush(&self) -> Result<(), Error> {
        let families = self.families();
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
    let mut options = Options::default();
    options.set_level_zero_file_num_compaction_trigger(L0_FILES);
    // Only these are asked for keys that do not exist.
    if matches!(family, Family::Cur | Family::Lease) {
        blocks.set_bloom_filter(10.0, false);
        options.set_memtable_whole_key_filtering(true);
        options.set_memtable_prefix_bloom_ratio(0.05);
    }
    options.set_block_based_table_factory(&blocks);
    let mut compression = [DBCompressionType::Lz4; LEVELS];
    // What is in order of time moves down as it is; everything else is soon rewritten, and until
    // then read often.
    if family != Family::Rev {
        compression[0] = DBCompressionType::None;
    }
    options.set_compression_per_level(&compression);
    options
}

/// Files of the newest level after which they are merged into the next one.
const L0_FILES: i32 = 8;
/// RocksDB's own number.
const LEVELS: usize = 7;

pub(super) fn failed(operation: &'static str) -> impl FnOnce(rocksdb::Error) -> Error {
    move |error| {
        let mut reason = error.into_string();
        if reason.contains("No space left on device") {
            reason.push_str(" (the disk is full: free some space)");
        }
        Error::Database { operation, reason }
    }
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
