//! Which pods a replica set adds and which it gives up.

use std::cmp::Reverse;
use std::collections::BTreeMap;

/// A pod as the choice sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Name, the last tie-breaker.
    pub(super) name: String,
    /// Node it is bound to.
    pub(super) node: Option<String>,
    /// `status.phase`.
    pub(super) phase: Phase,
    /// Whether it serves.
    pub(super) ready: bool,
    /// `controller.kubernetes.io/pod-deletion-cost`.
    pub(super) deletion_cost: i64,
    /// When it last became ready, RFC 3339.
    pub(super) ready_since: Option<String>,
    /// Restarts of all its containers.
    pub(super) restarts: i64,
    /// When it was created, RFC 3339.
    pub(super) created: Option<String>,
}

/// The phases of pods that have not ended, in the order in which they are given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Not yet running.
    Pending,
    /// Not known.
    Unknown,
    /// Running.
    Running,
}

/// What to do about the number of pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// As many as wanted.
    Keep,
    /// Add so many.
    Add(usize),
    /// Give up these, by their place in the list.
    Remove(Vec<usize>),
}

/// From the pods that count as replicas to the next step of at most `limit` pods.
pub(super) fn scale(pods: &[Candidate], wanted: usize, limit: usize) -> Scale {
    if pods.len() < wanted {
        return Scale::Add((wanted - pods.len()).min(limit));
    }
    let surplus = (pods.len() - wanted).min(limit);
    if surplus == 0 { Scale::Keep } else { Scale::Remove(least_wanted(pods, surplus)) }
}

/// Kubernetes' order: unassigned, not running, not ready, cheap to delete; among those, from the
/// most crowded node each time, so that what remains is spread evenly; then ready for a shorter
/// time, restarted more often, younger.
fn least_wanted(pods: &[Candidate], count: usize) -> Vec<usize> {
    let standing = |pod: &Candidate| (pod.node.is_some(), pod.phase, pod.ready, pod.deletion_cost);
    let mut order: Vec<usize> = (0..pods.len()).collect();
    order.sort_by_cached_key(|at| {
        let pod = &pods[*at];
        (
            standing(pod),
            Reverse(pod.ready_since.clone()),
            Reverse(pod.restarts),
            Reverse(pod.created.clone()),
            pod.name.clone(),
        )
    });
    let mut crowd: BTreeMap<Option<&str>, usize> = BTreeMap::new();
    for pod in pods {
        *crowd.entry(pod.node.as_deref()).or_default() += 1;
    }
    let mut taken = Vec::with_capacity(count);
    while taken.len() < count && !order.is_empty() {
        let least = standing(&pods[order[0]]);
        let peers = order.iter().take_while(|at| standing(&pods[**at]) == least);
        // The first of the equals, as the order has it.
        let crowded = |at: &usize| Reverse(crowd.get(&pods[*at].node.as_deref()).copied());
        let Some((place, _)) = peers.enumerate().min_by_key(|(_, at)| crowded(at)) else { break };
        let at = order.remove(place);
        if let Some(left) = crowd.get_mut(&pods[at].node.as_deref()) {
            *left -= 1;
        }
        taken.push(at);
    }
    taken
}
