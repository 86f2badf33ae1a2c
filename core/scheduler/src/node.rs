//! What the scheduler needs to know of a node.

use crate::Amounts;
use quorate_kinds::{Node, Taint};
use quorate_resources::Typed;
use quorate_types::Uid;
use std::collections::BTreeMap;

/// A node as the scheduler sees it; grows fuller while a batch is planned.
#[derive(Clone, Debug, Default)]
pub struct NodeInfo {
    /// Name.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Taints.
    pub taints: Vec<Taint>,
    /// Cordoned.
    pub unschedulable: bool,
    /// Its agent reports that it is ready.
    pub ready: bool,
    /// What pods may use in all.
    pub allocatable: Amounts,
    /// What its pods have asked for.
    pub requested: Amounts,
    /// How many pods of each controller it has.
    pub siblings: BTreeMap<Uid, i64>,
}

impl NodeInfo {
    /// Reads a node without its pods.
    #[must_use]
    pub fn read(node: &Typed<Node>) -> Self {
        let metadata = node.metadata();
        let status = node.status.as_ref();
        let ready = status
            .and_then(|status| status.conditions.as_ref())
            .is_some_and(|all| all.iter().any(|c| c.type_ == "Ready" && c.status == "True"));
        let spec = node.spec.as_ref();
        Self {
            name: metadata.name.clone(),
            labels: metadata.labels.clone(),
            taints: spec.and_then(|spec| spec.taints.clone()).unwrap_or_default(),
            unschedulable: spec.and_then(|spec| spec.unschedulable).unwrap_or(false),
            ready,
            allocatable: Amounts::from_list(status.and_then(|status| status.allocatable.as_ref())),
            requested: Amounts::default(),
            siblings: BTreeMap::new(),
        }
    }

    /// Counts a pod in.
    pub fn add(&mut self, requests: Amounts, controller: Option<&Uid>) {
        self.requested = self.requested.plus(requests);
        if let Some(uid) = controller {
            *self.siblings.entry(uid.clone()).or_insert(0) += 1;
        }
    }

    /// How many pods of a controller it has.
    #[must_use]
    pub fn siblings_of(&self, controller: &Uid) -> i64 {
        self.siblings.get(controller).copied().unwrap_or(0)
    }
}
