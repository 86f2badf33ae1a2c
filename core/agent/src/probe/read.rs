//! Reading the probes of a container's specification.

use super::{ContainerProbes, Probe, ProbeAction};
use quorate_kinds::k8s_openapi::api::core::v1::{Container, HTTPGetAction, Probe as ProbeSpec};
use quorate_kinds::k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::time::Duration;

/// Reads the probes of a container.
///
/// # Errors
/// A probe that this agent cannot carry out, with its field and what to use instead.
pub fn read_probes(container: &Container) -> Result<ContainerProbes, String> {
    let one = |field: &str, spec: &Option<ProbeSpec>| {
        spec.as_ref()
            .map(|spec| read_probe(container, spec))
            .transpose()
            .map_err(|reason| format!("container {:?}: {field}: {reason}", container.name))
    };
    Ok(ContainerProbes {
        startup: one("startupProbe", &container.startup_probe)?,
        readiness: one("readinessProbe", &container.readiness_probe)?,
        liveness: one("livenessProbe", &container.liveness_probe)?,
    })
}

fn read_probe(container: &Container, spec: &ProbeSpec) -> Result<Probe, String> {
    let seconds = |value: Option<i32>, default: u64| {
        let value = value.and_then(|value| u64::try_from(value).ok()).unwrap_or(default);
        Duration::from_secs(value)
    };
    let count = |value: Option<i32>, default: u32| {
        value.and_then(|value| u32::try_from(value).ok()).unwrap_or(default).max(1)
    };
    Ok(Probe {
        action: read_action(container, spec)?,
        initial_delay: seconds(spec.initial_delay_seconds, 0),
        period: seconds(spec.period_seconds, 10).max(Duration::from_secs(1)),
        timeout: seconds(spec.timeout_seconds, 1).max(Duration::from_secs(1)),
        success_threshold: count(spec.success_threshold, 1),
        failure_threshold: count(spec.failure_threshold, 3),
    })
}

fn read_action(container: &Container, spec: &ProbeSpec) -> Result<ProbeAction, String> {
    if let Some(http) = &spec.http_get {
        return read_http(container, http);
    }
    if let Some(tcp) = &spec.tcp_socket {
        let port = read_port(container, &tcp.port)?;
        return Ok(ProbeAction::TcpSocket { host: tcp.host.clone(), port });
    }
    let what = if spec.exec.is_some() {
        "exec is not supported"
    } else if spec.grpc.is_some() {
        "grpc is not supported"
    } else {
        "has no action"
    };
    Err(format!("{what}, use httpGet or tcpSocket"))
}

fn read_http(container: &Container, http: &HTTPGetAction) -> Result<ProbeAction, String> {
    let scheme = http.scheme.as_deref().unwrap_or("HTTP");
    if !scheme.eq_ignore_ascii_case("http") {
        return Err(format!("httpGet.scheme {scheme:?} is not supported, use HTTP or tcpSocket"));
    }
    let path = http.path.clone().filter(|path| !path.is_empty()).unwrap_or_else(|| "/".to_owned());
    let path = if path.starts_with('/') { path } else { format!("/{path}") };
    let headers = http.http_headers.iter().flatten();
    Ok(ProbeAction::HttpGet {
        host: http.host.clone().filter(|host| !host.is_empty()),
        port: read_port(container, &http.port)?,
        path,
        headers: headers.map(|header| (header.name.clone(), header.value.clone())).collect(),
    })
}

fn read_port(container: &Container, port: &IntOrString) -> Result<u16, String> {
    let number = match port {
        IntOrString::Int(number) => *number,
        IntOrString::String(name) => match name.parse() {
            Ok(number) => number,
            Err(_) => container
                .ports
                .iter()
                .flatten()
                .find(|port| port.name.as_ref() == Some(name))
                .map(|port| port.container_port)
                .ok_or_else(|| format!("port {name:?} is not a named port of the container"))?,
        },
    };
    u16::try_from(number)
        .ok()
        .filter(|number| *number != 0)
        .ok_or_else(|| format!("port {number} is not between 1 and 65535"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn probes(probe: Value) -> Result<ContainerProbes, String> {
        let container = json!({
            "name": "web",
            "ports": [{"name": "http", "containerPort": 8080}],
            "readinessProbe": probe,
        });
        read_probes(&serde_json::from_value(container).unwrap())
    }

    #[test]
    fn a_named_port_is_resolved_and_defaults_are_those_of_kubernetes() {
        let probes = probes(json!({"httpGet": {"path": "healthz", "port": "http"}})).unwrap();
        let probe = probes.readiness.unwrap();
        let action = ProbeAction::HttpGet {
            host: None,
            port: 8080,
            path: "/healthz".into(),
            headers: Vec::new(),
        };
        assert_eq!(probe.action, action);
        assert_eq!((probe.period.as_secs(), probe.timeout.as_secs()), (10, 1));
        assert_eq!((probe.success_threshold, probe.failure_threshold), (1, 3));
    }

    #[test]
    fn what_cannot_be_probed_is_refused_with_the_field_and_a_way_out() {
        for (probe, wanted) in [
            (json!({"exec": {"command": ["true"]}}), "exec is not supported, use httpGet"),
            (json!({"grpc": {"port": 1}}), "grpc is not supported"),
            (json!({"tcpSocket": {"port": "metrics"}}), "\"metrics\" is not a named port"),
            (json!({"tcpSocket": {"port": 70000}}), "70000 is not between"),
            (json!({"httpGet": {"port": 1, "scheme": "HTTPS"}}), "\"HTTPS\" is not supported"),
            (json!({}), "has no action"),
        ] {
            let error = probes(probe).unwrap_err();
            assert!(error.contains("container \"web\": readinessProbe: "), "{error}");
            assert!(error.contains(wanted), "{error}");
        }
    }
}
