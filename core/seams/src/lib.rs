//! Clock, tasks, randomness and disk: the one crate that may touch them.
//!
//! Place: directly above `quorate-types`. Every other crate receives these seams as values, so that
//! a simulated world can turn time, draw every random number and tear every unsynced byte.
//! `clippy.toml` bans the originals everywhere else.
//!
//! Invariants: production implementations are thin; nothing here knows what the product does;
//! nothing is global, except that a thread knows which [`World`] runs on it, if one does.
//!
//! ```
//! use quorate_seams::{Clock, ManualClock};
//! use std::time::Duration;
//! let clock = ManualClock::new();
//! let before = clock.now();
//! clock.advance(Duration::from_secs(3600));
//! assert_eq!(clock.now() - before, Duration::from_secs(3600));
//! ```

mod clock;
pub mod disk;
mod moment;
mod mutant;
mod ports;
mod random;
mod task;
mod thread;
mod world;

pub use clock::{Clock, ManualClock, Monotonic, SharedClock, SystemClock, WallTime, timeout};
pub use disk::{Crash, Disk, DiskFile, OsDisk, SharedDisk, SimDisk};
pub use moment::{Moment, Sleep, entropy, sleep_until};
pub use mutant::bug;
#[cfg(feature = "mutants")]
pub use mutant::switch_bug;
pub use ports::unused_loopback;
pub use random::{OsRandom, Random, SeededRandom, SharedRandom};
pub use task::{Detached, JoinError, Task, TaskSet, spawn, spawn_blocking, spawn_detached};
pub use thread::Thread;
pub use world::{Choice, Control, Host, Latency, Panicked, Stuck, World};

/// The seams most components need, handed over as one value.
#[derive(Clone, Debug)]
pub struct Seams {
    /// Time and timers.
    pub clock: SharedClock,
    /// Randomness.
    pub random: SharedRandom,
    /// Files.
    pub disk: SharedDisk,
}

impl Seams {
    /// The machine's own clock, entropy and file system.
    #[must_use]
    pub fn system() -> Self {
        Self {
            clock: SystemClock::shared(),
            random: std::sync::Arc::new(OsRandom),
            disk: std::sync::Arc::new(OsDisk),
        }
    }
}
