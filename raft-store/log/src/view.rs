//! The log as callers see it: every call is reflected here before it reaches the disk.
//!
//! Invariants: slots are contiguous from `first`; the cache is a suffix of them; an entry leaves the
//! cache only once its place on disk is known.

use crate::error::Error;
use crate::format::Place;
use crate::types::{Entry, LogId, LogState};
use bytes::Bytes;
use quorate_types::{LogIndex, Term};
use std::collections::VecDeque;
use std::ops::Range;

/// Where an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whereabouts {
    /// In the cache and on its way to disk; the ticket tells it from an entry that was truncated.
    Queued(u64),
    /// On disk, perhaps in the cache too.
    Stored(Place),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) term: Term,
    pub(crate) at: Whereabouts,
}

/// One step of a read.
#[derive(Debug)]
pub(crate) enum Planned {
    Cached(Entry),
    Stored(LogId, Place),
}

#[derive(Debug)]
pub(crate) struct View {
    purged: Option<LogId>,
    first: u64,
    slots: VecDeque<Slot>,
    cache: VecDeque<Bytes>,
    cached_bytes: usize,
    cache_limit: usize,
    next_ticket: u64,
}

impl View {
    /// A log that was found on disk: slots from index `first` on.
    pub(crate) fn new(
        purged: Option<LogId>,
        first: u64,
        slots: VecDeque<Slot>,
        cache_limit: usize,
    ) -> Self {
        let cache = VecDeque::new();
        Self { purged, first, slots, cache, cached_bytes: 0, cache_limit, next_ticket: 0 }
    }

    pub(crate) fn state(&self) -> LogState {
        let last = self.slots.back().map(|slot| LogId {
            term: slot.term,
            index: LogIndex(self.first + self.slots.len() as u64 - 1),
        });
        LogState { purged: self.purged, last: last.or(self.purged) }
    }

    /// Index of the first entry; without a meaning when there is none.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// The index that an append must start with; `None` when any will do.
    pub(crate) fn next(&self) -> Option<u64> {
        self.state().last.map(|last| last.index.0.saturating_add(1))
    }

    /// Appends all or nothing; gives the ticket of the first entry.
    pub(crate) fn append<'a>(
        &mut self,
        entries: impl Iterator<Item = &'a Entry> + Clone,
    ) -> Result<u64, Error> {
        let ticket = self.next_ticket;
        let Some(head) = entries.clone().next() else { return Ok(ticket) };
        let start = self.next().unwrap_or(head.id.index.0);
        for (expected, entry) in (start..=u64::MAX).zip(entries.clone()) {
            // The largest index is left out, so that there is always a next one.
            if entry.id.index.0 != expected || expected == u64::MAX {
                let expected = LogIndex(expected);
                return Err(Error::Gap { expected, found: entry.id.index });
            }
        }
        if self.slots.is_empty() {
            self.first = start;
        }
        for entry in entries {
            let at = Whereabouts::Queued(self.next_ticket);
            self.next_ticket += 1;
            self.slots.push_back(Slot { term: entry.id.term, at });
            self.cached_bytes += entry.payload.len();
            self.cache.push_back(entry.payload.clone());
        }
        Ok(ticket)
    }

    pub(crate) fn truncate_after(&mut self, last_kept: Option<LogIndex>) {
        let end = last_kept.map_or(0, |kept| kept.0.saturating_add(1));
        let keep = usize::try_from(end.saturating_sub(self.first)).unwrap_or(usize::MAX);
        while self.slots.len() > keep {
            self.slots.pop_back();
            if let Some(payload) = self.cache.pop_back() {
                self.cached_bytes -= payload.len();
            }
        }
    }

    pub(crate) fn purge(&mut self, upto: LogId) {
        if self.purged.is_some_and(|purged| purged.index >= upto.index) {
            return;
        }
        self.purged = Some(upto);
        while self.first <= upto.index.0 && self.slots.pop_front().is_some() {
            self.first += 1;
            if self.cache.len() > self.slots.len() {
                self.drop_oldest_cached();
            }
        }
    }

    /// The entry of the ticket is on disk now, unless it was truncated meanwhile.
    pub(crate) fn stored(&mut self, index: LogIndex, ticket: u64, place: Place) {
        if let Some(slot) = self.slot_mut(index)
            && slot.at == Whereabouts::Queued(ticket)
        {
            slot.at = Whereabouts::Stored(place);
        }
    }

    /// Brings the cache back within its limit.
    pub(crate) fn evict(&mut self) {
        while self.cached_bytes > self.cache_limit {
            let oldest = self.slots.len() - self.cache.len();
            match self.slots.get(oldest) {
                Some(Slot { at: Whereabouts::Stored(_), .. }) => self.drop_oldest_cached(),
                _ => break,
            }
        }
    }

    fn drop_oldest_cached(&mut self) {
        if let Some(payload) = self.cache.pop_front() {
            self.cached_bytes -= payload.len();
        }
    }

    /// How to read the range, at least its first entry and then as many as fit `max_bytes`.
    pub(crate) fn plan(&self, range: Range<u64>, max_bytes: usize) -> Result<Vec<Planned>, Error> {
        let mut plan = Vec::new();
        let mut bytes = 0usize;
        for index in range {
            let (length, step) = self.step(index)?;
            bytes = bytes.saturating_add(length);
            if bytes > max_bytes && !plan.is_empty() {
                break;
            }
            plan.push(step);
        }
        Ok(plan)
    }

    fn step(&self, index: u64) -> Result<(usize, Planned), Error> {
        let missing = || Error::Missing { index: LogIndex(index) };
        let at = self.position(index).ok_or_else(missing)?;
        let slot = self.slots.get(at).ok_or_else(missing)?;
        let id = LogId { term: slot.term, index: LogIndex(index) };
        let uncached = self.slots.len() - self.cache.len();
        let payload = at.checked_sub(uncached).and_then(|at| self.cache.get(at));
        match (payload, slot.at) {
            (Some(payload), _) => {
                Ok((payload.len(), Planned::Cached(Entry { id, payload: payload.clone() })))
            }
            (None, Whereabouts::Stored(place)) => {
                let length = usize::try_from(place.length).unwrap_or(usize::MAX);
                Ok((length, Planned::Stored(id, place)))
            }
            // Queued entries are always cached.
            (None, Whereabouts::Queued(_)) => Err(missing()),
        }
    }

    /// The last entry with at least so many bytes of stored payloads behind it.
    pub(crate) fn beyond(&self, bytes: u64) -> Option<LogIndex> {
        let mut behind = 0;
        for (at, slot) in self.slots.iter().enumerate().rev() {
            if behind >= bytes {
                return Some(LogIndex(self.first + at as u64));
            }
            if let Whereabouts::Stored(place) = slot.at {
                behind += u64::from(place.length);
            }
        }
        None
    }

    /// Whether the entry still lies where a read was sent.
    pub(crate) fn is_at(&self, index: LogIndex, place: Place) -> bool {
        let slot = self.position(index.0).and_then(|at| self.slots.get(at));
        slot.is_some_and(|slot| slot.at == Whereabouts::Stored(place))
    }

    fn position(&self, index: u64) -> Option<usize> {
        usize::try_from(index.checked_sub(self.first)?).ok()
    }

    fn slot_mut(&mut self, index: LogIndex) -> Option<&mut Slot> {
        let at = self.position(index.0)?;
        self.slots.get_mut(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(term: u64, payload: &'static str) -> Entry {
        let id = LogId { term: Term(term), index: LogIndex(1) };
        Entry { id, payload: payload.into() }
    }

    #[test]
    fn what_lies_beyond_a_number_of_bytes_is_counted_from_the_end() {
        let place = |length| Place { segment: 1, offset: 0, length, previous: 0 };
        let slot = |length| Slot { term: Term(1), at: Whereabouts::Stored(place(length)) };
        let view = View::new(None, 5, [100, 10, 20, 30].map(slot).into(), 0);
        let beyond = [0, 1, 30, 31, 50, 60, 61, 1000].map(|bytes| view.beyond(bytes));
        let index = |index| Some(LogIndex(index));
        let expected = [index(8), index(7), index(7), index(6), index(6), index(5), None, None];
        assert_eq!(beyond, expected);
    }

    #[test]
    fn the_place_of_a_truncated_entry_is_not_given_to_the_one_that_replaced_it() {
        let mut view = View::new(None, 0, VecDeque::new(), 0);
        let old = view.append([entry(1, "old")].iter()).unwrap();
        view.truncate_after(None);
        let new = view.append([entry(1, "new")].iter()).unwrap();
        let place = |offset| Place { segment: 1, offset, length: 3, previous: 0 };
        view.stored(LogIndex(1), old, place(128));
        view.evict();
        let plan = view.plan(1..2, usize::MAX).unwrap();
        assert!(matches!(&plan[..], [Planned::Cached(found)] if *found == entry(1, "new")));
        view.stored(LogIndex(1), new, place(256));
        view.evict();
        assert!(view.is_at(LogIndex(1), place(256)));
        let plan = view.plan(1..2, usize::MAX).unwrap();
        assert!(matches!(plan[..], [Planned::Stored(..)]), "once stored it may leave the cache");
    }
}
