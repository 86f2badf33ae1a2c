//! From figures to a number of replicas. Pure.
//!
//! The rule is Kubernetes': replicas times measured over wanted, left alone within a tolerance. Pods
//! that are not ready or have no figure dampen it: for less they count as using all that is wanted,
//! for more as using nothing, and they never turn the direction round.

use std::collections::{BTreeMap, BTreeSet};

/// How pods stand, as far as figures are concerned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Groups {
    /// Pods whose figure counts.
    pub(super) ready: BTreeSet<String>,
    /// Pods that are not ready: their figure does not count.
    pub(super) unready: BTreeSet<String>,
    /// Pods that have no figure.
    pub(super) missing: BTreeSet<String>,
}

/// A number of replicas and how it came about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Proposal {
    pub(super) replicas: i32,
    /// Measured over wanted, of the pods whose figure counts.
    pub(super) ratio: f64,
}

/// What each pod uses and what is wanted of it, in the same unit.
#[derive(Clone, Debug, Default)]
pub(super) struct Load {
    /// What the pods with figures use.
    pub(super) used: BTreeMap<String, f64>,
    /// What each pod should use, by name: the share of its request, or the same for all.
    pub(super) wanted: BTreeMap<String, f64>,
    /// What a pod without a figure is taken to use when there may be too many.
    pub(super) full: BTreeMap<String, f64>,
}

/// Replicas by what pods use. `None` if no pod has a figure that counts.
pub(super) fn by_pods(
    current: i32,
    load: &Load,
    groups: &Groups,
    tolerance: f64,
) -> Option<Proposal> {
    let mut used: BTreeMap<&str, f64> = groups
        .ready
        .iter()
        .filter_map(|name| Some((name.as_str(), *load.used.get(name)?)))
        .collect();
    let ratio = ratio(&used, load)?;
    let grows = ratio > 1.0;
    let unready = grows && !groups.unready.is_empty();
    if !unready && groups.missing.is_empty() {
        let replicas = if within(ratio, tolerance) { current } else { ceil(ratio, used.len()) };
        return Some(Proposal { replicas, ratio });
    }
    for name in &groups.missing {
        let figure = if grows { 0.0 } else { load.full.get(name).copied().unwrap_or(0.0) };
        used.insert(name, figure);
    }
    if unready {
        used.extend(groups.unready.iter().map(|name| (name.as_str(), 0.0)));
    }
    let cautious = self::ratio(&used, load)?;
    let turned = (cautious > 1.0) != grows && !within(cautious, 0.0);
    let replicas = ceil(cautious, used.len());
    let contrary = if cautious < 1.0 { replicas > current } else { replicas < current };
    let stays = within(cautious, tolerance) || turned || contrary;
    Some(Proposal { replicas: if stays { current } else { replicas }, ratio })
}

/// Use over what is wanted, both summed up over the same pods.
fn ratio(used: &BTreeMap<&str, f64>, load: &Load) -> Option<f64> {
    let wanted: f64 = used.keys().filter_map(|name| load.wanted.get(*name)).sum();
    let total: f64 = used.values().sum();
    (!used.is_empty() && wanted > 0.0).then(|| total / wanted)
}

/// Replicas by one figure for all ready pods together.
pub(super) fn by_value(
    current: i32,
    ready: usize,
    value: f64,
    wanted: f64,
    tolerance: f64,
) -> Proposal {
    let ratio = value / wanted;
    let replicas = if within(ratio, tolerance) { current } else { ceil(ratio, ready) };
    Proposal { replicas, ratio }
}

/// Replicas by one figure of which each replica takes a share.
pub(super) fn by_share(current: i32, total: f64, wanted_each: f64, tolerance: f64) -> Proposal {
    let ratio = total / (wanted_each * f64::from(current.max(1)));
    let replicas = if within(ratio, tolerance) { current } else { ceil(total / wanted_each, 1) };
    Proposal { replicas, ratio }
}

fn within(ratio: f64, tolerance: f64) -> bool {
    (1.0 - ratio).abs() <= tolerance
}

/// So many times a ratio, rounded up.
fn ceil(ratio: f64, times: usize) -> i32 {
    let times = f64::from(i32::try_from(times).unwrap_or(i32::MAX));
    // What a sum of fractions is off by must not make one replica more.
    let product = (ratio * times * 1e9).round() / 1e9;
    rounded(product.ceil())
}

/// The whole number in a float, within the bounds of a number of replicas.
#[allow(clippy::cast_possible_truncation, reason = "bounded just before")]
pub(super) fn rounded(number: f64) -> i32 {
    number.clamp(0.0, f64::from(i32::MAX)) as i32
}
