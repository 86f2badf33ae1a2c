//! How much space the state takes, without asking the database for every write.
//!
//! Invariants: what was written since the database was last asked counts in full, so the answer "no"
//! is never given to a state that is over its quota; the answer "yes" comes from the database.

use crate::Error;
use std::sync::{Mutex, PoisonError};

/// After so many bytes the database is asked again, whatever the quota.
const ASK_AGAIN: u64 = 64 * 1024 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Space {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// What the database last said; `None` if it was not asked.
    asked: Option<u64>,
    written_since: u64,
}

impl Space {
    /// So many bytes were written.
    pub(crate) fn written(&self, bytes: u64) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.written_since = known.written_since.saturating_add(bytes);
    }

    /// What the database said holds no more.
    pub(crate) fn forget(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Known::default();
    }

    /// Whether the state takes at least `quota` bytes; `ask` asks the database.
    pub(crate) fn exceeds(
        &self,
        quota: u64,
        ask: impl FnOnce() -> Result<u64, Error>,
    ) -> Result<bool, Error> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let most = known.asked.map(|asked| asked.saturating_add(known.written_since));
        if most.is_some_and(|most| most < quota) && known.written_since < ASK_AGAIN {
            return Ok(false);
        }
        let asked = ask()?;
        *known = Known { asked: Some(asked), written_since: 0 };
        Ok(asked >= quota)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_is_asked_only_when_it_may_make_a_difference() {
        let space = Space::default();
        let never = || -> Result<u64, Error> { panic!("asked") };
        assert!(!space.exceeds(100, || Ok(40)).unwrap(), "asked at first");
        space.written(59);
        assert!(!space.exceeds(100, never).unwrap(), "99 at most");
        space.written(1);
        assert!(!space.exceeds(100, || Ok(60)).unwrap(), "much was overwritten");
        space.written(40);
        assert!(space.exceeds(100, || Ok(100)).unwrap());
        assert!(!space.exceeds(100, || Ok(10)).unwrap(), "asked again while it is over");
        space.forget();
        assert!(space.exceeds(100, || Ok(100)).unwrap());
    }
}
