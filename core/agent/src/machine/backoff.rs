//! How long to wait before a container runs again.

use quorate_executor::ExitRecord;
use std::time::Duration;

/// Exponential back-off between runs of one container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartBackOff {
    /// Wait after the first end.
    pub initial: Duration,
    /// Longest wait; the wait doubles up to here.
    pub max: Duration,
    /// A run at least this long starts over with [`RestartBackOff::initial`].
    pub reset_after: Duration,
}

impl Default for RestartBackOff {
    /// 1 s, doubling to 5 min, forgotten after a run of 10 min.
    fn default() -> Self {
        Self {
            initial: Duration::from_secs(1),
            max: Duration::from_secs(300),
            reset_after: Duration::from_secs(600),
        }
    }
}

impl RestartBackOff {
    /// The wait after `level` ends in a row before this one.
    #[must_use]
    pub fn delay(&self, level: u32) -> Duration {
        let factor = 1u32.checked_shl(level).unwrap_or(u32::MAX);
        self.initial.saturating_mul(factor).min(self.max)
    }

    /// The number of ends in a row before this one, given that number before the run.
    #[must_use]
    pub fn level_after(&self, level: u32, exit: &ExitRecord) -> u32 {
        let ran = exit.finished_ms.saturating_sub(exit.started_ms);
        let ran = Duration::from_millis(u64::try_from(ran).unwrap_or(0));
        if exit.started_ms > 0 && ran >= self.reset_after { 0 } else { level }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_executor::ExitCause;

    #[test]
    fn the_wait_doubles_up_to_its_bound_and_never_overflows() {
        let back_off = RestartBackOff::default();
        let seconds: Vec<u64> = (0..10).map(|level| back_off.delay(level).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
        assert_eq!(back_off.delay(u32::MAX), Duration::from_secs(300));
    }

    #[test]
    fn only_a_long_run_forgets_earlier_ends() {
        let back_off = RestartBackOff::default();
        let ran = |ms: i64| ExitRecord {
            code: Some(1),
            signal: None,
            cause: ExitCause::Normal,
            started_ms: 1,
            finished_ms: 1 + ms,
        };
        assert_eq!(back_off.level_after(3, &ran(599_999)), 3);
        assert_eq!(back_off.level_after(3, &ran(600_000)), 0);
        let never_ran = ExitRecord { started_ms: 0, ..ran(10_000_000) };
        assert_eq!(back_off.level_after(3, &never_ran), 3);
    }
}
