//! A network that delays, loses, reorders, duplicates and cuts, between members of one world.
//!
//! Model: a single call travels by itself and may be lost or delayed on either way, overtake others,
//! and be delivered twice if the protocol allows it. A stream keeps its order, as TCP does: loss shows
//! as delay, and a cut link that stays cut breaks it. What is delivered is served by a task of the
//! host it was sent to.

mod pipe;
mod transport;

pub(crate) use transport::SimTransport;

use quorate_raft::{Inbound, Peer};
use quorate_seams::{Control, Host, SharedClock, SharedRandom};
use quorate_types::MemberId;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The host of a member.
pub(crate) fn host_of(member: MemberId) -> Host {
    Host(u32::try_from(member.0).unwrap_or(u32::MAX))
}

/// How bad one direction between two members is.
#[derive(Clone, Copy, Debug, Default)]
struct Link {
    cut: bool,
}

/// How bad the whole network is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// Lost messages in a thousand.
    pub(crate) loss: u64,
    /// Calls delivered twice in a thousand.
    pub(crate) duplicate: u64,
    /// The least and the most time under way.
    pub(crate) delay: (Duration, Duration),
}

impl Default for Weather {
    fn default() -> Self {
        let delay = (Duration::from_micros(100), Duration::from_micros(900));
        Self { loss: 0, duplicate: 0, delay }
    }
}

#[derive(Default)]
struct State {
    /// Who listens, and at which address.
    up: BTreeMap<MemberId, (String, Arc<dyn Inbound>)>,
    links: BTreeMap<(MemberId, MemberId), Link>,
    weather: Weather,
}

/// The network of a world.
pub(crate) struct Net {
    control: Control,
    random: SharedRandom,
    clock: SharedClock,
    state: Mutex<State>,
}

impl Net {
    pub(crate) fn new(control: Control, random: SharedRandom) -> Arc<Self> {
        let clock = control.clock(Host::HARNESS);
        Arc::new(Self { control, random, clock, state: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a member be called.
    pub(crate) fn connect(&self, member: MemberId, addr: String, inbound: Arc<dyn Inbound>) {
        self.lock().up.insert(member, (addr, inbound));
    }

    /// The member is gone; what it served must be dropped as its host.
    pub(crate) fn disconnect(&self, member: MemberId) -> Option<Arc<dyn Inbound>> {
        self.lock().up.remove(&member).map(|(_, inbound)| inbound)
    }

    pub(crate) fn set_weather(&self, weather: Weather) {
        self.lock().weather = weather;
    }

    /// Cuts or mends one direction.
    pub(crate) fn set_cut(&self, from: MemberId, to: MemberId, cut: bool) {
        self.lock().links.entry((from, to)).or_default().cut = cut;
    }

    /// Mends everything.
    pub(crate) fn heal(&self) {
        let mut state = self.lock();
        state.links.clear();
        state.weather = Weather::default();
    }

    fn inbound(&self, to: &Peer) -> Option<Arc<dyn Inbound>> {
        let state = self.lock();
        let (_, inbound) = state.up.get(&to.id).filter(|(addr, _)| *addr == to.addr)?;
        Some(Arc::clone(inbound))
    }

    fn is_cut(&self, from: MemberId, to: MemberId) -> bool {
        self.lock().links.get(&(from, to)).is_some_and(|link| link.cut)
    }

    /// How long a message is under way.
    fn delay(&self) -> Duration {
        let (min, max) = self.lock().weather.delay;
        let spread = u64::try_from((max.saturating_sub(min)).as_nanos()).unwrap_or(0);
        min + Duration::from_nanos(self.random.below(spread + 1))
    }

    fn chance(&self, per_mille: u64) -> bool {
        per_mille > 0 && self.random.below(1000) < per_mille
    }

    /// Carries a message; false if it is lost.
    async fn carry(&self, from: MemberId, to: MemberId) -> bool {
        if self.is_cut(from, to) || self.chance(self.lock().weather.loss) {
            return false;
        }
        self.clock.sleep(self.delay()).await;
        !self.is_cut(from, to)
    }
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Net")
    }
}
