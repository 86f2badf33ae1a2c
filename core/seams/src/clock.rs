//! Time: monotonic for every duration and deadline, wall time only for what people read.

use futures::future::BoxFuture;
use std::fmt;
use std::future::Future;
use std::ops::{Add, Sub};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;

/// A point on a clock that never jumps, as time since that clock's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monotonic(pub Duration);

impl Add<Duration> for Monotonic {
    type Output = Self;
    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(rhs))
    }
}

impl Sub for Monotonic {
    type Output = Duration;
    fn sub(self, rhs: Self) -> Duration {
        self.0.saturating_sub(rhs.0)
    }
}

/// Wall time as the duration since the Unix epoch. For timestamps in objects, never for deadlines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(pub Duration);

impl WallTime {
    /// Whole milliseconds since the Unix epoch.
    #[must_use]
    pub fn as_millis(self) -> i64 {
        i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX)
    }

    /// Whole seconds since the Unix epoch.
    #[must_use]
    pub fn as_secs(self) -> i64 {
        i64::try_from(self.0.as_secs()).unwrap_or(i64::MAX)
    }
}

/// Reads time and waits for it.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// The monotonic time now.
    fn now(&self) -> Monotonic;
    /// The wall time now.
    fn wall(&self) -> WallTime;
    /// Resolves once [`Clock::now`] has reached the deadline.
    fn sleep_until(&self, deadline: Monotonic) -> BoxFuture<'static, ()>;
    /// Resolves after the duration.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.sleep_until(self.now() + duration)
    }
}

/// A clock that components share.
pub type SharedClock = Arc<dyn Clock>;

/// Bounds a future by time: `None` when the duration passed first. The future is dropped then.
pub async fn timeout<F: Future>(
    clock: &dyn Clock,
    limit: Duration,
    future: F,
) -> Option<F::Output> {
    let sleep = clock.sleep(limit);
    tokio::select! {
        biased;
        output = future => Some(output),
        () = sleep => None,
    }
}

/// The machine's clock, with tokio's timers.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock that starts now.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is the seam")]
    pub fn shared() -> SharedClock {
        Arc::new(Self { start: Instant::now() })
    }
}

#[allow(clippy::disallowed_methods, reason = "this is the seam")]
impl Clock for SystemClock {
    fn now(&self) -> Monotonic {
        Monotonic(self.start.elapsed())
    }

    fn wall(&self) -> WallTime {
        WallTime(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    fn sleep_until(&self, deadline: Monotonic) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep_until((self.start + deadline.0).into()))
    }
}

/// A clock that stands still until it is advanced; sleepers wake in the order of their deadlines.
#[derive(Debug, Default)]
pub struct ManualClock {
    state: Mutex<ManualState>,
}

#[derive(Debug, Default)]
struct ManualState {
    now: Duration,
    wall_offset: Duration,
    sleepers: Vec<(Monotonic, oneshot::Sender<()>)>,
}

impl ManualClock {
    /// A clock at monotonic zero; its wall time starts in 2026 so that timestamps look plausible.
    #[must_use]
    pub fn new() -> Arc<Self> {
        let wall_offset = Duration::from_secs(1_767_225_600);
        Arc::new(Self { state: Mutex::new(ManualState { wall_offset, ..ManualState::default() }) })
    }

    /// Moves time forward and wakes every sleeper whose deadline has come.
    pub fn advance(&self, by: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.now += by;
        let now = Monotonic(state.now);
        let (mut due, rest): (Vec<_>, Vec<_>) =
            state.sleepers.drain(..).partition(|(deadline, _)| *deadline <= now);
        state.sleepers = rest;
        drop(state);
        due.sort_by_key(|(deadline, _)| *deadline);
        for (_, wake) in due {
            // A sleeper that was dropped meanwhile needs no waking.
            let _ = wake.send(());
        }
    }

    /// The earliest deadline anyone sleeps for: a driver of virtual time leaps to it.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Monotonic> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.sleepers.retain(|(_, wake)| !wake.is_closed());
        state.sleepers.iter().map(|(deadline, _)| *deadline).min()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Monotonic {
        Monotonic(self.state.lock().unwrap_or_else(PoisonError::into_inner).now)
    }

    fn wall(&self) -> WallTime {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        WallTime(state.wall_offset + state.now)
    }

    fn sleep_until(&self, deadline: Monotonic) -> BoxFuture<'static, ()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if deadline.0 <= state.now {
            return Box::pin(std::future::ready(()));
        }
        let (wake, woken) = oneshot::channel();
        state.sleepers.push((deadline, wake));
        Box::pin(async move {
            // The clock was dropped: time has ended, and so has the wait.
            let _ = woken.await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn manual_clock_wakes_only_those_who_are_due() {
        let clock = ManualClock::new();
        let early = clock.sleep(Duration::from_secs(1));
        let mut late = clock.sleep(Duration::from_secs(3));
        assert_eq!(clock.next_deadline(), Some(Monotonic(Duration::from_secs(1))));
        clock.advance(Duration::from_secs(2));
        early.await;
        assert!(futures::poll!(&mut late).is_pending());
        clock.advance(Duration::from_secs(1));
        late.await;
    }

    #[tokio::test]
    async fn timeout_gives_none_once_time_has_passed() {
        let clock = ManualClock::new();
        let waiting = timeout(&*clock, Duration::from_secs(1), std::future::pending::<()>());
        let mut waiting = std::pin::pin!(waiting);
        assert!(futures::poll!(&mut waiting).is_pending());
        clock.advance(Duration::from_secs(1));
        assert_eq!(waiting.await, None);
        let ready = timeout(&*clock, Duration::from_secs(1), async { 7 }).await;
        assert_eq!(ready, Some(7));
    }
}
