//! Time for code that cannot be handed a clock, such as a consensus library's runtime.
//!
//! Place: beside [`crate::Clock`], which everything else uses. Reads the machine's clock, or in a
//! world the clock of the host that runs.

use crate::world::{self, WorldSleep};
use std::future::Future;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Time before the process (or the world) began, so that a moment before it can be named.
const BEFORE: Duration = Duration::from_secs(1_000_000_000);

/// A point in monotonic time; comparable within one process, and in a world within one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Duration);

#[allow(clippy::disallowed_methods, reason = "this is the seam")]
fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

impl Moment {
    /// The moment now.
    #[must_use]
    pub fn now() -> Self {
        let since = match world::current() {
            Some(current) => Duration::from_nanos(current.shared.local_now(current.host)),
            None => start().elapsed(),
        };
        Self(BEFORE + since)
    }
}

impl Add<Duration> for Moment {
    type Output = Self;
    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(rhs))
    }
}

impl AddAssign<Duration> for Moment {
    fn add_assign(&mut self, rhs: Duration) {
        *self = *self + rhs;
    }
}

impl Sub<Duration> for Moment {
    type Output = Self;
    fn sub(self, rhs: Duration) -> Self {
        Self(self.0.saturating_sub(rhs))
    }
}

impl SubAssign<Duration> for Moment {
    fn sub_assign(&mut self, rhs: Duration) {
        *self = *self - rhs;
    }
}

impl Sub for Moment {
    type Output = Duration;
    fn sub(self, rhs: Self) -> Duration {
        self.0.saturating_sub(rhs.0)
    }
}

pin_project_lite::pin_project! {
    /// Ends once a moment has come.
    pub struct Sleep {
        #[pin]
        runs: Runs,
    }
}

pin_project_lite::pin_project! {
    #[project = RunsProjection]
    enum Runs {
        Tokio { #[pin] sleep: tokio::time::Sleep },
        World { #[pin] sleep: WorldSleep },
    }
}

/// Waits for a moment.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "this is the seam")]
pub fn sleep_until(deadline: Moment) -> Sleep {
    let since = deadline.0.saturating_sub(BEFORE);
    let runs = match world::current() {
        Some(current) => {
            Runs::World { sleep: WorldSleep::new(&current.shared, current.host, since) }
        }
        None => {
            // Later than the machine can say is as good as never.
            let at = start()
                .checked_add(since)
                .unwrap_or_else(|| start() + Duration::from_secs(86_400 * 365 * 30));
            Runs::Tokio { sleep: tokio::time::sleep_until(at.into()) }
        }
    };
    Sleep { runs }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.project().runs.project() {
            RunsProjection::Tokio { sleep } => sleep.poll(cx),
            RunsProjection::World { sleep } => sleep.poll(cx),
        }
    }
}

impl std::fmt::Debug for Sleep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sleep")
    }
}

/// A number that nobody can foresee, or in a world the next one of its seed.
#[must_use]
pub fn entropy() -> u64 {
    match world::current() {
        Some(current) => current.shared.draw(),
        None => crate::Random::next_u64(&crate::OsRandom),
    }
}
