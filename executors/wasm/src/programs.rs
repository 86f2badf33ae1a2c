//! The programs of a node: each compiled once, kept on disk, shared by all tasks that run it.
//!
//! Invariants: of one module no two compilations run at a time, and of all modules only one does, so
//! that hostile ones cannot take all cores. Loading what is compiled waits for neither.

use crate::aot::Cache;
use crate::engine::Host;
use crate::failure::Failure;
use crate::image::Image;
use crate::program::{Kind, Program, compile, load};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The place of one module's program while a task uses it.
type Slot = Arc<Mutex<Weak<Program>>>;

/// See the module's page.
pub(crate) struct Programs {
    host: Arc<Host>,
    cache: Cache,
    slots: Mutex<HashMap<String, Slot>>,
    compiling: Mutex<()>,
}

impl Programs {
    pub(crate) fn new(host: Arc<Host>, cache: Cache) -> Self {
        Self { host, cache, slots: Mutex::default(), compiling: Mutex::default() }
    }

    /// The program of a module. Blocks, for as long as compilations take.
    pub(crate) fn of(&self, image: &Image) -> Result<Arc<Program>, Failure> {
        let kind = Kind::of(&image.bytes)?;
        let slot = self.slot(&image.digest);
        let mut slot = locked(&slot);
        if let Some(program) = slot.upgrade() {
            return Ok(program);
        }
        let program = Arc::new(self.make(kind, image)?);
        *slot = Arc::downgrade(&program);
        Ok(program)
    }

    fn slot(&self, digest: &str) -> Slot {
        let mut slots = locked(&self.slots);
        slots.retain(|_, slot| {
            let used = slot.try_lock().map_or(true, |program| program.strong_count() > 0);
            used || Arc::strong_count(slot) > 1
        });
        slots.entry(digest.to_owned()).or_default().clone()
    }

    #[allow(unsafe_code, reason = "see the page of `aot`")]
    fn make(&self, kind: Kind, image: &Image) -> Result<Program, Failure> {
        if let Some(code) = self.cache.load(kind, &image.digest) {
            // SAFETY: the key's tag says that this node stored it, from `compile` below, for the
            // engine with this fingerprint.
            if let Ok(program) = unsafe { load(&self.host, kind, &code) } {
                return Ok(program);
            }
        }
        let code = {
            let _one = locked(&self.compiling);
            compile(&self.host, kind, &image.bytes)?
        };
        // SAFETY: it comes from `compile` with this engine.
        let program = unsafe { load(&self.host, kind, &code) }?;
        self.cache.store(kind, &image.digest, &code);
        Ok(program)
    }
}

impl std::fmt::Debug for Programs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Programs").field("cache", &self.cache).finish_non_exhaustive()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
