//! Which pods' figures count, and what pods should use. Pure.
//!
//! Source of the rules: "Algorithm details" of the Horizontal Pod Autoscaler in the Kubernetes
//! documentation, with its default times.

use super::metrics::PodSample;
use super::replicas::{Groups, Load};
use crate::pods;
use quorate_kinds::Pod;
use quorate_resources::{Typed, timestamp};
use quorate_types::Quantity;
use serde_json::Value;
use std::collections::BTreeMap;

/// Seconds after its start in which a pod's CPU counts only once it is ready.
const CPU_INITIALISATION: i64 = 300;
/// Seconds after its start in which a pod that becomes unready is taken never to have been ready.
const INITIAL_READINESS: i64 = 30;

/// Sorts pods by whether their figure counts.
pub(super) fn group(
    pods: &[Typed<Pod>],
    samples: &BTreeMap<String, PodSample>,
    is_cpu: bool,
    now: i64,
) -> Groups {
    let mut groups = Groups::default();
    for pod in pods {
        let name = pod.object.metadata.name.clone();
        if pod.object.metadata.is_deleting() || pods::is_terminal(pod) {
            continue;
        }
        let group = match samples.get(&name) {
            _ if pods::phase(pod) == "Pending" => &mut groups.unready,
            None => &mut groups.missing,
            Some(sample) if is_cpu && is_starting(pod, sample, now) => &mut groups.unready,
            Some(_) => &mut groups.ready,
        };
        group.insert(name);
    }
    groups
}

/// Whether a pod's CPU is that of its start, which says nothing about its load.
fn is_starting(pod: &Typed<Pod>, sample: &PodSample, now: i64) -> bool {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).and_then(timestamp::parse);
    let conditions = pod.object.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().find(|one| one["type"] == "Ready");
    let (Some(start), Some(ready)) = (text(pod.object.pointer("/status/startTime")), ready) else {
        return true;
    };
    let turned = text(ready.get("lastTransitionTime")).unwrap_or(start);
    let is_ready = ready["status"] == "True";
    if start + CPU_INITIALISATION > now {
        !is_ready || sample.time < turned + sample.window
    } else {
        !is_ready && start + INITIAL_READINESS > turned
    }
}

/// What the pods use beside a share of what they request. `None` if one requests nothing.
pub(super) fn by_request(
    pods: &[Typed<Pod>],
    samples: &BTreeMap<String, PodSample>,
    (resource, container): (&str, Option<&str>),
    percent: i32,
) -> Result<Load, String> {
    let mut load = Load { used: used(samples), ..Load::default() };
    for pod in pods.iter().filter(|pod| pods::is_active(pod)) {
        let name = &pod.object.metadata.name;
        let request = request(pod, resource, container)
            .ok_or_else(|| format!("missing request for {resource} in pod {name}"))?;
        let share = |percent: i32| request * f64::from(percent) / 100.0;
        load.wanted.insert(name.clone(), share(percent));
        load.full.insert(name.clone(), share(percent.max(100)));
    }
    Ok(load)
}

/// What the pods use beside the same amount for each.
pub(super) fn by_amount(
    pods: &[Typed<Pod>],
    samples: &BTreeMap<String, PodSample>,
    amount: Quantity,
) -> Load {
    let each: BTreeMap<String, f64> =
        pods.iter().map(|pod| (pod.object.metadata.name.clone(), float(amount))).collect();
    Load { used: used(samples), wanted: each.clone(), full: each }
}

fn used(samples: &BTreeMap<String, PodSample>) -> BTreeMap<String, f64> {
    samples.iter().map(|(name, sample)| (name.clone(), float(sample.value))).collect()
}

/// What the containers of a pod request of a resource.
fn request(pod: &Typed<Pod>, resource: &str, container: Option<&str>) -> Option<f64> {
    let containers = pod.object.pointer("/spec/containers")?.as_array()?;
    let wanted = containers
        .iter()
        .filter(|one| container.is_none_or(|name| one["name"] == name))
        .map(|one| {
            let text = one["resources"]["requests"].get(resource)?.as_str()?;
            Some(float(text.parse::<Quantity>().ok()?))
        });
    wanted.sum()
}

/// A quantity as a float: exact up to 2^53 thousandths.
#[allow(clippy::cast_precision_loss, reason = "ratios need no more than a float has")]
pub(super) fn float(quantity: Quantity) -> f64 {
    quantity.milli() as f64 / 1000.0
}

/// A float as a quantity, in thousandths.
#[allow(clippy::cast_possible_truncation, reason = "figures are far below what fits")]
pub(super) fn quantity(number: f64) -> Quantity {
    Quantity::from_milli((number * 1000.0).round() as i128)
}
