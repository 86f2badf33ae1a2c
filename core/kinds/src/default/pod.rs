//! Defaults of pods and of the pod templates of workloads.

use crate::json::{Fields, child_mut, child_or_new, fill, items_mut};
use quorate_resources::Object;
use serde_json::Value;

/// Seconds that a pod has to end in good order.
pub(crate) const GRACE_SECONDS: i64 = 30;

pub(crate) fn pod(object: &mut Object) {
    if let Some(spec) = child_or_new(&mut object.body, "spec") {
        pod_spec(spec);
    }
    if let Some(status) = child_or_new(&mut object.body, "status") {
        fill(status, "phase", "Pending");
    }
}

/// Fills in a pod's spec.
pub(super) fn pod_spec(spec: &mut Fields) {
    fill(spec, "restartPolicy", "Always");
    fill(spec, "terminationGracePeriodSeconds", GRACE_SECONDS);
    fill(spec, "dnsPolicy", "ClusterFirst");
    fill(spec, "schedulerName", "default-scheduler");
    fill(spec, "securityContext", Fields::new());
    fill(spec, "enableServiceLinks", true);
    for list in ["containers", "initContainers"] {
        items_mut(spec, list).for_each(container);
    }
    items_mut(spec, "volumes").for_each(volume);
}

fn container(container: &mut Fields) {
    fill(container, "terminationMessagePath", "/dev/termination-log");
    fill(container, "terminationMessagePolicy", "File");
    if let Some(image) = container.get("image").and_then(Value::as_str).filter(|it| !it.is_empty())
    {
        let policy = if is_latest(image) { "Always" } else { "IfNotPresent" };
        fill(container, "imagePullPolicy", policy);
    }
    items_mut(container, "ports").for_each(|port| fill(port, "protocol", "TCP"));
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(fields) = child_mut(container, probe) {
            self::probe(fields);
        }
    }
    if let Some(lifecycle) = child_mut(container, "lifecycle") {
        for hook in ["postStart", "preStop"] {
            if let Some(fields) = child_mut(lifecycle, hook) {
                handler(fields);
            }
        }
    }
    items_mut(container, "env").for_each(env);
    let resources = child_or_new(container, "resources");
    if let Some(resources) = resources {
        requests_from_limits(resources);
    }
}

/// Whether the tag is `latest`, or absent without a digest.
fn is_latest(image: &str) -> bool {
    let name = image.rsplit('/').next().unwrap_or(image);
    if name.contains('@') {
        return false;
    }
    name.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}

fn probe(probe: &mut Fields) {
    fill(probe, "timeoutSeconds", 1);
    fill(probe, "periodSeconds", 10);
    fill(probe, "successThreshold", 1);
    fill(probe, "failureThreshold", 3);
    handler(probe);
    if let Some(grpc) = child_mut(probe, "grpc") {
        fill(grpc, "service", "");
    }
}

fn handler(handler: &mut Fields) {
    if let Some(http) = child_mut(handler, "httpGet") {
        fill(http, "path", "/");
        fill(http, "scheme", "HTTP");
    }
}

fn env(variable: &mut Fields) {
    let source = child_mut(variable, "valueFrom");
    if let Some(field) = source.and_then(|source| child_mut(source, "fieldRef")) {
        fill(field, "apiVersion", "v1");
    }
}

/// What is limited and not requested is requested in full.
fn requests_from_limits(resources: &mut Fields) {
    let Some(Value::Object(limits)) = resources.get("limits").cloned() else { return };
    if let Some(requests) = child_or_new(resources, "requests") {
        for (name, limit) in limits {
            requests.entry(name).or_insert(limit);
        }
    }
}

fn volume(volume: &mut Fields) {
    for source in ["configMap", "secret", "projected", "downwardAPI"] {
        if let Some(fields) = child_mut(volume, source) {
            fill(fields, "defaultMode", 0o644);
        }
    }
    if let Some(path) = child_mut(volume, "hostPath") {
        fill(path, "type", "");
    }
}
