//! Which pods a daemon set makes and which it gives up, node by node. Pure.
//!
//! At every step no more than `max_unavailable` nodes are without a pod that serves because of an
//! update, and no more than `max_surge` nodes have two.

use super::desired::Wanted;
use std::collections::BTreeSet;

/// A pod as the plan sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Daemon {
    /// Its place in the list of all pods.
    pub(super) place: usize,
    /// Whether it is of the current template.
    pub(super) current: bool,
    /// Whether it has ended by itself.
    pub(super) ended: bool,
    /// Whether it has been told to end.
    pub(super) deleting: bool,
    /// Whether it serves, for long enough.
    pub(super) available: bool,
    /// When it was created.
    pub(super) created: Option<String>,
}

/// A node and the set's pods on it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) node: String,
    pub(super) wanted: Wanted,
    pub(super) pods: Vec<Daemon>,
}

/// How many nodes an update may touch at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) max_unavailable: usize,
    pub(super) max_surge: usize,
    /// Whether old pods are exchanged at all, or only when somebody deletes them.
    pub(super) rolling: bool,
}

/// What to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Nodes that get a pod.
    pub(super) create: Vec<String>,
    /// Places of pods that go.
    pub(super) delete: BTreeSet<usize>,
    /// Places of pods that ended and go; they are replaced ever more slowly.
    pub(super) ended: BTreeSet<usize>,
}

/// The next step.
pub(super) fn plan(places: &[Place], limits: Limits) -> Plan {
    let mut plan = Plan::default();
    for place in places {
        keep(place, limits, &mut plan);
    }
    if limits.rolling && limits.max_surge > 0 {
        surge(places, limits.max_surge, &mut plan);
    } else if limits.rolling {
        exchange(places, limits.max_unavailable, &mut plan);
    }
    plan
}

/// One pod on every node that should have one, none where none may be.
fn keep(place: &Place, limits: Limits, plan: &mut Plan) {
    if place.wanted == Wanted::No {
        plan.delete.extend(place.pods.iter().filter(|pod| !pod.deleting).map(|pod| pod.place));
        return;
    }
    let ended = place.pods.iter().filter(|pod| pod.ended && !pod.deleting);
    plan.ended.extend(ended.map(|pod| pod.place));
    let running = running(place);
    let surging = limits.rolling && limits.max_surge > 0;
    // Without a surge the next pod waits until the last one is gone.
    let vacant = if surging { running.is_empty() } else { place.pods.is_empty() };
    if place.wanted == Wanted::Yes && vacant {
        plan.create.push(place.node.clone());
    }
    let groups: Vec<Vec<&Daemon>> = if surging {
        let of = |current: bool| running.iter().filter(move |p| p.current == current).copied();
        vec![of(true).collect(), of(false).collect()]
    } else {
        vec![running]
    };
    // Of several that do the same, the oldest stays.
    for mut group in groups {
        group.sort_by_key(|pod| (pod.created.clone(), pod.place));
        plan.delete.extend(group.iter().skip(1).map(|pod| pod.place));
    }
}

fn running(place: &Place) -> Vec<&Daemon> {
    place.pods.iter().filter(|pod| !pod.deleting && !pod.ended).collect()
}

/// Gives up old pods: those that do not serve at once, others as far as not too many nodes are
/// without one.
fn exchange(places: &[Place], max_unavailable: usize, plan: &mut Plan) {
    let mut unavailable = 0;
    let mut candidates = Vec::new();
    for place in places.iter().filter(|place| place.wanted != Wanted::No) {
        let running = running(place);
        if !running.iter().any(|pod| pod.available) {
            unavailable += usize::from(place.wanted == Wanted::Yes);
            plan.delete.extend(running.iter().filter(|pod| !pod.current).map(|pod| pod.place));
        } else if let [old] = running[..]
            && !old.current
        {
            candidates.push(old.place);
        }
    }
    let room = max_unavailable.saturating_sub(unavailable);
    plan.delete.extend(candidates.into_iter().take(room));
}

/// Adds new pods beside old ones, and gives up old ones beside new ones that serve.
fn surge(places: &[Place], max_surge: usize, plan: &mut Plan) {
    let mut surging = 0;
    let mut candidates = Vec::new();
    for place in places.iter().filter(|place| place.wanted != Wanted::No) {
        let running = running(place);
        let new = running.iter().find(|pod| pod.current);
        let old: Vec<&&Daemon> = running.iter().filter(|pod| !pod.current).collect();
        match new {
            Some(new) if new.available => plan.delete.extend(old.iter().map(|pod| pod.place)),
            Some(_) => surging += usize::from(!old.is_empty()),
            None if old.is_empty() || place.wanted != Wanted::Yes => {}
            // One that does not serve need not be counted.
            None if old.iter().all(|pod| !pod.available) => plan.create.push(place.node.clone()),
            None => candidates.push(place.node.clone()),
        }
    }
    plan.create.extend(candidates.into_iter().take(max_surge.saturating_sub(surging)));
}
