//! Who still owes an answer to the question where the stream stands. Pure.

use quorate_types::Revision;
use std::collections::BTreeSet;

/// One question to every watch of a stream, answered when the last of them has.
#[derive(Debug)]
pub(crate) struct Question {
    waiting: BTreeSet<i64>,
    lowest: Option<Revision>,
}

impl Question {
    pub(crate) fn new(watches: impl Iterator<Item = i64>) -> Self {
        Self { waiting: watches.collect(), lowest: None }
    }

    /// A watch has delivered everything up to a revision.
    pub(crate) fn answered(&mut self, watch: i64, revision: Revision) {
        if self.waiting.remove(&watch) {
            self.lowest = Some(self.lowest.map_or(revision, |lowest| lowest.min(revision)));
        }
    }

    /// A watch has ended.
    pub(crate) fn ended(&mut self, watch: i64) {
        self.waiting.remove(&watch);
    }

    /// Up to where all have delivered, once all have answered; `now` if none was asked.
    pub(crate) fn outcome(&self, now: Revision) -> Option<Revision> {
        self.waiting.is_empty().then(|| self.lowest.unwrap_or(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_watch_decides() {
        let mut question = Question::new([1, 2, 3].into_iter());
        question.answered(1, Revision(9));
        question.answered(1, Revision(4));
        question.ended(2);
        assert_eq!(question.outcome(Revision(20)), None);
        question.answered(3, Revision(7));
        assert_eq!(question.outcome(Revision(20)), Some(Revision(7)));
        assert_eq!(Question::new([].into_iter()).outcome(Revision(20)), Some(Revision(20)));
    }
}
