//! A world in one thread: virtual time, seeded choices, hosts that crash and pause.
//!
//! Place: the simulated half of the task, timer and thread seams. Code that starts tasks or waits
//! through this crate runs here unchanged while [`World::block_on`] runs on its thread.
//!
//! Model: every task belongs to a [`Host`] and so do its children. Among the tasks that can run the
//! seed chooses; polling takes no time. When none can run, time leaps to the next timer. Blocking
//! work runs inline and takes time by the host's [`Latency`]. Crashing a host drops its tasks,
//! pausing it leaves them unpolled while time goes on. Clocks of hosts drift apart and their wall
//! clocks jump.
//!
//! Invariants: the same seed and the same program give the same [`World::event_hash`]; tasks woken
//! by one poll are ordered by their age, so that it does not matter in which order they were woken.
//!
//! ```
//! use quorate_seams::{Host, World};
//! use std::time::Duration;
//! let world = World::new(7);
//! let clock = world.clock(Host(1));
//! let slept = world.block_on(async { clock.sleep(Duration::from_secs(3600)).await });
//! assert_eq!(slept, Ok(()));
//! assert!(world.now() >= Duration::from_secs(3600));
//! ```

mod clock;
mod context;
mod join;
mod model;
mod state;
mod timer;
mod waker;

pub use model::{Choice, Host, Latency, Panicked, Stuck};

pub(crate) use context::{Current, current, is_inside};
pub(crate) use join::WorldHandle;
pub(crate) use timer::WorldSleep;

use crate::clock::SharedClock;
use crate::random::{SeededRandom, SharedRandom};
use context::Entered;
use state::{Next, Shared};
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// One simulated world. Tasks that are left end with it.
pub struct World {
    shared: Arc<Shared>,
    seed: u64,
}

impl World {
    /// The world of a seed, at virtual time zero.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { shared: Shared::new(seed), seed }
    }

    /// Runs a future to its end on [`Host::HARNESS`], and every task beside it.
    ///
    /// # Errors
    /// Nothing can run any more and no timer is set, or the budget of polls is used up.
    pub fn block_on<F: Future>(&self, future: F) -> Result<F::Output, Stuck> {
        let _entered = Entered::new(&self.shared, Host::HARNESS);
        let mut future = pin!(future);
        let main = self.shared.main_waker();
        let waker = Waker::from(Arc::clone(&main));
        let mut context = Context::from_waker(&waker);
        loop {
            match self.shared.next()? {
                Next::Main => {
                    main.queued.store(false, Ordering::Relaxed);
                    if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                        return Ok(output);
                    }
                }
                Next::Task(turn) => self.shared.poll(turn),
                Next::Leapt => {}
            }
        }
    }

    /// Starts a task of a host; it goes on until it ends or the host crashes.
    pub fn spawn_on<F>(&self, host: Host, future: F) -> crate::task::Detached<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let current = Current { shared: Arc::clone(&self.shared), host };
        crate::task::Detached::of_world(WorldHandle::spawn(&current, future))
    }

    /// A handle for code inside the world that crashes, pauses and starts hosts.
    #[must_use]
    pub fn control(&self) -> Control {
        Control { shared: Arc::clone(&self.shared) }
    }

    /// The clock of a host.
    #[must_use]
    pub fn clock(&self, host: Host) -> SharedClock {
        Arc::new(clock::WorldClock::new(&self.shared, host))
    }

    /// A stream of random numbers that seed and name decide.
    #[must_use]
    pub fn random(&self, name: &str) -> SharedRandom {
        let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let name = name.bytes().fold(0xcbf2_9ce4_8422_2325, fold);
        Arc::new(SeededRandom::new(self.seed.rotate_left(32) ^ name))
    }

    /// Virtual time since the start of the world.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.shared.now()
    }

    /// A hash over every poll so far and everything noted.
    #[must_use]
    pub fn event_hash(&self) -> u64 {
        self.shared.lock().hash
    }

    /// Polls so far.
    #[must_use]
    pub fn polls(&self) -> u64 {
        self.shared.lock().polls
    }
}

/// Acts on a world from inside; clones act on the same one.
#[derive(Clone)]
pub struct Control {
    shared: Arc<Shared>,
}

impl Control {
    /// Starts a task of a host.
    pub fn spawn_on<F>(&self, host: Host, future: F) -> crate::task::Detached<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let current = Current { shared: Arc::clone(&self.shared), host };
        crate::task::Detached::of_world(WorldHandle::spawn(&current, future))
    }

    /// The clock of a host.
    #[must_use]
    pub fn clock(&self, host: Host) -> SharedClock {
        Arc::new(clock::WorldClock::new(&self.shared, host))
    }

    /// Drops every task of the host. Must not be called by a task of that host; [`Control::halt`] may.
    pub fn crash(&self, host: Host) {
        let futures = self.shared.lock().take_tasks(host);
        self.act_as_dying(host, || drop(futures));
        let mut state = self.shared.lock();
        let host = state.host(host);
        (host.halted, host.paused) = (false, false);
    }

    /// Runs something as if the host did with its last breath: tasks that it starts never run.
    pub fn act_as_dying<T>(&self, host: Host, work: impl FnOnce() -> T) -> T {
        let _entered = Entered::new(&self.shared, host);
        self.shared.lock().host(host).dying = true;
        let done = work();
        self.shared.lock().host(host).dying = false;
        done
    }

    /// Stops polling the host's tasks for good; [`Control::crash`] ends them.
    pub fn halt(&self, host: Host) {
        self.shared.lock().host(host).halted = true;
    }

    /// Stops polling the host's tasks while time goes on.
    pub fn pause(&self, host: Host) {
        self.shared.lock().host(host).paused = true;
    }

    /// Polls the host's tasks again.
    pub fn resume(&self, host: Host) {
        self.shared.lock().resume(host);
    }

    /// How long blocking work of the host takes from now on.
    pub fn set_latency(&self, host: Host, latency: Latency) {
        self.shared.lock().host(host).latency = latency;
    }

    /// How much faster than the world's the host's clock runs from now on, in parts per million.
    pub fn set_drift(&self, host: Host, ppm: i64) {
        self.shared.lock().set_drift(host, ppm);
    }

    /// Moves the host's wall clock, by seconds.
    pub fn jump_wall(&self, host: Host, seconds: i64) {
        self.shared.lock().host(host).clock.jump_wall(seconds);
    }

    /// How the next task is chosen from now on.
    pub fn set_choice(&self, choice: Choice) {
        self.shared.lock().choice = choice;
    }

    /// How much later than due a timer may fire.
    pub fn set_timer_slack(&self, slack: Duration) {
        self.shared.lock().slack = u64::try_from(slack.as_nanos()).unwrap_or(u64::MAX);
    }

    /// Bounds the polls of the world, so that a run that never ends is noticed.
    pub fn set_budget(&self, polls: u64) {
        self.shared.lock().budget = polls;
    }

    /// Virtual time since the start of the world.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.shared.now()
    }

    /// Mixes a fact into the event hash.
    pub fn note(&self, fact: u64) {
        self.shared.lock().note(fact);
    }

    /// The panics of tasks so far; each is reported once.
    #[must_use]
    pub fn take_panics(&self) -> Vec<Panicked> {
        std::mem::take(&mut self.shared.lock().panics)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for host in self.shared.hosts() {
            self.control().crash(host);
        }
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("seed", &self.seed).field("now", &self.now()).finish()
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("now", &self.now()).finish()
    }
}

#[cfg(test)]
mod tests;
