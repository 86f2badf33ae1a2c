//! Forgetting history by itself: what is older than a time, or all but so many revisions.
//!
//! Invariants: only the leader compacts; the rules are etcd's and pure, the loop only waits and asks.

use crate::config::Compaction;
use quorate_member::Member;
use quorate_seams::{Monotonic, SharedClock};
use quorate_store::{Error, Store};
use quorate_types::Revision;
use std::collections::VecDeque;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
/// Between two looks at the number of revisions.
const REVISION_INTERVAL: Duration = Duration::from_secs(300);
/// Revisions noted in one compaction interval.
const NOTES: u32 = 10;

/// When to compact, and to which revision.
#[derive(Debug)]
struct Periodic {
    /// Between two compactions: the period, but at most an hour.
    interval: Duration,
    /// Time that has to pass before the next one: at first the whole period.
    wait: Duration,
    last: Monotonic,
    noted: VecDeque<Revision>,
    notes: usize,
}

impl Periodic {
    fn new(period: Duration, now: Monotonic) -> Self {
        let interval = period.min(HOUR);
        let notes = period.as_nanos() / (interval / NOTES).as_nanos().max(1) + 1;
        let notes = usize::try_from(notes).unwrap_or(usize::MAX);
        Self { interval, wait: period, last: now, noted: VecDeque::new(), notes }
    }

    fn pause(&self) -> Duration {
        self.interval / NOTES
    }

    /// Notes the revision of now; the revision of a period ago, if its time has come.
    fn step(&mut self, now: Monotonic, revision: Revision) -> Option<Revision> {
        self.noted.push_back(revision);
        if self.noted.len() > self.notes {
            self.noted.pop_front();
        }
        if now - self.last < self.wait {
            return None;
        }
        self.wait = self.interval;
        self.noted.front().copied()
    }

    fn done(&mut self, now: Monotonic) {
        self.last = now;
    }
}

/// Compacts as long as it is polled.
pub(crate) async fn compact(member: Member, clock: SharedClock, rule: Compaction) {
    match rule {
        Compaction::Off => {}
        Compaction::Periodic(period) => periodic(&member, &clock, period).await,
        Compaction::Revision(keep) => by_revision(&member, &clock, keep).await,
    }
}

async fn periodic(member: &Member, clock: &SharedClock, period: Duration) {
    let mut state = Periodic::new(period, clock.now());
    loop {
        let now = member.status();
        if let Some(revision) = state.step(clock.now(), now.revision)
            && now.leading().is_some()
            && compact_to(member, revision).await
        {
            state.done(clock.now());
        }
        clock.sleep(state.pause()).await;
    }
}

async fn by_revision(member: &Member, clock: &SharedClock, keep: i64) {
    let mut last = Revision::NONE;
    loop {
        clock.sleep(REVISION_INTERVAL).await;
        let now = member.status();
        let revision = Revision(now.revision.0 - keep);
        if now.leading().is_some() && revision > last && compact_to(member, revision).await {
            last = revision;
        }
    }
}

/// Whether history before the revision is gone now.
async fn compact_to(member: &Member, revision: Revision) -> bool {
    match member.compact(revision).await {
        Ok(()) | Err(Error::Compacted { .. }) => {
            tracing::info!(revision = revision.0, "completed auto compaction");
            true
        }
        Err(error) => {
            tracing::warn!(revision = revision.0, %error, "failed auto compaction");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps with a revision more each time; the revisions compacted to, by the minute.
    fn run(period: Duration, steps: i64) -> Vec<(u64, i64)> {
        let mut now = Monotonic(Duration::ZERO);
        let mut state = Periodic::new(period, now);
        let mut compacted = Vec::new();
        for revision in 1..=steps {
            if let Some(to) = state.step(now, Revision(revision)) {
                compacted.push((now.0.as_secs() / 60, to.0));
                state.done(now);
            }
            now = now + state.pause();
        }
        compacted
    }

    #[test]
    fn a_short_period_is_also_the_interval() {
        // Ten notes in five minutes: one each half a minute.
        assert_eq!(run(Duration::from_secs(300), 31), [(5, 1), (10, 11), (15, 21)]);
    }

    #[test]
    fn a_long_period_is_kept_and_compacted_every_hour() {
        // Notes each six minutes; the first compaction after two hours, to what was then the first.
        assert_eq!(run(2 * HOUR, 41), [(120, 1), (180, 11), (240, 21)]);
    }
}
