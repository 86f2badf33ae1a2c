//! The vocabulary of a world.

use std::time::Duration;
use thiserror::Error;

/// A machine of the world; what it is for is the harness's business.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(pub u32);

impl Host {
    /// Where the harness itself runs; never crashes.
    pub const HARNESS: Self = Self(0);
}

/// How long blocking work takes: drawn between the two for each piece of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// The least.
    pub min: Duration,
    /// The most.
    pub max: Duration,
}

impl Default for Latency {
    /// A quick solid-state disk: 50 to 400 µs.
    fn default() -> Self {
        Self { min: Duration::from_micros(50), max: Duration::from_micros(400) }
    }
}

/// Which of the tasks that can run is polled next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The one that waits longest.
    Fifo,
    /// Any.
    #[default]
    Any,
    /// Mostly the one that was woken last: starves the others for a while.
    Lifo,
}

/// A task that panicked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panicked {
    /// Where.
    pub host: Host,
    /// What it said.
    pub message: String,
}

/// Why a world cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Stuck {
    /// Nothing can run and no timer is set.
    #[error("the world stands still at {now:?}: no task can run and no timer is set")]
    Idle {
        /// Virtual time.
        now: Duration,
    },
    /// The budget of polls is used up.
    #[error("the world is still busy at {now:?} after {polls} polls, which is its budget")]
    Busy {
        /// Virtual time.
        now: Duration,
        /// Polls so far.
        polls: u64,
    },
}
