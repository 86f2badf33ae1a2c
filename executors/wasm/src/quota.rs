//! A share of CPU time: a guest runs while its bucket holds time and rests while it is empty.
//!
//! Place: around the future that is a guest. [`Bucket`] is pure; [`Metered`] measures the time that
//! each turn takes on its thread, charges it and rests. Epochs end a turn of a guest that computes. What
//! the system does for a guest on other threads (files) is bounded by their number and not charged.
//!
//! Invariant: over any time much longer than [`PERIOD`] a guest is charged its share of it and at most
//! one turn more, for what a turn takes too long is owed.

use crate::ticker::Ticker;
use futures::future::BoxFuture;
use quorate_seams::{Monotonic, SharedClock};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

/// How much of its share an idle guest can save up, as the kernel's quota periods do.
const PERIOD: Duration = Duration::from_millis(100);

/// CPU time that a guest may use, in nanoseconds.
#[derive(Debug)]
pub(crate) struct Bucket {
    /// Thousandths of a core.
    milli: i128,
    /// What it holds, in thousandths of a nanosecond; below zero is owed.
    level: i128,
    filled: Monotonic,
}

impl Bucket {
    /// A full bucket; `None` if one thread can use no more than the share.
    pub(crate) fn new(milli: u64, now: Monotonic) -> Option<Self> {
        let milli = i128::from(milli.max(1));
        let full = milli * nanos(PERIOD);
        (milli < 1000).then_some(Self { milli, level: full, filled: now })
    }

    /// Charges a turn that ended now; how long to rest before the next.
    pub(crate) fn charge(&mut self, now: Monotonic, used: Duration) -> Duration {
        let gained = self.milli * nanos(now - self.filled);
        self.filled = now;
        self.level = (self.level + gained).min(self.milli * nanos(PERIOD)) - 1000 * nanos(used);
        let rest = (-self.level).max(0) / self.milli;
        Duration::from_nanos(u64::try_from(rest).unwrap_or(u64::MAX))
    }
}

fn nanos(duration: Duration) -> i128 {
    i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX)
}

/// CPU time that a guest has used.
#[derive(Debug, Default)]
pub(crate) struct Spent(AtomicU64);

impl Spent {
    fn add(&self, used: Duration) {
        self.0.fetch_add(u64::try_from(used.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// In whole microseconds.
    pub(crate) fn micros(&self) -> u64 {
        self.0.load(Ordering::Relaxed) / 1000
    }
}

/// A future whose turns are measured and, if there is a bucket, rationed.
pub(crate) struct Metered<T> {
    pub(crate) inner: BoxFuture<'static, T>,
    pub(crate) bucket: Option<Bucket>,
    pub(crate) spent: Arc<Spent>,
    pub(crate) clock: SharedClock,
    pub(crate) ticker: Arc<Ticker>,
    pub(crate) rest: Option<BoxFuture<'static, ()>>,
}

impl<T> Metered<T> {
    fn turn(&mut self, cx: &mut Context<'_>) -> (Poll<T>, Duration) {
        let begin = thread_time();
        let ticking = self.ticker.enter();
        let polled = self.inner.as_mut().poll(cx);
        drop(ticking);
        (polled, thread_time().saturating_sub(begin))
    }
}

impl<T> Future for Metered<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        if let Some(rest) = &mut self.rest {
            if rest.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.rest = None;
        }
        let (polled, used) = self.turn(cx);
        self.spent.add(used);
        if polled.is_ready() {
            return polled;
        }
        let now = self.clock.now();
        let rest = self.bucket.as_mut().map_or(Duration::ZERO, |bucket| bucket.charge(now, used));
        if !rest.is_zero() {
            let mut sleep = self.clock.sleep(rest);
            if sleep.as_mut().poll(cx).is_ready() {
                cx.waker().wake_by_ref();
            } else {
                self.rest = Some(sleep);
            }
        }
        Poll::Pending
    }
}

/// CPU time of this thread.
fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Monotonic {
        Monotonic(Duration::from_millis(millis))
    }

    const MILLI: Duration = Duration::from_millis(1);

    #[test]
    fn a_busy_guest_gets_its_share_whatever_its_turns_take() {
        for (milli, turn_us) in [(100_u64, 1000_u64), (200, 37), (500, 9000), (900, 1300)] {
            let turn = Duration::from_micros(turn_us);
            let mut bucket = Bucket::new(milli, at(0)).unwrap();
            let (mut now, mut used) = (at(0), Duration::ZERO);
            while now < at(60_000) {
                used += turn;
                now = now + turn;
                now = now + bucket.charge(now, turn);
            }
            let share = used.as_secs_f64() / now.0.as_secs_f64() * 1000.0;
            let wanted = milli as f64;
            assert!((share - wanted).abs() < wanted * 0.02, "{share} instead of {wanted}");
        }
    }

    #[test]
    fn an_idle_guest_saves_up_no_more_than_a_period() {
        let mut bucket = Bucket::new(200, at(0)).unwrap();
        assert_eq!(bucket.charge(at(3_600_000), 20 * MILLI), Duration::ZERO);
        assert_eq!(bucket.charge(at(3_600_000), MILLI), 5 * MILLI);
    }

    #[test]
    fn a_whole_core_needs_no_bucket() {
        assert!(Bucket::new(1000, at(0)).is_none());
        assert!(Bucket::new(999, at(0)).is_some());
        assert!(Bucket::new(0, at(0)).is_some());
    }
}
