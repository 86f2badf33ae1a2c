//! Whether a pod may be on a node, as far as the pod itself says: node selector, required node
//! affinity, taints. Pure.
//!
//! Source of the rules: "Assigning Pods to Nodes" and "Taints and Tolerations" in the Kubernetes
//! documentation.

use quorate_kinds::{
    Node, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodSpec, Taint, Toleration,
};
use quorate_resources::Typed;
use std::collections::BTreeMap;

/// Whether the node has the labels that the pod asks for, and the pod is not meant for another.
pub(crate) fn is_chosen(spec: &PodSpec, node: &Typed<Node>) -> bool {
    let metadata = &node.object.metadata;
    let named =
        spec.node_name.as_deref().is_none_or(|name| name.is_empty() || name == metadata.name);
    let labelled = spec
        .node_selector
        .iter()
        .flatten()
        .all(|(key, value)| metadata.labels.get(key) == Some(value));
    let affinity = spec.affinity.as_ref().and_then(|all| all.node_affinity.as_ref());
    let required =
        affinity.and_then(|all| all.required_during_scheduling_ignored_during_execution.as_ref());
    named && labelled && required.is_none_or(|selector| selects(selector, node))
}

/// Any of the terms is enough; a term without requirements is none.
fn selects(selector: &NodeSelector, node: &Typed<Node>) -> bool {
    let fields = BTreeMap::from([("metadata.name".to_owned(), node.object.metadata.name.clone())]);
    let fits = |term: &NodeSelectorTerm| {
        let expressions = term.match_expressions.as_deref().unwrap_or_default();
        let named = term.match_fields.as_deref().unwrap_or_default();
        (!expressions.is_empty() || !named.is_empty())
            && expressions.iter().all(|one| holds(one, &node.object.metadata.labels))
            && named.iter().all(|one| holds(one, &fields))
    };
    selector.node_selector_terms.iter().any(fits)
}

fn holds(requirement: &NodeSelectorRequirement, labels: &BTreeMap<String, String>) -> bool {
    let values = requirement.values.as_deref().unwrap_or_default();
    let value = labels.get(&requirement.key);
    let number = |text: Option<&String>| text.and_then(|text| text.parse::<i64>().ok());
    let compared = |wanted: fn(i64, i64) -> bool| {
        number(value).zip(number(values.first())).is_some_and(|(own, bound)| wanted(own, bound))
    };
    match requirement.operator.as_str() {
        "In" => value.is_some_and(|value| values.contains(value)),
        "NotIn" => value.is_none_or(|value| !values.contains(value)),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => compared(|own, bound| own > bound),
        "Lt" => compared(|own, bound| own < bound),
        _ => false,
    }
}

/// The taints of a node that keep a pod with these tolerations away; only those that also drive out
/// pods which are there, if asked so.
pub(crate) fn repels(node: &Typed<Node>, tolerations: &[Toleration], driving_out: bool) -> bool {
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    let counts = |taint: &&Taint| match taint.effect.as_str() {
        "NoExecute" => true,
        "NoSchedule" => !driving_out,
        _ => false,
    };
    let borne = |taint: &Taint| tolerations.iter().any(|one| tolerates(one, taint));
    taints.iter().filter(counts).any(|taint| !borne(taint))
}

/// An empty effect bears all effects, an empty key with `Exists` all taints.
fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let (effect, key) = (text(&toleration.effect), text(&toleration.key));
    if (!effect.is_empty() && effect != taint.effect) || (!key.is_empty() && key != taint.key) {
        return false;
    }
    match text(&toleration.operator).as_str() {
        "Exists" => true,
        "" | "Equal" => !key.is_empty() && text(&toleration.value) == text(&taint.value),
        _ => false,
    }
}
