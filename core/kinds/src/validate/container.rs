//! Containers.

use super::{Faults, keyed, one_of, port_name, port_number, probe, resources, unique};
use crate::json::At;
use quorate_types::name;

/// What the pod says that matters to its containers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pod<'v> {
    /// Whether containers are processes of the host, which need no image.
    pub(super) is_process: bool,
    /// The pod's volumes.
    pub(super) volumes: &'v [String],
}

pub(super) fn container(at: &At<'_>, pod: Pod<'_>, faults: &mut Faults) {
    let label = at.field("name");
    if label.text().is_empty() {
        faults.push(label.required("must be set"));
    } else if let Err(error) = name::check_dns_label(label.text()) {
        faults.push(label.invalid(error.to_string()));
    }
    image(at, pod, faults);
    one_of(&at.field("imagePullPolicy"), &["Always", "IfNotPresent", "Never"], faults);
    ports(&at.field("ports"), faults);
    environment(at, faults);
    mounts(&at.field("volumeMounts"), pod, faults);
    resources::resources(&at.field("resources"), faults);
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        probe::probe(&at.field(name), faults);
        if name != "readinessProbe" {
            probe::single_success(&at.field(name), faults);
        }
    }
    for name in ["postStart", "preStop"] {
        probe::hook(&at.field("lifecycle").field(name), faults);
    }
}

/// An image, or for processes an absolute path to run.
fn image(at: &At<'_>, pod: Pod<'_>, faults: &mut Faults) {
    let image = at.field("image");
    if !image.text().is_empty() {
        if image.text().trim() != image.text() {
            faults.push(image.invalid("must not begin or end with a space"));
        }
        return;
    }
    if !pod.is_process {
        faults.push(image.required("must be set"));
        return;
    }
    let command = at.field("command");
    match command.items().next() {
        Some(word) if word.text().starts_with('/') => {}
        Some(word) => faults.push(word.invalid(format!(
            "must be an absolute path for a process without image, is {:?}",
            word.text()
        ))),
        None => {
            faults.push(command.required("must name what to run for a process without image"));
        }
    }
}

fn ports(at: &At<'_>, faults: &mut Faults) {
    for port in at.items() {
        let number = port.field("containerPort");
        if number.integer().unwrap_or(0) == 0 {
            faults.push(number.required("must be between 1 and 65535"));
        } else {
            port_number(&number, faults);
        }
        let host = port.field("hostPort");
        if host.integer() != Some(0) {
            port_number(&host, faults);
        }
        port_name(&port.field("name"), faults);
        one_of(&port.field("protocol"), &["TCP", "UDP", "SCTP"], faults);
    }
    unique(keyed(at, "name"), faults);
    let identity = |port: At<'_>| {
        let number = port.field("containerPort").integer().unwrap_or(0);
        let host = port.field("hostIP").text().to_owned();
        format!("{number}/{}{host}", port.field("protocol").text())
    };
    unique(at.items().map(|port| (port.field("containerPort"), identity(port))), faults);
}

fn environment(at: &At<'_>, faults: &mut Faults) {
    let env = at.field("env");
    for variable in env.items() {
        let name = variable.field("name");
        if name.text().is_empty() {
            faults.push(name.required("must be set"));
        } else if name.text().contains(['=', '\0']) {
            faults.push(name.invalid(format!("{:?} must not contain '='", name.text())));
        }
        source(&variable, faults);
    }
    unique(keyed(&env, "name"), faults);
    for from in at.field("envFrom").items() {
        let given = ["configMapRef", "secretRef"].map(|name| from.field(name).is_set());
        if given.iter().filter(|set| **set).count() != 1 {
            faults.push(from.invalid("must have exactly one of configMapRef, secretRef"));
        }
    }
}

fn source(variable: &At<'_>, faults: &mut Faults) {
    let from = variable.field("valueFrom");
    if !from.is_set() {
        return;
    }
    if !variable.field("value").text().is_empty() {
        faults.push(from.invalid("must not be set together with value"));
    }
    let names = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"];
    if names.iter().filter(|name| from.field(name).is_set()).count() != 1 {
        faults.push(from.invalid(format!("must have exactly one of {}", names.join(", "))));
    }
    for name in ["configMapKeyRef", "secretKeyRef"] {
        let reference = from.field(name);
        for part in ["name", "key"] {
            let field = reference.field(part);
            if reference.is_set() && field.text().is_empty() {
                faults.push(field.required("must be set"));
            }
        }
    }
}

fn mounts(at: &At<'_>, pod: Pod<'_>, faults: &mut Faults) {
    for mount in at.items() {
        let name = mount.field("name");
        if !pod.volumes.iter().any(|volume| volume == name.text()) {
            let message = format!("volume {:?} is not among the pod's volumes", name.text());
            faults.push(name.invalid(message));
        }
        let path = mount.field("mountPath");
        if path.text().is_empty() {
            faults.push(path.required("must be set"));
        }
    }
    unique(keyed(at, "mountPath"), faults);
}
