//! Reading a pod's specification into a plan, and refusing what this agent cannot do.

use crate::machine::{ContainerPlan, PodPlan, RestartPolicy};
use crate::probe::{ContainerProbes, read_probes};
use crate::volumes;
use quorate_executor::Capabilities;
use quorate_kinds::k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use std::time::Duration;

/// Kubernetes' default of `terminationGracePeriodSeconds`.
const DEFAULT_GRACE: u64 = 30;

/// Reads a pod. `executor` is the one that will run it, or why there is none.
pub(crate) fn read_plan(pod: &Pod, executor: Result<Capabilities, String>) -> PodPlan {
    let Some(spec) = &pod.spec else {
        return PodPlan { refused: Some("pod has no spec".to_owned()), ..PodPlan::default() };
    };
    let mut refused = executor.and_then(|capabilities| acceptable(spec, capabilities)).err();
    let mut read = |containers: &mut dyn Iterator<Item = &Container>| {
        containers
            .map(|container| {
                let probes = read_probes(container).unwrap_or_else(|reason| {
                    refused.get_or_insert(reason);
                    ContainerProbes::default()
                });
                ContainerPlan {
                    name: container.name.clone(),
                    image: container.image.clone().unwrap_or_default(),
                    probes,
                }
            })
            .collect()
    };
    let init = read(&mut spec.init_containers.iter().flatten());
    let main = read(&mut spec.containers.iter());
    let restart = match spec.restart_policy.as_deref() {
        Some("Never") => RestartPolicy::Never,
        Some("OnFailure") => RestartPolicy::OnFailure,
        _ => RestartPolicy::Always,
    };
    PodPlan { restart, init, main, grace: Duration::from_secs(grace_seconds(pod)), refused }
}

/// The pod's grace period.
pub(crate) fn grace_seconds(pod: &Pod) -> u64 {
    let given = pod.spec.as_ref().and_then(|spec| spec.termination_grace_period_seconds);
    given.map_or(DEFAULT_GRACE, |seconds| u64::try_from(seconds).unwrap_or(0))
}

fn acceptable(spec: &PodSpec, capabilities: Capabilities) -> Result<(), String> {
    if let Some(reason) = spec.volumes.iter().flatten().find_map(volumes::unsupported) {
        return Err(reason);
    }
    for container in spec.init_containers.iter().flatten() {
        if container.restart_policy.is_some() {
            return Err(format!(
                "init container {:?}: restartPolicy is not supported, make it a container proper",
                container.name
            ));
        }
    }
    let mut containers = spec.init_containers.iter().flatten().chain(&spec.containers);
    let mounting = containers.find(|c| c.volume_mounts.as_ref().is_some_and(|m| !m.is_empty()));
    if let Some(container) = mounting.filter(|_| !capabilities.mounts) {
        return Err(format!(
            "container {:?}: volumeMounts: the executor cannot mount; leave volumeMounts out and \
             read the volume at volumes/<name> in the pod's directory",
            container.name
        ));
    }
    let hooked = spec.containers.iter().find(|container| container.lifecycle.is_some());
    hooked.map_or(Ok(()), |container| {
        Err(format!("container {:?}: lifecycle hooks are not supported", container.name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn refusal(spec: Value) -> Option<String> {
        let pod = serde_json::from_value(json!({"metadata": {}, "spec": spec})).unwrap();
        read_plan(&pod, Ok(Capabilities::default())).refused
    }

    #[test]
    fn what_cannot_be_done_is_refused_before_anything_runs() {
        for (spec, wanted) in [
            (
                json!({"containers": [{"name": "a", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]}),
                "cannot mount",
            ),
            (json!({"containers": [{"name": "a", "lifecycle": {}}]}), "lifecycle hooks"),
            (
                json!({"containers": [{"name": "a"}], "initContainers": [{"name": "i", "restartPolicy": "Always"}]}),
                "init container \"i\"",
            ),
            (
                json!({"containers": [{"name": "a", "livenessProbe": {"exec": {"command": ["x"]}}}]}),
                "livenessProbe: exec",
            ),
            (
                json!({"containers": [{"name": "a"}], "volumes": [{"name": "v", "hostPath": {"path": "/"}}]}),
                "volume \"v\"",
            ),
        ] {
            let refused = refusal(spec).unwrap();
            assert!(refused.contains(wanted), "{refused}");
        }
        assert_eq!(refusal(json!({"containers": [{"name": "a"}]})), None);
    }

    #[test]
    fn a_missing_executor_is_the_reason_given() {
        let pod = json!({"metadata": {}, "spec": {"containers": [{"name": "a"}]}});
        let plan = read_plan(&serde_json::from_value(pod).unwrap(), Err("no docker here".into()));
        assert_eq!(plan.refused.as_deref(), Some("no docker here"));
        assert_eq!((plan.main.len(), plan.grace.as_secs()), (1, 30));
    }
}
