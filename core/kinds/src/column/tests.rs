use super::text::duration;
use quorate_resources::Object;
use serde_json::{Value, json};

#[test]
fn ages_read_as_kubectl_users_know_them() {
    let cases = [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (200, "3m20s"),
        (3600, "60m"),
        (4 * 3600 + 60, "4h1m"),
        (30 * 3600, "30h"),
        (3 * 86_400 + 3600, "3d1h"),
        (100 * 86_400, "100d"),
        (3 * 365 * 86_400, "3y"),
        (-5, "<invalid>"),
    ];
    for (seconds, expected) in cases {
        assert_eq!(duration(seconds), expected, "{seconds}");
    }
}

fn row(value: Value) -> Vec<Value> {
    let object = Object::from_value(value).unwrap();
    let registry = crate::registry();
    let info = registry.resolve(&object.api_version, &object.kind).unwrap();
    let cells = info.columns.iter().filter(|column| column.priority == 0);
    cells.map(|column| (column.cell)(&object, 1_767_225_660)).collect()
}

#[test]
fn a_pod_tells_what_its_containers_are_at() {
    let pod = |status: Value| {
        row(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": "a", "creationTimestamp": "2026-01-01T00:00:00Z" },
            "spec": { "containers": [{ "name": "x" }] }, "status": status,
        }))
    };
    let running = pod(json!({ "phase": "Running", "containerStatuses": [
        { "ready": true, "restartCount": 2, "state": { "running": {} } },
    ] }));
    assert_eq!(running, [json!("a"), json!("1/1"), json!("Running"), json!("2"), json!("60s")]);
    let waiting = pod(json!({ "phase": "Running", "containerStatuses": [
        { "ready": false, "restartCount": 0, "state": { "waiting": { "reason": "CrashLoopBackOff" } } },
    ] }));
    assert_eq!(waiting[2], "CrashLoopBackOff");
    let ended = pod(json!({ "phase": "Failed", "containerStatuses": [
        { "restartCount": 0, "state": { "terminated": { "exitCode": 3 } } },
    ] }));
    assert_eq!(ended[2], "ExitCode:3");
    let starting = pod(json!({ "phase": "Pending", "initContainerStatuses": [
        { "state": { "running": {} } },
    ] }));
    assert_eq!(starting[2], "Init:0/0");
}

#[test]
fn a_service_tells_its_ports() {
    let cells = row(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web" },
        "spec": { "type": "NodePort", "clusterIP": "10.0.0.1", "ports": [
            { "port": 80, "nodePort": 30080, "protocol": "TCP" }, { "port": 53, "protocol": "UDP" },
        ] },
    }));
    assert_eq!(cells[4], "80:30080/TCP,53/UDP");
}

#[test]
fn a_binding_tells_its_role() {
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": { "name": "b", "creationTimestamp": "2026-01-01T00:00:00Z" },
        "roleRef": { "kind": "ClusterRole", "name": "view" },
        "subjects": [{ "kind": "ServiceAccount", "namespace": "a", "name": "b" }],
    });
    assert_eq!(row(binding), [json!("b"), json!("ClusterRole/view"), json!("60s")]);
}
