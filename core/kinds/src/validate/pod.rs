//! Pods, and the pod templates of workloads.

use super::{Faults, container, immutable, keyed, not_negative, one_of, resources, unique};
use crate::json::At;
use quorate_resources::{FieldError, FieldReason, Object};
use quorate_types::name;
use serde_json::{Value, json};

/// The runtime class whose containers are processes of the host.
const PROCESS: &str = "process";
/// Fields of a pod's spec that may change.
const MUTABLE: &[&str] =
    &["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "schedulingGates"];

pub(crate) fn pod(object: &Object, old: Option<&Object>) -> Faults {
    let mut faults = Vec::new();
    let spec = At::top(object, "spec");
    pod_spec(&spec, &mut faults);
    if let Some(old) = old {
        unchanged(&spec, &At::top(old, "spec"), &mut faults);
    }
    faults
}

/// The rules of a pod's spec.
pub(super) fn pod_spec(spec: &At<'_>, faults: &mut Faults) {
    pod_spec_with(spec, &[], faults);
}

/// The rules of a pod's spec, whose containers may also mount volumes that come from elsewhere.
pub(super) fn pod_spec_with(spec: &At<'_>, elsewhere: &[String], faults: &mut Faults) {
    let containers = spec.field("containers");
    if containers.items().next().is_none() {
        faults.push(containers.required("must have at least one container"));
    }
    one_of(&spec.field("restartPolicy"), &["Always", "OnFailure", "Never"], faults);
    let policies = ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"];
    one_of(&spec.field("dnsPolicy"), &policies, faults);
    not_negative(&spec.field("terminationGracePeriodSeconds"), faults);
    let deadline = spec.field("activeDeadlineSeconds");
    if deadline.integer().is_some_and(|seconds| seconds < 1) {
        faults.push(deadline.invalid("must be at least 1"));
    }
    labels(&spec.field("nodeSelector"), faults);
    resources::amounts(&spec.field("overhead"), faults);
    tolerations(&spec.field("tolerations"), faults);
    let mut volumes = volumes(&spec.field("volumes"), faults);
    volumes.extend_from_slice(elsewhere);
    let is_process = spec.field("runtimeClassName").text() == PROCESS;
    let pod = container::Pod { is_process, volumes: &volumes };
    let lists = [spec.field("initContainers"), containers];
    for container in lists.iter().flat_map(At::items) {
        container::container(&container, pod, faults);
    }
    unique(lists.iter().flat_map(|list| keyed(list, "name")), faults);
}

fn volumes(at: &At<'_>, faults: &mut Faults) -> Vec<String> {
    for volume in at.items() {
        let label = volume.field("name");
        if let Err(error) = name::check_dns_label(label.text()) {
            faults.push(label.invalid(error.to_string()));
        }
        let sources = volume.entries().filter(|(key, _)| *key != "name").count();
        if sources > 1 {
            faults.push(volume.invalid("must have only one source"));
        }
    }
    unique(keyed(at, "name"), faults);
    at.items().map(|volume| volume.field("name").text().to_owned()).collect()
}

/// Label keys and values, in a map.
pub(super) fn labels(at: &At<'_>, faults: &mut Faults) {
    for (key, entry) in at.entries() {
        let checks = [name::check_label_key(key), name::check_label_value(entry.text())];
        for error in checks.into_iter().filter_map(Result::err) {
            faults.push(entry.invalid(error.to_string()));
        }
    }
}

fn tolerations(at: &At<'_>, faults: &mut Faults) {
    for toleration in at.items() {
        let operator = toleration.field("operator");
        one_of(&operator, &["Exists", "Equal", "Lt", "Gt"], faults);
        let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
        let effect = toleration.field("effect");
        if !effect.text().is_empty() {
            one_of(&effect, &effects, faults);
        }
        if operator.text() == "Exists" && !toleration.field("value").text().is_empty() {
            let value = toleration.field("value");
            faults.push(value.invalid("must be empty when the operator is Exists"));
        }
        if toleration.field("key").text().is_empty() && operator.text() != "Exists" {
            faults.push(operator.invalid("must be Exists when the key is empty"));
        }
    }
}

/// A pod's spec may change in few fields; its node only from none to one.
fn unchanged(new: &At<'_>, old: &At<'_>, faults: &mut Faults) {
    let was_bound = !old.field("nodeName").text().is_empty();
    if was_bound {
        immutable(&new.field("nodeName"), &old.field("nodeName"), faults);
    }
    let (fixed_new, fixed_old) = (fixed(new.value), fixed(old.value));
    let (Value::Object(fixed_new), Value::Object(fixed_old)) = (&fixed_new, &fixed_old) else {
        return;
    };
    let names =
        fixed_new.keys().chain(fixed_old.keys().filter(|key| !fixed_new.contains_key(*key)));
    for name in names.filter(|name| fixed_new.get(*name) != fixed_old.get(*name)) {
        let message = "may not change, only image, tolerations and activeDeadlineSeconds of a pod \
                       may: delete the pod and create it anew";
        let path = new.field(name).path;
        faults.push(FieldError::new(path, FieldReason::Immutable, message));
    }
}

/// The spec without what may change.
fn fixed(spec: &Value) -> Value {
    let mut spec = spec.clone();
    let Some(fields) = spec.as_object_mut() else { return spec };
    fields.remove("nodeName");
    for name in MUTABLE {
        fields.remove(*name);
    }
    for list in ["containers", "initContainers"] {
        let items = fields.get_mut(list).and_then(Value::as_array_mut);
        for container in items.into_iter().flatten().filter_map(Value::as_object_mut) {
            container.insert("image".to_owned(), json!(""));
            container.remove("imagePullPolicy");
        }
    }
    spec
}
