//! When a schedule is due. Pure.

use quorate_kinds::cron::Schedule;

/// Missed times from which on something is wrong: a clock, or a schedule that nobody watched.
const MANY: i64 = 100;

/// What a schedule says at a moment. Times in seconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// The latest time that has passed since the last one, if there is one.
    pub(super) latest: Option<i64>,
    /// The first time that is still to come.
    pub(super) next: Option<i64>,
    /// Whether so many times have passed that this is worth a warning.
    pub(super) many: bool,
}

/// Looks for times after `since` up to and including `now`.
pub(super) fn due(schedule: &Schedule, since: i64, now: i64) -> Due {
    let next = schedule.next_after(now);
    let Some(first) = schedule.next_after(since).filter(|first| *first <= now) else {
        return Due { latest: None, next, many: false };
    };
    let gap = schedule.next_after(first).map_or(i64::MAX, |second| (second - first).max(1));
    let missed = (now - first) / gap + 1;
    // Skips what is surely passed, so that a long silence takes no longer than a short one.
    let near = first.saturating_add((missed - 2).max(0).saturating_mul(gap));
    let mut latest = schedule.next_after(near - 1).filter(|at| *at <= now).unwrap_or(first);
    while let Some(later) = schedule.next_after(latest).filter(|at| *at <= now) {
        latest = later;
    }
    Due { latest: Some(latest), next, many: missed > MANY }
}
