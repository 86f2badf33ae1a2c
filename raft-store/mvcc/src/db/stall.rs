//! Waiting for RocksDB, and noticing when it will never be done.
//!
//! RocksDB stops writes until its files have been flushed and merged far enough. When that work has
//! failed for want of space it would hold writers and flushes until somebody frees some: longer than
//! anyone waits for an outcome, on threads that others need. A member that cannot go on says so instead.

use super::rocks::failed;
use crate::Error;
use rocksdb::properties::{
    BACKGROUND_ERRORS, IS_WRITE_STOPPED, NUM_RUNNING_COMPACTIONS, NUM_RUNNING_FLUSHES,
};
use rocksdb::{CStrLike, DB};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Between two looks at how RocksDB is doing.
const PAUSE: Duration = Duration::from_millis(2);
/// Looks in a row at which something waits, something has failed and nothing is under way, after which
/// RocksDB has given up: a second.
const GIVEN_UP: u32 = 500;

/// One write that waits.
#[derive(Debug, Default)]
pub(super) struct Stall {
    idle: u32,
}

impl Stall {
    /// Waits a little.
    ///
    /// # Errors
    /// RocksDB has given up.
    pub(super) fn wait(&mut self, db: &DB) -> Result<(), Error> {
        #[allow(
            clippy::disallowed_methods,
            reason = "a real database, never in a simulated world"
        )]
        thread::sleep(PAUSE);
        let stuck = is_stuck(db)? && number(db, IS_WRITE_STOPPED)? > 0;
        self.idle = if stuck { self.idle + 1 } else { 0 };
        if self.idle < GIVEN_UP { Ok(()) } else { Err(gave_up("write")) }
    }
}

/// Runs a flush that waits for its end, and ends it if RocksDB has given up. The database is of no use
/// after that.
///
/// # Errors
/// Those of the flush, or RocksDB has given up.
pub(super) fn watched(db: &DB, flush: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(db, &done));
        let flushed = flush();
        done.store(true, Ordering::Release);
        watcher.thread().unpark();
        match watcher.join() {
            Ok(true) => Err(gave_up("flush")),
            _ => flushed,
        }
    })
}

/// Until something is done; whether RocksDB has given up before that.
fn watch(db: &DB, done: &AtomicBool) -> bool {
    let mut idle = 0;
    while !done.load(Ordering::Acquire) {
        thread::park_timeout(PAUSE);
        idle = if is_stuck(db).unwrap_or_default() { idle + 1 } else { 0 };
        if idle >= GIVEN_UP {
            // Whoever waits for a flush is told that it is off.
            db.cancel_all_background_work(false);
            return true;
        }
    }
    false
}

/// Whether background work has failed and none is under way.
fn is_stuck(db: &DB) -> Result<bool, Error> {
    let works = number(db, NUM_RUNNING_FLUSHES)? + number(db, NUM_RUNNING_COMPACTIONS)? > 0;
    Ok(!works && number(db, BACKGROUND_ERRORS)? > 0)
}

fn gave_up(operation: &'static str) -> Error {
    let reason = "flushing or merging its files has failed and is not tried again; if the disk is full, \
                  free some space; then start the member again (its file LOG says more)";
    Error::Database { operation, reason: reason.to_owned() }
}

fn number(db: &DB, name: impl CStrLike) -> Result<u64, Error> {
    let found = db.property_int_value(name).map_err(failed("tell how it is doing"))?;
    Ok(found.unwrap_or_default())
}
