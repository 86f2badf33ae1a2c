//! What an object counts for in a quota. Pure.
//!
//! Source of the names: "Resource Quotas" in the Kubernetes documentation.

use crate::limits::amounts::{Amounts, add, of_pod, read};
use quorate_resources::{KindInfo, Object};
use quorate_types::Quantity;
use serde_json::Value;

/// Kinds that are counted by their plain plural, too.
const PLAIN: &[&str] = &[
    "configmaps",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "services",
];
/// Resources of pods that are meant by their plain name when they are requested.
const REQUESTED: &[&str] = &["cpu", "memory", "ephemeral-storage"];
const CLASS: &str = ".storageclass.storage.k8s.io/";

/// What is allowed, and for which objects.
#[derive(Clone, Debug, Default)]
pub(super) struct Bounds {
    pub(super) hard: Amounts,
    scopes: Vec<Scope>,
}

/// A condition on pods.
#[derive(Clone, Debug)]
struct Scope {
    name: String,
    operator: String,
    values: Vec<String>,
}

impl Bounds {
    pub(super) fn of(quota: &Object) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = |pointer: &str| quota.pointer(pointer).and_then(Value::as_array).cloned();
        let exists = |name: &Value| Scope {
            name: text(name),
            operator: "Exists".to_owned(),
            values: vec![],
        };
        let mut scopes: Vec<Scope> =
            list("/spec/scopes").unwrap_or_default().iter().map(exists).collect();
        let rules = list("/spec/scopeSelector/matchExpressions").unwrap_or_default();
        scopes.extend(rules.iter().map(|rule| Scope {
            name: text(&rule["scopeName"]),
            operator: text(&rule["operator"]),
            values: rule["values"].as_array().into_iter().flatten().map(text).collect(),
        }));
        Self { hard: read(quota.pointer("/spec/hard")), scopes }
    }

    /// Whether objects of the kind can count at all.
    pub(super) fn concerns(&self, info: &KindInfo) -> bool {
        let own = self.hard.keys().any(|name| {
            *name == format!("count/{}", info.qualified_plural())
                || (info.group.is_empty() && (*name == info.plural || is_detail(&info.kind, name)))
        });
        own && info.namespaced
    }

    /// What an object counts for, as far as it is bounded.
    pub(super) fn usage(&self, info: &KindInfo, object: &Object) -> Amounts {
        if !self.scopes.iter().all(|scope| scope.holds(info, object)) {
            return Amounts::new();
        }
        let mut all = usage(info, object);
        all.retain(|name, _| self.hard.contains_key(name));
        all
    }

    /// Resources that are bounded and that a container says nothing about.
    pub(super) fn unsaid(&self, info: &KindInfo, object: &Object) -> Vec<String> {
        let bounded = info.group.is_empty()
            && info.kind == "Pod"
            && self.scopes.iter().all(|scope| scope.holds(info, object));
        if !bounded {
            return Vec::new();
        }
        let all = usage(info, object);
        let asked = |name: &&String| {
            let plain = name.trim_start_matches("requests.").trim_start_matches("limits.");
            REQUESTED[..2].contains(&plain)
        };
        let missing = self.hard.keys().filter(asked).filter(|name| !all.contains_key(*name));
        missing.cloned().collect()
    }
}

/// Whether a name is about something that objects of a core kind have, rather than their number.
fn is_detail(kind: &str, name: &str) -> bool {
    match kind {
        "Pod" => {
            let storage = name == "requests.storage" || name.contains(CLASS);
            let compute = name.starts_with("requests.") || name.starts_with("limits.");
            (compute && !storage) || REQUESTED.contains(&name)
        }
        "PersistentVolumeClaim" => name == "requests.storage" || name.contains(CLASS),
        "Service" => name.starts_with("services."),
        _ => false,
    }
}

/// Everything that an object counts for.
fn usage(info: &KindInfo, object: &Object) -> Amounts {
    let one = Quantity::from_units(1);
    let mut usage = Amounts::from([(format!("count/{}", info.qualified_plural()), one)]);
    if !info.group.is_empty() {
        return usage;
    }
    let ended = matches!(
        object.pointer("/status/phase").and_then(Value::as_str),
        Some("Succeeded" | "Failed")
    );
    // A pod that has ended is still an object, but takes nothing.
    if PLAIN.contains(&info.plural.as_str()) && !(info.kind == "Pod" && ended) {
        usage.insert(info.plural.clone(), one);
    }
    match info.kind.as_str() {
        "Pod" if !ended => pod(object, &mut usage),
        "PersistentVolumeClaim" => claim(object, &mut usage),
        "Service" => service(object, &mut usage),
        _ => {}
    }
    usage
}

fn pod(pod: &Object, usage: &mut Amounts) {
    let requests = of_pod(pod, "requests");
    for (name, amount) in &requests {
        usage.insert(format!("requests.{name}"), *amount);
        if REQUESTED.contains(&name.as_str()) {
            usage.insert(name.clone(), *amount);
        }
    }
    for (name, amount) in of_pod(pod, "limits") {
        usage.insert(format!("limits.{name}"), amount);
    }
}

fn claim(claim: &Object, usage: &mut Amounts) {
    let requests = read(claim.pointer("/spec/resources/requests"));
    let storage = requests.get("storage").copied().unwrap_or(Quantity::ZERO);
    usage.insert("requests.storage".to_owned(), storage);
    let class = claim.pointer("/spec/storageClassName").and_then(Value::as_str);
    if let Some(class) = class.filter(|class| !class.is_empty()) {
        usage.insert(format!("{class}{CLASS}requests.storage"), storage);
        let count = format!("{class}{CLASS}persistentvolumeclaims");
        usage.insert(count, Quantity::from_units(1));
    }
}

fn service(service: &Object, usage: &mut Amounts) {
    let kind = service.pointer("/spec/type").and_then(Value::as_str).unwrap_or_default();
    let ports = service.pointer("/spec/ports").and_then(Value::as_array).map_or(0, Vec::len);
    let ports = Quantity::from_units(i64::try_from(ports).unwrap_or(i64::MAX));
    let mut more = Amounts::new();
    if kind == "LoadBalancer" {
        more.insert("services.loadbalancers".to_owned(), Quantity::from_units(1));
    }
    if matches!(kind, "NodePort" | "LoadBalancer") {
        more.insert("services.nodeports".to_owned(), ports);
    }
    add(usage, &more);
}

impl Scope {
    /// Scopes are about pods; everything else is in none of them.
    fn holds(&self, info: &KindInfo, object: &Object) -> bool {
        if !info.group.is_empty() || info.kind != "Pod" {
            return false;
        }
        let bounded = object.pointer("/spec/activeDeadlineSeconds").is_some();
        let modest = of_pod(object, "requests").is_empty() && of_pod(object, "limits").is_empty();
        match self.name.as_str() {
            "Terminating" => bounded,
            "NotTerminating" => !bounded,
            "BestEffort" => modest,
            "NotBestEffort" => !modest,
            "PriorityClass" => {
                let class = object.pointer("/spec/priorityClassName").and_then(Value::as_str);
                self.chooses(class.unwrap_or_default())
            }
            _ => false,
        }
    }

    fn chooses(&self, value: &str) -> bool {
        let listed = self.values.iter().any(|one| one == value);
        match self.operator.as_str() {
            "In" => listed,
            "NotIn" => !listed,
            "Exists" => !value.is_empty(),
            _ => value.is_empty(),
        }
    }
}
