//! Bounds of what is requested in a namespace, by its limit ranges: what containers leave out is
//! filled in, what is out of bounds is refused.

pub(crate) mod amounts;
mod check;

use crate::near;
use amounts::{Amounts, read};
use async_trait::async_trait;
use quorate_kinds::LimitRange;
use quorate_resources::{Admission, Claims, Error, Kind, Object, Objects, Operation};
use quorate_types::GroupKind;
use serde_json::{Value, json};

/// Fills in and bounds what pods and claims request.
#[derive(Clone, Copy, Debug)]
pub struct Limits;

/// One entry of a limit range.
#[derive(Clone, Debug, Default)]
struct Limit {
    kind: String,
    min: Amounts,
    max: Amounts,
    default: Amounts,
    default_request: Amounts,
    ratio: Amounts,
}

impl Limit {
    fn of(value: &Value) -> Self {
        let amounts = |field: &str| read(value.get(field));
        Self {
            kind: value["type"].as_str().unwrap_or_default().to_owned(),
            min: amounts("min"),
            max: amounts("max"),
            default: amounts("default"),
            default_request: amounts("defaultRequest"),
            ratio: amounts("maxLimitRequestRatio"),
        }
    }
}

#[async_trait]
impl Admission for Limits {
    fn name(&self) -> &'static str {
        "LimitRanger"
    }

    async fn admit(
        &self,
        objects: &Objects,
        operation: Operation,
        object: &mut Object,
        _old: Option<&Object>,
    ) -> Result<Claims, Error> {
        let kind = object.group_kind();
        let is_pod = kind == GroupKind::new("", "Pod");
        let is_claim = kind == GroupKind::new("", "PersistentVolumeClaim");
        if operation != Operation::Create || !(is_pod || is_claim) {
            return Ok(Claims::default());
        }
        let limits = limits(objects, object).await?;
        let faults = if is_pod {
            limits.iter().filter(|limit| limit.kind == "Container").for_each(|limit| {
                fill(object, limit);
            });
            check::pod(object, &limits)
        } else {
            check::claim(object, &limits)
        };
        match &faults[..] {
            [] => Ok(Claims::default()),
            [one] => Err(denied(object, one.clone())),
            many => Err(denied(object, format!("[{}]", many.join(", ")))),
        }
    }
}

fn denied(object: &Object, reason: String) -> Error {
    Error::Denied { kind: object.group_kind(), key: object.key(), reason }
}

async fn limits(objects: &Objects, object: &Object) -> Result<Vec<Limit>, Error> {
    let namespace = object.metadata.namespace.as_deref();
    let ranges = near::list(objects, LimitRange::group_kind(), namespace).await?;
    let items = ranges.iter().filter_map(|range| range.pointer("/spec/limits")?.as_array());
    Ok(items.flatten().map(Limit::of).collect())
}

/// Fills in what containers neither request nor limit.
fn fill(pod: &mut Object, limit: &Limit) {
    for list in ["containers", "initContainers"] {
        let containers = pod.body.get_mut("spec").and_then(|spec| spec.get_mut(list));
        let containers = containers.and_then(Value::as_array_mut).into_iter().flatten();
        for container in containers {
            for (field, amounts) in
                [("limits", &limit.default), ("requests", &limit.default_request)]
            {
                for (name, amount) in amounts {
                    if container.pointer(&format!("/resources/{field}/{}", escaped(name))).is_none()
                    {
                        let path = ["resources", field, name.as_str()];
                        crate::edit::set(container, &path, json!(amount.to_string()));
                    }
                }
            }
        }
    }
}

/// A name as part of a JSON pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests;
