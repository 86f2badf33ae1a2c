//! How long a failing key waits: exponential per key, with jitter, bounded.

use std::time::Duration;

/// An exponential back-off. The wait after the n-th failure in a row lies between half of
/// `base * 2^(n-1)` and all of it, never above `limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Longest wait after the first failure.
    pub base: Duration,
    /// Longest wait after any failure.
    pub limit: Duration,
}

impl Default for Backoff {
    /// 5 ms to 30 s.
    fn default() -> Self {
        Self { base: Duration::from_millis(5), limit: Duration::from_secs(30) }
    }
}

impl Backoff {
    /// The longest wait after so many failures in a row, without jitter; zero for none.
    #[must_use]
    pub fn ceiling(&self, failures: u32) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else { return Duration::ZERO };
        let factor = 1u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.limit)
    }

    /// The wait after so many failures in a row; `jitter` is any random number.
    #[must_use]
    pub fn delay(&self, failures: u32, jitter: u64) -> Duration {
        let half = self.ceiling(failures) / 2;
        let span = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
        half + Duration::from_nanos(jitter % span.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_ceiling_doubles_from_base_to_limit() {
        let backoff = Backoff::default();
        let millis = |failures| backoff.ceiling(failures).as_millis();
        assert_eq!([0, 1, 2, 3, 4].map(millis), [0, 5, 10, 20, 40]);
        assert_eq!([13, 14, 33, u32::MAX].map(millis), [20_480, 30_000, 30_000, 30_000]);
    }

    proptest! {
        #[test]
        fn the_delay_stays_within_half_and_all_of_the_ceiling(failures in 0u32..80, jitter: u64) {
            let backoff = Backoff::default();
            let (delay, ceiling) = (backoff.delay(failures, jitter), backoff.ceiling(failures));
            prop_assert!(delay >= ceiling / 2 && delay <= ceiling, "{delay:?} of {ceiling:?}");
        }
    }
}
