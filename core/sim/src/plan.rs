//! What a seed decides before a run begins: size, sizes of everything, and which faults there are.

use quorate_raft::Timing;
use quorate_seams::{Choice, Random, SeededRandom};
use std::time::Duration;

/// Which kinds of faults a run has. Each is on or off by itself, so that rare combinations, and runs
/// with a single kind, occur.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) partition: bool,
    pub(crate) loss: bool,
    pub(crate) delay: bool,
    pub(crate) duplicate: bool,
    pub(crate) crash: bool,
    pub(crate) power: bool,
    pub(crate) pause: bool,
    pub(crate) slow_disk: bool,
    pub(crate) sync_error: bool,
    pub(crate) full_disk: bool,
    pub(crate) rot: bool,
    pub(crate) skew: bool,
    pub(crate) transfer: bool,
    pub(crate) restart: bool,
    /// Members come, go and move.
    pub(crate) members: bool,
    /// Directories are emptied.
    pub(crate) wipe: bool,
    /// Disks are set back to older copies.
    pub(crate) set_back: bool,
}

/// Everything that is fixed for a run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) members: u64,
    /// How long faults are injected.
    pub(crate) chaos: Duration,
    pub(crate) clients: u64,
    pub(crate) keys: u64,
    /// The longest a client waits between two requests.
    pub(crate) think: Duration,
    pub(crate) watchers: u64,
    pub(crate) lease_holders: u64,
    pub(crate) timing: Timing,
    pub(crate) request_timeout: Duration,
    pub(crate) segment_bytes: u64,
    pub(crate) cache_bytes: usize,
    pub(crate) snapshot_after: u64,
    pub(crate) keep_entries: u64,
    pub(crate) ring_events: usize,
    pub(crate) compaction_step: usize,
    pub(crate) compact_every: Duration,
    pub(crate) choice: Choice,
    pub(crate) slack: Duration,
    pub(crate) faults: Faults,
    /// Mean time between two faults.
    pub(crate) fault_gap: Duration,
}

fn pick<T: Copy>(random: &dyn Random, values: &[T]) -> T {
    values[usize::try_from(random.below(values.len() as u64)).unwrap_or(0)]
}

impl Plan {
    /// The plan of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let random = SeededRandom::new(seed ^ 0x706c_616e);
        let random = &random;
        let ms = Duration::from_millis;
        Self {
            seed,
            members: pick(random, &[3, 3, 3, 3, 3, 3, 3, 5, 5, 7]),
            chaos: ms(7000),
            clients: 3 + random.below(4),
            keys: pick(random, &[2, 3, 5, 8]),
            think: ms(pick(random, &[8, 15, 40])),
            watchers: 1 + random.below(3),
            lease_holders: 1 + random.below(2),
            timing: Timing::fast(),
            request_timeout: ms(pick(random, &[400, 1200])),
            segment_bytes: pick(random, &[4096, 8192, 65536]),
            cache_bytes: pick(random, &[0, 1024, 1 << 20]),
            snapshot_after: pick(random, &[20, 60, 250, 5000]),
            keep_entries: pick(random, &[1, 10, 50, 400]),
            ring_events: pick(random, &[4, 64, 16 * 1024]),
            compaction_step: pick(random, &[1, 16, 1024]),
            compact_every: ms(pick(random, &[150, 700, 4000])),
            choice: pick(random, &[Choice::Any, Choice::Any, Choice::Fifo, Choice::Lifo]),
            slack: Duration::from_micros(pick(random, &[1, 300, 3000])),
            faults: Self::faults(random, seed),
            fault_gap: ms(pick(random, &[120, 300, 900])),
        }
    }

    fn faults(random: &dyn Random, seed: u64) -> Faults {
        // Drawn apart, so that the rest of every plan stays what it was before there were these.
        let apart = SeededRandom::new(seed ^ 0x6d65_6d62);
        let last = SeededRandom::new(seed ^ 0x7365_7462);
        let quiet = random.below(20) == 0;
        let on = |percent| !quiet && random.below(100) < percent;
        Faults {
            partition: on(50),
            loss: on(30),
            delay: on(35),
            duplicate: on(40),
            crash: on(60),
            power: on(40),
            pause: on(40),
            slow_disk: on(30),
            sync_error: on(25),
            full_disk: on(20),
            rot: on(15),
            skew: on(40),
            transfer: on(25),
            restart: on(20),
            members: !quiet && apart.below(100) < 35,
            wipe: !quiet && apart.below(100) < 25,
            set_back: !quiet && last.below(100) < 15,
        }
    }
}
