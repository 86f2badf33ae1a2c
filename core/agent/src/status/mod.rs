//! The status of a pod, computed from its plan, history and what is seen.
//!
//! Place: pure; the pod's actor computes it after every decision and hands it to the writer when it
//! differs from what the API shows.
//!
//! The API has one exit code per container, so here, and only here, a signal becomes 128 + n as
//! `kubectl` users expect; `signal` and `reason` say what really happened.

mod condition;
mod container;
mod phase;

#[cfg(test)]
mod tests;

pub use condition::merge_conditions;

use crate::machine::{History, Observation, PodPlan};
use crate::probe::Health;
use crate::time::time;
use quorate_kinds::k8s_openapi::api::core::v1::{HostIP, PodIP, PodStatus};
use std::net::IpAddr;

/// What a status is computed from.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// What the pod wants.
    pub plan: &'a PodPlan,
    /// What has happened.
    pub history: &'a History,
    /// What is seen.
    pub seen: &'a Observation,
    /// What the probes say about a container's present run.
    pub health: &'a dyn Fn(&str) -> Option<Health>,
    /// The pod's address.
    pub pod_ip: Option<IpAddr>,
    /// The node's address.
    pub host_ip: IpAddr,
}

impl std::fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").field("history", self.history).finish_non_exhaustive()
    }
}

/// Computes the status; conditions whose value has not changed keep their transition time.
#[must_use]
pub fn pod_status(view: View<'_>, before: &PodStatus) -> PodStatus {
    let plan = view.plan;
    let init: Vec<_> = plan
        .init
        .iter()
        .enumerate()
        .map(|(at, spec)| container::init_status(view, spec, at))
        .collect();
    let main: Vec<_> = plan.main.iter().map(|spec| container::main_status(view, spec)).collect();
    let phase = phase::phase(view);
    let conditions = condition::conditions(view, phase, &main);
    PodStatus {
        phase: Some(phase.to_owned()),
        conditions: Some(merge_conditions(conditions, before)),
        init_container_statuses: (!init.is_empty()).then_some(init),
        container_statuses: Some(main),
        host_ip: Some(view.host_ip.to_string()),
        host_ips: Some(vec![HostIP { ip: view.host_ip.to_string() }]),
        pod_ip: view.pod_ip.map(|ip| ip.to_string()),
        pod_ips: view.pod_ip.map(|ip| vec![PodIP { ip: ip.to_string() }]),
        start_time: Some(time(view.history.record.accepted_ms)),
        qos_class: before.qos_class.clone(),
        nominated_node_name: before.nominated_node_name.clone(),
        ..PodStatus::default()
    }
}
