//! Which nodes have fallen silent: a pure table of when each was last heard of.
//!
//! Time is this process's monotonic clock, read when a renewal was *seen to have changed*; the
//! timestamps inside leases are only compared for equality. A clock that is wrong anywhere
//! therefore declares nobody lost, and a new leader gives everyone the full time again.

use quorate_seams::Monotonic;
use std::collections::BTreeMap;
use std::time::Duration;

/// What is known about one node.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Heard {
    /// The renewal as written by the node; `None` while there is no lease.
    renewal: Option<String>,
    /// When that renewal was first seen.
    at: Monotonic,
    /// How long it may be silent.
    limit: Duration,
    /// Since when the node counts as lost.
    lost: Option<Monotonic>,
}

/// The table.
#[derive(Clone, Debug, Default)]
pub(super) struct Health {
    nodes: BTreeMap<String, Heard>,
}

/// How a node stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Heard of; to be looked at again after this time.
    Heard(Duration),
    /// Silent for too long, since this moment.
    Lost(Monotonic),
}

impl Health {
    /// Takes note of a node's renewal and says how it stands. `marked` is whether the node already
    /// bears the marks of a lost one: then a controller that has just started believes them until
    /// the node renews, rather than clearing them for want of memory.
    pub(super) fn observe(
        &mut self,
        node: &str,
        renewal: Option<&str>,
        limit: Duration,
        marked: bool,
        now: Monotonic,
    ) -> Standing {
        let fresh = || Heard {
            renewal: renewal.map(str::to_owned),
            at: now,
            limit,
            lost: marked.then_some(now),
        };
        let heard = self.nodes.entry(node.to_owned()).or_insert_with(fresh);
        heard.limit = limit;
        if heard.renewal.as_deref() != renewal && renewal.is_some() {
            *heard = Heard { lost: None, ..fresh() };
        }
        let left = (heard.at + limit) - now;
        match heard.lost {
            Some(since) => Standing::Lost(since),
            None if left.is_zero() => Standing::Lost(*heard.lost.insert(now)),
            None => Standing::Heard(left),
        }
    }

    /// Whether this look would find a node silent for too long that was not lost before.
    pub(super) fn is_overdue(&self, node: &str, renewal: Option<&str>, now: Monotonic) -> bool {
        self.nodes.get(node).is_some_and(|heard| {
            heard.lost.is_none()
                && heard.renewal.as_deref() == renewal
                && heard.at + heard.limit <= now
        })
    }

    /// Starts the time that a node counts as lost anew.
    pub(super) fn restart_loss(&mut self, node: &str, now: Monotonic) {
        if let Some(heard) = self.nodes.get_mut(node)
            && heard.lost.is_some()
        {
            heard.lost = Some(now);
        }
    }

    /// Forgets all nodes but these.
    pub(super) fn retain(&mut self, exists: impl Fn(&str) -> bool) {
        self.nodes.retain(|name, _| exists(name));
    }

    /// How many nodes are lost or overdue, and how many there are.
    pub(super) fn silent(&self, now: Monotonic) -> (usize, usize) {
        let silent = |heard: &&Heard| heard.lost.is_some() || heard.at + heard.limit <= now;
        (self.nodes.values().filter(silent).count(), self.nodes.len())
    }
}

/// Whether so many nodes are silent that the fault is more likely ours: all of them, or more than
/// 55 % if that is at least three (Kubernetes' thresholds). Nothing is evicted then.
pub(super) fn brakes((silent, all): (usize, usize)) -> bool {
    silent > 0 && (silent == all || (silent > 2 && silent * 100 > all * 55))
}
