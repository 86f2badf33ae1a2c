//! Compaction: a watermark that takes effect at once, and a sweep that frees space afterwards.
//!
//! The watermark alone decides what can be read, so it is exact and the same on every member at
//! every log position. The sweep only removes what can no longer be read. It visits the changes
//! below the watermark once each, in order and a bounded number at a time, with each apply or
//! between them ([`crate::Mvcc::sweep`]), so that no compaction stalls anything, however much there
//! is to remove. How far it has come is no part of what members must agree on.
//!
//! Invariants: with watermark C, kept are all changes at C and above, so that a watcher may begin
//! at C, and of every key the value it had before C, which is the `prev_kv` of its next change.
//! Visiting a change removes the one before it of the same key; a deletion removes itself too. By
//! then everything older of that key is gone, because it was visited earlier.

use super::Machine;
use crate::db::{Family, Step, View};
use crate::layout::{Change, decode_kv, idx_key, parse_rev_key, pointer, rev_key, rev_start};
use crate::{Error, Outcome, Reply};
use bytes::Bytes;
use quorate_seams::bug;
use quorate_store::Error as Refusal;
use quorate_types::Revision;

impl Machine<'_> {
    pub(super) fn compact(&mut self, requested: Revision) -> Outcome {
        let (compacted, current) = (self.meta.compacted, self.meta.revision);
        if requested <= compacted {
            return Err(Refusal::Compacted { requested, compacted });
        }
        if requested > current {
            return Err(Refusal::FutureRevision { requested, current });
        }
        self.meta.compacted = requested;
        Ok(Reply::Compacted { revision: current })
    }

    /// Visits at most `budget` changes below the watermark.
    pub(super) fn sweep(&mut self, budget: usize) -> Result<(), Error> {
        let watermark = Change { main: self.meta.compacted, sub: 0 };
        if budget == 0 || self.meta.is_swept() {
            return Ok(());
        }
        let visits = self.next_visits(watermark, budget)?;
        for visit in &visits {
            self.visit(visit)?;
        }
        self.meta.sweep = match visits.last() {
            Some(last) if visits.len() >= budget => {
                Change { main: last.change.main, sub: last.change.sub + 1 }
            }
            _ => watermark,
        };
        Ok(())
    }

    fn next_visits(&self, watermark: Change, budget: usize) -> Result<Vec<Visited>, Error> {
        let mut visits = Vec::new();
        let start = rev_key(self.meta.sweep, false);
        let beyond = i64::from(bug("mvcc-compacts-one-too-far"));
        let end = rev_start(Revision(watermark.main.0 + beyond));
        self.state.scan(Family::Rev, &start, Some(&end), &mut |bytes, value| {
            let (change, tombstone) = parse_rev_key(bytes)?;
            let key = decode_kv(Bytes::copy_from_slice(value), bytes)?.key;
            visits.push(Visited { change, tombstone, key });
            Ok(if visits.len() < budget { Step::Next } else { Step::Stop })
        })?;
        Ok(visits)
    }

    fn visit(&mut self, visit: &Visited) -> Result<(), Error> {
        let Visited { change, tombstone, key } = visit;
        let found = pointer(&self.state, key, *change)?;
        if let Some(before) = found.and_then(|pointer| pointer.before) {
            self.forget(key, before, false);
        }
        if *tombstone || bug("mvcc-compacts-what-is-live") {
            self.forget(key, *change, *tombstone);
        }
        Ok(())
    }

    fn forget(&mut self, key: &[u8], change: Change, tombstone: bool) {
        self.state.delete(Family::Rev, rev_key(change, tombstone));
        self.state.delete(Family::Idx, idx_key(key, change));
    }
}

struct Visited {
    change: Change,
    tombstone: bool,
    key: Bytes,
}
