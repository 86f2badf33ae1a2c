//! Which backend gets the next connection.

use quorate_seams::Monotonic;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a backend that refused a connection is passed over while others are to be had.
const EJECTED: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, Default)]
struct Load {
    connections: u64,
    ejected_until: Option<Monotonic>,
}

/// The backends of one listener with their open connections.
#[derive(Debug, Default)]
pub(crate) struct Backends {
    state: Mutex<BTreeMap<SocketAddr, Load>>,
}

/// Counts a connection until it is dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    backends: Arc<Backends>,
    pub(crate) address: SocketAddr,
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut state = self.backends.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(load) = state.get_mut(&self.address) {
            load.connections = load.connections.saturating_sub(1);
        }
    }
}

impl Backends {
    /// Replaces the set. Connections to backends that are gone go on until they end.
    pub(crate) fn replace(&self, wanted: &BTreeSet<SocketAddr>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.retain(|address, _| wanted.contains(address));
        for address in wanted {
            state.entry(*address).or_default();
        }
    }

    /// Of two backends drawn at random the one with fewer connections, not counting those `tried`
    /// already and, while there are others, those that refused a moment ago.
    pub(crate) fn choose(
        self: &Arc<Self>,
        random: u64,
        now: Monotonic,
        tried: &[SocketAddr],
    ) -> Option<Connection> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let open = |(address, load): (&SocketAddr, &Load)| {
            (!tried.contains(address)).then_some((*address, *load))
        };
        let all: Vec<_> = state.iter().filter_map(open).collect();
        let well = |load: &Load| load.ejected_until.is_none_or(|until| until <= now);
        let healthy: Vec<_> = all.iter().filter(|(_, load)| well(load)).copied().collect();
        let candidates = if healthy.is_empty() { all } else { healthy };
        let address = two_choices(&candidates, random)?;
        state.entry(address).or_default().connections += 1;
        Some(Connection { backends: self.clone(), address })
    }

    /// Remembers that a backend refused.
    pub(crate) fn eject(&self, address: SocketAddr, now: Monotonic) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(load) = state.get_mut(&address) {
            load.ejected_until = Some(now + EJECTED);
        }
    }
}

fn two_choices(candidates: &[(SocketAddr, Load)], random: u64) -> Option<SocketAddr> {
    let count = u64::try_from(candidates.len()).ok().filter(|count| *count > 0)?;
    let at = |draw: u64| usize::try_from(draw % count).ok().and_then(|at| candidates.get(at));
    let (one, other) = (at(random)?, at(random >> 32)?);
    Some(if other.1.connections < one.1.connections { other.0 } else { one.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u8) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, n], 80))
    }

    fn backends(count: u8) -> Arc<Backends> {
        let backends = Arc::new(Backends::default());
        backends.replace(&(1..=count).map(address).collect());
        backends
    }

    #[test]
    fn the_less_loaded_of_two_is_chosen_and_a_dropped_connection_counts_no_more() {
        let backends = backends(2);
        let now = Monotonic::default();
        let both = 1u64 << 32;
        let first = backends.choose(both, now, &[]).unwrap();
        assert_eq!(first.address, address(1));
        let second = backends.choose(both, now, &[]).unwrap();
        assert_eq!(second.address, address(2), "the first has a connection already");
        drop((first, second));
        assert_eq!(backends.choose(both, now, &[]).unwrap().address, address(1));
    }

    #[test]
    fn a_refusing_backend_is_passed_over_until_its_time_is_up_or_nobody_else_is_left() {
        let backends = backends(2);
        let start = Monotonic::default();
        backends.eject(address(1), start);
        for random in [0, 1, 1 << 32, u64::MAX] {
            assert_eq!(backends.choose(random, start, &[]).unwrap().address, address(2));
        }
        assert_eq!(backends.choose(0, start, &[address(2)]).unwrap().address, address(1));
        let later = start + EJECTED;
        assert_eq!(backends.choose(0, later, &[]).unwrap().address, address(1));
        assert!(backends.choose(0, start, &[address(1), address(2)]).is_none());
    }
}
