//! Whether something is within its bounds; the texts are Kubernetes' in sense. Pure.

use super::Limit;
use super::amounts::{Amounts, containers, of_pod, read};
use quorate_resources::Object;

/// What is out of bounds about a pod.
pub(super) fn pod(pod: &Object, limits: &[Limit]) -> Vec<String> {
    let mut faults = Vec::new();
    for limit in limits {
        match limit.kind.as_str() {
            "Container" => {
                let all = containers(pod, "containers").chain(containers(pod, "initContainers"));
                for container in all {
                    let of = |list: &str| read(container.pointer(&format!("/resources/{list}")));
                    check(limit, &of("requests"), &of("limits"), &mut faults);
                }
            }
            "Pod" => check(limit, &of_pod(pod, "requests"), &of_pod(pod, "limits"), &mut faults),
            _ => {}
        }
    }
    faults
}

/// What is out of bounds about a claim.
pub(super) fn claim(claim: &Object, limits: &[Limit]) -> Vec<String> {
    let requests = read(claim.pointer("/spec/resources/requests"));
    let mut faults = Vec::new();
    for limit in limits.iter().filter(|limit| limit.kind == "PersistentVolumeClaim") {
        check(limit, &requests, &requests, &mut faults);
    }
    faults
}

fn check(limit: &Limit, requests: &Amounts, limits: &Amounts, faults: &mut Vec<String>) {
    let kind = &limit.kind;
    for (name, least) in &limit.min {
        let text = format!("minimum {name} usage per {kind} is {least}");
        match requests.get(name) {
            None => faults.push(format!("{text}, but no request is specified")),
            Some(own) if own < least => faults.push(format!("{text}, but request is {own}")),
            Some(_) => {}
        }
    }
    for (name, most) in &limit.max {
        let text = format!("maximum {name} usage per {kind} is {most}");
        match limits.get(name) {
            None => faults.push(format!("{text}, but no limit is specified")),
            Some(own) if own > most => faults.push(format!("{text}, but limit is {own}")),
            Some(_) => {}
        }
    }
    for (name, ratio) in &limit.ratio {
        let text = format!("{name} max limit to request ratio per {kind} is {ratio}");
        match (requests.get(name), limits.get(name)) {
            (Some(request), Some(most)) if request.milli() > 0 => {
                if most.milli() * 1000 > ratio.milli() * request.milli() {
                    faults.push(format!("{text}, but {most} is more times {request}"));
                }
            }
            _ => faults.push(format!("{text}, but request or limit is not specified")),
        }
    }
}
