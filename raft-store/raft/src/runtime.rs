//! openraft's runtime over the seams: tokio in production, the world in simulation. One type for
//! both, so that what is simulated is what runs.
//!
//! Invariants: time, tasks and randomness come from `quorate_seams` alone. Channels and locks are
//! tokio's, which need no runtime of tokio's.

use openraft::OptionalSend;
use openraft::async_runtime::{AsyncRuntime, Instant};
use openraft_rt_tokio::TokioRuntime;
use quorate_seams::{Detached, JoinError, Moment, Sleep, entropy, sleep_until, spawn_detached};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use std::fmt;
use std::future::Future;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use thiserror::Error;

/// The runtime that consensus uses.
pub(crate) struct SeamsRuntime(Driver);

/// What drives tests that ask the runtime to drive itself; the product never does.
enum Driver {
    Tokio(TokioRuntime),
    #[cfg(test)]
    World(Box<quorate_seams::World>),
}

impl fmt::Debug for SeamsRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SeamsRuntime")
    }
}

/// The time was over first.
#[derive(Clone, Copy, Debug, Error)]
#[error("the time is over")]
pub(crate) struct Elapsed;

/// A point in time, as openraft calculates with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At(Moment);

impl Instant for At {
    fn now() -> Self {
        Self(Moment::now())
    }
}

impl Add<Duration> for At {
    type Output = Self;
    fn add(self, rhs: Duration) -> Self {
        Self(self.0 + rhs)
    }
}

impl AddAssign<Duration> for At {
    fn add_assign(&mut self, rhs: Duration) {
        self.0 += rhs;
    }
}

impl Sub<Duration> for At {
    type Output = Self;
    fn sub(self, rhs: Duration) -> Self {
        Self(self.0 - rhs)
    }
}

impl SubAssign<Duration> for At {
    fn sub_assign(&mut self, rhs: Duration) {
        self.0 -= rhs;
    }
}

impl Sub for At {
    type Output = Duration;
    fn sub(self, rhs: Self) -> Duration {
        self.0 - rhs.0
    }
}

pin_project_lite::pin_project! {
    /// A future bounded by time. The future goes first: ready at the deadline, it wins.
    pub(crate) struct Bounded<F> {
        #[pin]
        future: F,
        #[pin]
        sleep: Sleep,
    }
}

impl<F: Future> Future for Bounded<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        this.sleep.poll(cx).map(|()| Err(Elapsed))
    }
}

impl AsyncRuntime for SeamsRuntime {
    type JoinError = JoinError;
    type JoinHandle<T: OptionalSend + 'static> = Detached<T>;
    type Sleep = Sleep;
    type Instant = At;
    type TimeoutError = Elapsed;
    type Timeout<R, T: Future<Output = R> + OptionalSend> = Bounded<T>;
    type ThreadLocalRng = SmallRng;

    fn spawn<T>(future: T) -> Detached<T::Output>
    where
        T: Future + OptionalSend + 'static,
        T::Output: OptionalSend + 'static,
    {
        spawn_detached(future)
    }

    fn sleep(duration: Duration) -> Sleep {
        sleep_until(Moment::now() + duration)
    }

    fn sleep_until(deadline: At) -> Sleep {
        sleep_until(deadline.0)
    }

    fn timeout<R, F: Future<Output = R> + OptionalSend>(
        duration: Duration,
        future: F,
    ) -> Bounded<F> {
        Bounded { future, sleep: Self::sleep(duration) }
    }

    fn timeout_at<R, F: Future<Output = R> + OptionalSend>(deadline: At, future: F) -> Bounded<F> {
        Bounded { future, sleep: sleep_until(deadline.0) }
    }

    fn is_panic(join_error: &JoinError) -> bool {
        matches!(join_error, JoinError::Panicked(_))
    }

    fn thread_rng() -> SmallRng {
        SmallRng::seed_from_u64(entropy())
    }

    type Mpsc = <TokioRuntime as AsyncRuntime>::Mpsc;
    type Watch = <TokioRuntime as AsyncRuntime>::Watch;
    type Oneshot = <TokioRuntime as AsyncRuntime>::Oneshot;
    type Mutex<T: OptionalSend + 'static> = <TokioRuntime as AsyncRuntime>::Mutex<T>;

    fn new(threads: usize) -> Self {
        #[cfg(test)]
        if tests::SIMULATED.get() {
            return Self(Driver::World(Box::new(quorate_seams::World::new(1))));
        }
        Self(Driver::Tokio(TokioRuntime::new(threads)))
    }

    fn block_on<F, T>(&mut self, future: F) -> T
    where
        F: Future<Output = T>,
    {
        match &mut self.0 {
            Driver::Tokio(runtime) => runtime.block_on(future),
            #[cfg(test)]
            Driver::World(world) => world.block_on(future).unwrap(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openraft_rt::testing::Suite;
    use std::cell::Cell;

    thread_local! {
        pub(super) static SIMULATED: Cell<bool> = const { Cell::new(false) };
    }

    #[test]
    fn the_runtime_passes_openrafts_own_suite_on_tokio() {
        Suite::<SeamsRuntime>::test_all();
    }

    #[test]
    fn the_runtime_passes_openrafts_own_suite_in_a_world() {
        SIMULATED.set(true);
        Suite::<SeamsRuntime>::test_all();
    }
}
