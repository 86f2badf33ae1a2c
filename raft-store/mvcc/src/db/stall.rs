//! Waiting while RocksDB takes no writes, and noticing when it will not take any again.
//!
//! RocksDB stops writes until its files have been flushed and merged far enough. When that work has
//! failed for want of space it would hold a writer until somebody frees some: longer than anyone waits
//! for an outcome, on a thread that others need. A member that cannot go on says so instead.

use super::rocks::failed;
use crate::Error;
use rocksdb::properties::{
    BACKGROUND_ERRORS, IS_WRITE_STOPPED, NUM_RUNNING_COMPACTIONS, NUM_RUNNING_FLUSHES,
};
use rocksdb::{CStrLike, DB};
use std::time::Duration;

/// Between two looks at whether a write is taken.
const PAUSE: Duration = Duration::from_millis(2);
/// Looks in a row at which writes are stopped and nothing is under way, after which it has given up.
const GIVEN_UP: u32 = 100;

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
        std::thread::sleep(PAUSE);
        let works = number(db, NUM_RUNNING_FLUSHES)? + number(db, NUM_RUNNING_COMPACTIONS)? > 0;
        let errors = number(db, BACKGROUND_ERRORS)?;
        let stuck = !works && errors > 0 && number(db, IS_WRITE_STOPPED)? > 0;
        self.idle = if stuck { self.idle + 1 } else { 0 };
        if self.idle < GIVEN_UP {
            return Ok(());
        }
        Err(Error::Database {
            operation: "write",
            reason: format!(
                "flushing or merging its files failed {errors} times and is not tried again; if the \
                 disk is full, free some space; then start the member again (its file LOG says more)"
            ),
        })
    }
}

fn number(db: &DB, name: impl CStrLike) -> Result<u64, Error> {
    let found = db.property_int_value(name).map_err(failed("tell how it is doing"))?;
    Ok(found.unwrap_or_default())
}
