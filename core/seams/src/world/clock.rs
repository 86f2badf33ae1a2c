//! The clocks of hosts: monotonic ones that drift, wall clocks that jump.

use super::model::Host;
use super::state::Shared;
use super::timer::WorldSleep;
use crate::clock::{Clock, Monotonic, WallTime};
use futures::future::BoxFuture;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

const BILLION: i128 = 1_000_000_000;
/// Wall time at the start of a world: early 2026, so that timestamps look plausible.
const WALL_START_SECONDS: i64 = 1_767_225_600;

/// A host's time as a function of the world's.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HostClock {
    anchor_world: u64,
    anchor_local: u64,
    /// Parts per billion that it runs fast.
    drift: i64,
    wall_offset_seconds: i64,
}

fn nanos(value: i128) -> u64 {
    u64::try_from(value.max(0)).unwrap_or(u64::MAX)
}

impl HostClock {
    /// The host's time at a time of the world, both in nanoseconds.
    pub(super) fn local(&self, world: u64) -> u64 {
        let passed = i128::from(world.saturating_sub(self.anchor_world));
        self.anchor_local + nanos(passed * (BILLION + i128::from(self.drift)) / BILLION)
    }

    /// When the host's time will have been reached.
    pub(super) fn world(&self, local: u64) -> u64 {
        let left = i128::from(local.saturating_sub(self.anchor_local)) * BILLION;
        let rate = BILLION + i128::from(self.drift);
        self.anchor_world.saturating_add(nanos((left + rate - 1) / rate))
    }

    pub(super) fn set_drift(&mut self, world: u64, ppm: i64) {
        self.anchor_local = self.local(world);
        self.anchor_world = world;
        self.drift = ppm.clamp(-500_000, 500_000) * 1000;
    }

    pub(super) fn jump_wall(&mut self, seconds: i64) {
        self.wall_offset_seconds = self.wall_offset_seconds.saturating_add(seconds);
    }

    fn wall(&self, world: u64) -> Duration {
        let start = WALL_START_SECONDS.saturating_add(self.wall_offset_seconds);
        Duration::from_secs(u64::try_from(start).unwrap_or(0))
            + Duration::from_nanos(self.local(world))
    }
}

/// The clock of one host.
pub(super) struct WorldClock {
    shared: Arc<Shared>,
    host: Host,
}

impl WorldClock {
    pub(super) fn new(shared: &Arc<Shared>, host: Host) -> Self {
        Self { shared: Arc::clone(shared), host }
    }
}

impl Clock for WorldClock {
    fn now(&self) -> Monotonic {
        Monotonic(Duration::from_nanos(self.shared.lock().local_now(self.host)))
    }

    fn wall(&self) -> WallTime {
        let mut state = self.shared.lock();
        let now = state.now;
        WallTime(state.host(self.host).clock.wall(now))
    }

    fn sleep_until(&self, deadline: Monotonic) -> BoxFuture<'static, ()> {
        Box::pin(WorldSleep::new(&self.shared, self.host, deadline.0))
    }
}

impl fmt::Debug for WorldClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WorldClock({:?})", self.host)
    }
}
