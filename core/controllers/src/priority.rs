//! Priorities of pods, by the classes they name.
//!
//! Admission fills in what a pod's class says, or the class that is the default for all; the
//! reconciler sees to the two classes of the system itself.

use crate::{edit, near};
use async_trait::async_trait;
use quorate_kinds::PriorityClass;
use quorate_reconcile::{CacheChange, Context, Error, Next, Reconciler, Snapshot, Watch};
use quorate_resources::{
    Admission, Change, Claims, FieldError, Kind, Metadata, Object, Objects, Operation,
};
use quorate_types::{GroupKind, ObjectKey};
use serde_json::{Value, json};

/// The classes of what the cluster itself cannot do without, and their values.
const SYSTEM: &[(&str, i64)] =
    &[("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000)];

/// Fills in the priority of new pods.
#[derive(Clone, Copy, Debug)]
pub struct Priorities;

#[async_trait]
impl Admission for Priorities {
    fn name(&self) -> &'static str {
        "Priority"
    }

    async fn admit(
        &self,
        objects: &Objects,
        operation: Operation,
        object: &mut Object,
        _old: Option<&Object>,
    ) -> Result<Claims, quorate_resources::Error> {
        let kind = PriorityClass::group_kind();
        let is_pod = object.group_kind() == GroupKind::new("", "Pod");
        if operation != Operation::Create || !is_pod || objects.registry().kind(&kind).is_none() {
            return Ok(Claims::default());
        }
        let name = object.pointer("/spec/priorityClassName").and_then(Value::as_str);
        let class = match name.filter(|name| !name.is_empty()) {
            Some(name) => Some(named(objects, object, name).await?),
            None => default_class(objects).await?,
        };
        fill(object, class)?;
        Ok(Claims::default())
    }
}

/// A class as far as pods are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Class {
    name: String,
    value: i64,
    preemption: Option<String>,
}

impl Class {
    fn of(object: &Object) -> Self {
        let text = object.pointer("/preemptionPolicy").and_then(Value::as_str);
        Self {
            name: object.metadata.name.clone(),
            value: object.pointer("/value").and_then(Value::as_i64).unwrap_or(0),
            preemption: text.map(str::to_owned),
        }
    }
}

async fn named(
    objects: &Objects,
    pod: &Object,
    name: &str,
) -> Result<Class, quorate_resources::Error> {
    let kind = PriorityClass::group_kind();
    match objects.get(&kind, &ObjectKey::cluster(name)).await {
        Ok(class) => Ok(Class::of(&class)),
        // The system's own are known before anybody has stored them.
        Err(error) if error.is_not_found() => match SYSTEM.iter().find(|(own, _)| *own == name) {
            Some((name, value)) => {
                let preemption = Some("PreemptLowerPriority".to_owned());
                Ok(Class { name: (*name).to_owned(), value: *value, preemption })
            }
            None => Err(quorate_resources::Error::Denied {
                kind: pod.group_kind(),
                key: pod.key(),
                reason: format!("no PriorityClass with name {name} was found"),
            }),
        },
        Err(error) => Err(error),
    }
}

/// Of several defaults the lowest counts, as in Kubernetes.
async fn default_class(objects: &Objects) -> Result<Option<Class>, quorate_resources::Error> {
    let all = near::list(objects, PriorityClass::group_kind(), None).await?;
    let is_default = |class: &&Object| class.pointer("/globalDefault") == Some(&Value::Bool(true));
    let defaults = all.iter().filter(is_default);
    Ok(defaults.map(Class::of).min_by_key(|class| class.value))
}

fn fill(pod: &mut Object, class: Option<Class>) -> Result<(), quorate_resources::Error> {
    let value = class.as_ref().map_or(0, |class| class.value);
    let given = pod.pointer("/spec/priority").and_then(Value::as_i64);
    if given.is_some_and(|given| given != value) {
        let message = format!("must be {value} or left out: it follows from priorityClassName");
        let fault = FieldError::invalid("spec.priority", message);
        return Err(invalid(pod, fault));
    }
    edit::set_field(pod, &["spec", "priority"], json!(value));
    let Some(class) = class else { return Ok(()) };
    edit::set_field(pod, &["spec", "priorityClassName"], json!(class.name));
    if let Some(policy) = class.preemption {
        edit::set_field(pod, &["spec", "preemptionPolicy"], json!(policy));
    }
    Ok(())
}

fn invalid(pod: &Object, fault: FieldError) -> quorate_resources::Error {
    let (kind, key) = (pod.group_kind(), pod.key());
    quorate_resources::Error::Invalid { kind, key, causes: vec![fault] }
}

/// Stores the system's own classes where they are missing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemClasses;

#[async_trait]
impl Reconciler for SystemClasses {
    fn name(&self) -> &'static str {
        "priorityclass"
    }

    fn watches(&self) -> Vec<Watch> {
        // Every control plane has namespaces; a class that is deleted comes back.
        vec![
            Watch::map(GroupKind::new("", "Namespace"), both),
            Watch::map(PriorityClass::group_kind(), both),
        ]
    }

    async fn reconcile(&self, cx: &Context, key: &ObjectKey) -> Result<Next, Error> {
        let kind = PriorityClass::group_kind();
        let value = SYSTEM.iter().find(|(name, _)| *name == key.name).map(|(_, value)| *value);
        let Some(value) = value.filter(|_| cx.snapshot().object(&kind, key).is_none()) else {
            return Ok(Next::Done);
        };
        let class = Object {
            api_version: PriorityClass::api_version(),
            kind: kind.kind,
            metadata: Metadata { name: key.name.clone(), ..Metadata::default() },
            body: edit::fields(json!({
                "value": value,
                "description": "Used for system critical pods that must run in the cluster.",
            })),
        };
        cx.commit(vec![Change::Create(class)]).await?;
        Ok(Next::Done)
    }
}

fn both(_: &Snapshot, _: &CacheChange) -> Vec<ObjectKey> {
    SYSTEM.iter().map(|(name, _)| ObjectKey::cluster(*name)).collect()
}

#[cfg(test)]
mod tests;
