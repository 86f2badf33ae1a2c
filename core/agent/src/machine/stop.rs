//! When to ask an executor to stop a task, and when to ask again.

use quorate_executor::Stop;
use quorate_seams::Monotonic;
use std::time::Duration;

/// How long a task may outlive its grace period before the kill is asked for again.
const SLACK: Duration = Duration::from_secs(10);

/// A stop that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopRequest {
    /// How.
    pub how: Stop,
    /// When.
    pub at: Monotonic,
}

impl StopRequest {
    /// When the task should be gone at the latest.
    #[must_use]
    pub fn overdue_at(&self) -> Monotonic {
        self.at + grace_of(self.how) + SLACK
    }
}

/// What to ask for now, given what was asked for before. `None`: wait.
pub(super) fn next_stop(
    wanted: Stop,
    issued: Option<&StopRequest>,
    now: Monotonic,
) -> Option<Stop> {
    let Some(issued) = issued else { return Some(wanted) };
    if now >= issued.overdue_at() {
        return Some(Stop::Kill);
    }
    let sooner = now + grace_of(wanted) < issued.at + grace_of(issued.how);
    (sooner && grace_of(wanted) < grace_of(issued.how)).then_some(wanted)
}

fn grace_of(how: Stop) -> Duration {
    match how {
        Stop::Graceful { grace } => grace,
        Stop::Kill => Duration::ZERO,
    }
}

/// A stop with a grace period; none at all is a kill.
pub(super) fn within(grace: Duration) -> Stop {
    if grace.is_zero() { Stop::Kill } else { Stop::Graceful { grace } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic(Duration::from_secs(seconds))
    }

    #[test]
    fn a_stop_is_asked_for_once_then_only_sooner_or_overdue() {
        let slow = within(Duration::from_secs(30));
        assert_eq!(next_stop(slow, None, at(0)), Some(slow));
        let issued = StopRequest { how: slow, at: at(0) };
        assert_eq!(next_stop(slow, Some(&issued), at(1)), None);
        let quick = within(Duration::from_secs(2));
        assert_eq!(next_stop(quick, Some(&issued), at(1)), Some(quick));
        assert_eq!(next_stop(within(Duration::ZERO), Some(&issued), at(1)), Some(Stop::Kill));
        assert_eq!(next_stop(quick, Some(&issued), at(29)), None, "SIGKILL is due sooner anyway");
        assert_eq!(next_stop(slow, Some(&issued), at(40)), Some(Stop::Kill));
    }
}
