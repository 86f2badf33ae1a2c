//! What containers and pods request and may use.

use quorate_resources::Object;
use quorate_types::Quantity;
use serde_json::Value;
use std::collections::BTreeMap;

/// Amounts by the name of the resource.
pub(crate) type Amounts = BTreeMap<String, Quantity>;

/// Reads a map of quantities; what is none is passed over.
pub(crate) fn read(value: Option<&Value>) -> Amounts {
    let entries = value.and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(name, amount)| Some((name.clone(), quantity(amount)?))).collect()
}

/// Quantities may be written as texts or as numbers.
fn quantity(value: &Value) -> Option<Quantity> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.parse().ok()
}

/// The containers of a pod, or its init containers.
pub(crate) fn containers<'o>(pod: &'o Object, list: &str) -> impl Iterator<Item = &'o Value> {
    let list = pod.pointer(&format!("/spec/{list}")).and_then(Value::as_array);
    list.into_iter().flatten()
}

/// What a pod requests, or may use, in all: its containers together, or the largest of those that run
/// before them, and what the pod itself costs.
pub(crate) fn of_pod(pod: &Object, list: &str) -> Amounts {
    let of = |container: &Value| read(container.pointer(&format!("/resources/{list}")));
    let mut total = Amounts::new();
    for container in containers(pod, "containers") {
        add(&mut total, &of(container));
    }
    for container in containers(pod, "initContainers") {
        let is_sidecar = container["restartPolicy"] == "Always";
        if is_sidecar {
            add(&mut total, &of(container));
            continue;
        }
        for (name, amount) in of(container) {
            let most = total.entry(name).or_insert(amount);
            *most = (*most).max(amount);
        }
    }
    add(&mut total, &read(pod.pointer("/spec/overhead")));
    total
}

/// Adds amounts up.
pub(crate) fn add(total: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        let sum = total.entry(name.clone()).or_insert(Quantity::ZERO);
        *sum = sum.plus(*amount);
    }
}
