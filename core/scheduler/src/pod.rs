//! What the scheduler needs to know of a pod.

use crate::Amounts;
use quorate_kinds::{Pod, PodSpec, Toleration};
use quorate_resources::Object;
use quorate_resources::Typed;
use quorate_types::{ObjectKey, Uid};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A pod as the scheduler sees it.
#[derive(Clone, Debug)]
pub struct PodInfo {
    /// The object it was read from; the bind is written against its revision.
    pub object: Arc<Object>,
    /// Namespace and name.
    pub key: ObjectKey,
    /// What it asks for.
    pub requests: Amounts,
    /// Labels that its node must have.
    pub node_selector: BTreeMap<String, String>,
    /// Taints that it bears.
    pub tolerations: Vec<Toleration>,
    /// The executor it wants, by `runtimeClassName`.
    pub runtime_class: Option<String>,
    /// Its controller: pods of one controller are spread over the nodes.
    pub controller: Option<Uid>,
    /// Higher goes first.
    pub priority: i32,
}

impl PodInfo {
    /// Reads a pod; `None` without a specification.
    #[must_use]
    pub fn read(pod: &Typed<Pod>) -> Option<Self> {
        let spec = pod.spec.as_ref()?;
        let metadata = pod.metadata();
        Some(Self {
            object: pod.object.clone(),
            key: metadata.key(),
            requests: requests(spec),
            node_selector: spec.node_selector.clone().unwrap_or_default().into_iter().collect(),
            tolerations: spec.tolerations.clone().unwrap_or_default(),
            runtime_class: spec.runtime_class_name.clone(),
            controller: metadata.controller().map(|owner| owner.uid.clone()),
            priority: spec.priority.unwrap_or(0),
        })
    }
}

/// The larger of the sum over containers and the largest init container, and one pod (Kubernetes'
/// "effective request").
pub(crate) fn requests(spec: &PodSpec) -> Amounts {
    let of = |resources: Option<&quorate_kinds::ResourceRequirements>| {
        Amounts::from_list(resources.and_then(|resources| resources.requests.as_ref()))
    };
    let running = spec
        .containers
        .iter()
        .map(|container| of(container.resources.as_ref()))
        .fold(Amounts::default(), Amounts::plus);
    let starting = spec
        .init_containers
        .iter()
        .flatten()
        .map(|container| of(container.resources.as_ref()))
        .fold(Amounts::default(), Amounts::max);
    Amounts { pods: 1, ..running.max(starting) }
}
