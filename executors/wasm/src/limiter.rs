//! One limit over everything that a task's instances hold: all linear memories and all tables.
//!
//! Invariant: what is held never exceeds the limit. Growth beyond it ends the task, as the kernel's
//! memory killer would, rather than being refused: a guest that is told "no" fails somewhere else, and
//! its end would no longer say why.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use thiserror::Error;
use wasmtime::ResourceLimiter;

/// What an entry of a table takes.
const ENTRY: usize = size_of::<usize>();

/// Most instances, memories and tables of one task; a component has a handful.
const INSTANCES: usize = 64;
const MEMORIES: usize = 16;
const TABLES: usize = 64;

/// The task needs more than its limit.
#[derive(Clone, Copy, Debug, Error)]
#[error("the memory limit of {0} bytes is reached")]
pub(crate) struct OverLimit(pub(crate) u64);

/// What a task's instances hold now, in bytes.
#[derive(Debug, Default)]
pub(crate) struct Held(AtomicU64);

impl Held {
    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The limit of one task.
#[derive(Debug)]
pub(crate) struct Limiter {
    limit: Option<u64>,
    held: Arc<Held>,
    /// What was granted last, to be taken back if it could not be had.
    last: u64,
}

impl Limiter {
    pub(crate) fn new(limit: Option<u64>, held: Arc<Held>) -> Self {
        Self { limit, held, last: 0 }
    }

    fn grow(&mut self, by: usize) -> Result<(), OverLimit> {
        let by = u64::try_from(by).unwrap_or(u64::MAX);
        let total = self.held.bytes().saturating_add(by);
        if let Some(limit) = self.limit.filter(|limit| total > *limit) {
            return Err(OverLimit(limit));
        }
        self.held.0.store(total, Ordering::Relaxed);
        self.last = by;
        Ok(())
    }

    fn take_back(&mut self) {
        self.held.0.fetch_sub(std::mem::take(&mut self.last), Ordering::Relaxed);
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.last = 0;
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.grow(desired.saturating_sub(current))?;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.last = 0;
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.grow(desired.saturating_sub(current).saturating_mul(ENTRY))?;
        Ok(true)
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }

    fn instances(&self) -> usize {
        INSTANCES
    }

    fn tables(&self) -> usize {
        TABLES
    }

    fn memories(&self) -> usize {
        MEMORIES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_and_tables_share_one_limit() {
        let held: Arc<Held> = Arc::default();
        let mut limiter = Limiter::new(Some(100_000), Arc::clone(&held));
        assert!(limiter.memory_growing(0, 65_536, None).unwrap());
        assert!(limiter.table_growing(0, 1000, None).unwrap());
        assert_eq!(held.bytes(), 65_536 + 8000);
        let refused = limiter.memory_growing(65_536, 131_072, None).unwrap_err();
        assert_eq!(refused.downcast_ref::<OverLimit>().unwrap().0, 100_000);
        assert_eq!(held.bytes(), 65_536 + 8000, "what is refused is not held");
        assert!(limiter.table_growing(1000, 5000, None).is_err());
    }

    #[test]
    fn what_could_not_be_had_is_not_held() {
        let held: Arc<Held> = Arc::default();
        let mut limiter = Limiter::new(None, Arc::clone(&held));
        assert!(limiter.memory_growing(0, 65_536, None).unwrap());
        limiter.memory_grow_failed(wasmtime::Error::msg("no room")).unwrap();
        assert_eq!(held.bytes(), 0);
        assert!(!limiter.memory_growing(0, 65_536, Some(1)).unwrap(), "its own maximum holds");
        limiter.memory_grow_failed(wasmtime::Error::msg("its maximum")).unwrap();
        assert_eq!(held.bytes(), 0);
    }
}
