//! What the frames of a log add up to. Pure: no file is touched here.
//!
//! Invariant: slots are contiguous from `first`. `absent` are the indexes whose entries were in
//! segments before the first one at hand; a later purge or truncation must explain why they are gone.

use crate::format::{Carried, Frame, Place};
use crate::types::LogId;
use crate::view::{Slot, Whereabouts};
use quorate_types::LogIndex;
use std::collections::VecDeque;
use std::ops::RangeInclusive;

#[derive(Debug, Default)]
pub(crate) struct Replay {
    started: bool,
    incarnation: u64,
    purged: Option<LogId>,
    committed: Option<LogId>,
    vote: Option<bytes::Bytes>,
    absent: Option<RangeInclusive<u64>>,
    first: u64,
    slots: VecDeque<Slot>,
}

/// Everything that the log held.
#[derive(Debug)]
pub(crate) struct Replayed {
    pub(crate) carried: Carried,
    pub(crate) first: u64,
    pub(crate) slots: VecDeque<Slot>,
}

impl Replay {
    /// Takes the next frame; `Err` says how it contradicts those before it.
    pub(crate) fn apply(
        &mut self,
        frame: &Frame,
        place: Option<Place>,
    ) -> Result<(), &'static str> {
        match (frame, place) {
            (Frame::State(carried), _) if self.started => return self.compare(carried),
            (Frame::State(carried), _) => self.start(carried),
            _ if !self.started => return Err("the first frame is not a state frame"),
            (Frame::Entry(entry), Some(place)) => return self.append(entry.id, place),
            (Frame::Entry(_), None) => return Err("an entry has no place"),
            (Frame::Vote(vote), _) => self.vote = Some(vote.clone()),
            (Frame::Committed(committed), _) => self.committed = *committed,
            (Frame::Truncate(kept), _) => self.truncate_after(kept.map(|index| index.0)),
            (Frame::Purge(upto), _) => self.purge(*upto),
        }
        Ok(())
    }

    /// The result; `Err` when entries are gone that nothing has purged.
    pub(crate) fn finish(self) -> Result<Replayed, &'static str> {
        if self.absent.is_some() {
            return Err(
                "entries are missing that were not purged: a segment before this one is gone",
            );
        }
        let carried = Carried {
            incarnation: self.incarnation,
            first: self.first,
            last: self.last(),
            purged: self.purged,
            committed: self.committed,
            vote: self.vote,
        };
        Ok(Replayed { carried, first: self.first, slots: self.slots })
    }

    fn start(&mut self, carried: &Carried) {
        let Carried { incarnation, first, last, purged, committed, vote } = carried.clone();
        let held = last.filter(|last| purged.is_none_or(|purged| last.index > purged.index));
        self.absent = held.map(|last| first..=last.index.0);
        self.first = last.map_or(first, |id| id.index.0.saturating_add(1));
        (self.started, self.incarnation) = (true, incarnation);
        (self.purged, self.committed, self.vote) = (purged, committed, vote);
    }

    fn compare(&mut self, carried: &Carried) -> Result<(), &'static str> {
        let same = carried.vote == self.vote
            && carried.committed == self.committed
            && carried.purged == self.purged
            && (self.absent.is_some() || carried.last == self.last())
            && carried.incarnation >= self.incarnation;
        self.incarnation = carried.incarnation;
        if same { Ok(()) } else { Err("a state frame contradicts the frames before it") }
    }

    fn append(&mut self, id: LogId, place: Place) -> Result<(), &'static str> {
        match self.next() {
            Some(next) if next != id.index.0 => return Err("an entry does not continue the log"),
            _ if self.slots.is_empty() => self.first = id.index.0,
            _ => {}
        }
        self.slots.push_back(Slot { term: id.term, at: Whereabouts::Stored(place) });
        Ok(())
    }

    fn truncate_after(&mut self, kept: Option<u64>) {
        let end = kept.map_or(0, |kept| kept.saturating_add(1));
        let keep = usize::try_from(end.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.slots.truncate(keep);
        let absent = self.absent.take().zip(kept);
        self.absent = absent
            .map(|(absent, kept)| *absent.start()..=kept.min(*absent.end()))
            .filter(|absent| !absent.is_empty());
    }

    fn purge(&mut self, upto: LogId) {
        if self.purged.is_some_and(|purged| purged.index >= upto.index) {
            return;
        }
        self.purged = Some(upto);
        self.absent = self
            .absent
            .take()
            .map(|absent| upto.index.0.saturating_add(1).max(*absent.start())..=*absent.end())
            .filter(|absent| !absent.is_empty());
        while self.first <= upto.index.0 && self.slots.pop_front().is_some() {
            self.first += 1;
        }
    }

    /// The index that the next entry must have; `None` when any will do.
    pub(crate) fn next(&self) -> Option<u64> {
        let held = self.slots.len() as u64;
        let last = match (held, &self.absent) {
            (0, Some(absent)) => Some(*absent.end()),
            (0, None) => self.purged.map(|id| id.index.0),
            _ => Some(self.first + held - 1),
        };
        last.map(|last| last.saturating_add(1))
    }

    fn last(&self) -> Option<LogId> {
        let index = || LogIndex(self.first + self.slots.len() as u64 - 1);
        let held = self.slots.back().map(|slot| LogId { term: slot.term, index: index() });
        held.or(self.purged)
    }
}
