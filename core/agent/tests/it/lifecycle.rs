//! Start, ends, back-off, trouble.

use crate::world::{World, ready, restarts, task};
use quorate_executor::Observed;
use serde_json::json;
use std::time::Duration;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bound_pod_runs_with_its_environment_and_its_own_address() {
    let world = World::new().await;
    world
        .create(json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "settings", "namespace": "shop"}, "data": {"greeting": "hello"},
        }))
        .await;
    let _agent = world.agent().await;
    let field = |path: &str| json!({"fieldRef": {"fieldPath": path}});
    let main = json!({
        "name": "main", "image": "app",
        "command": ["/bin/app"], "args": ["--listen=$(POD_IP):80"],
        "env": [
            {"name": "POD_IP", "valueFrom": field("status.podIP")},
            {"name": "POD", "valueFrom": field("metadata.name")},
        ],
        "envFrom": [{"configMapRef": {"name": "settings"}}],
        "resources": {"limits": {"cpu": "250m", "memory": "64Mi"}},
        "volumeMounts": [{"name": "conf", "mountPath": "/etc/app"}],
    });
    let volumes = json!([{"name": "conf", "configMap": {"name": "settings"}}]);
    let uid = world.pod("web", json!({"containers": [main], "volumes": volumes})).await;
    world.simple_pod("other").await;
    let status = world.running("web").await;
    let other = world.running("other").await;
    let ip = status.pod_ip.unwrap();
    assert!(ip.starts_with("127.10.0.") && Some(&ip) != other.pod_ip.as_ref());
    assert_eq!(status.host_ip.as_deref(), Some("127.10.0.1"));
    let spec = world.executor.state().specs[&task(&uid, 0)].clone();
    assert_eq!(spec.args, [format!("--listen={ip}:80")]);
    let env = |k: &str, v: &str| (k.to_owned(), v.to_owned());
    assert_eq!(spec.env, [env("greeting", "hello"), env("POD_IP", &ip), env("POD", "web")]);
    assert_eq!(spec.resources.cpu_milli, Some(250));
    assert_eq!(spec.resources.memory_bytes, Some(64 << 20));
    let file = spec.mounts[0].host_path.join("greeting");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "hello");
    assert!(spec.log_path.starts_with(&spec.pod_dir));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crashing_container_is_restarted_after_growing_waits() {
    let world = World::new().await;
    let _agent = world.agent().await;
    let uid = world.simple_pod("web").await;
    world.running("web").await;
    for (attempt, wait) in [(0, 1), (1, 2), (2, 4)] {
        world.executor.exit(&task(&uid, attempt), Some(7), None);
        world.waiting("web", "CrashLoopBackOff").await;
        world.pass(secs(wait) - Duration::from_millis(50)).await;
        assert!(!world.executor.state().tasks.contains_key(&task(&uid, attempt + 1)), "too early");
        world.clock.advance(Duration::from_millis(100));
        let attempt = i32::try_from(attempt).unwrap() + 1;
        let back =
            |status: &_| (ready(status) && restarts(status) == attempt).then(|| status.clone());
        let status = world.status("web", "restarted", back).await;
        let last = status.container_statuses.unwrap()[0].last_state.clone().unwrap();
        assert_eq!(last.terminated.unwrap().exit_code, 7);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_that_never_restarts_succeeds_or_fails_and_frees_its_executor() {
    let world = World::new().await;
    let _agent = world.agent().await;
    for (name, code, phase) in [("good", 0, "Succeeded"), ("bad", 3, "Failed")] {
        let containers = json!([{"name": "main", "image": "app"}]);
        let spec = json!({"restartPolicy": "Never", "containers": containers});
        let uid = world.pod(name, spec).await;
        world.running(name).await;
        world.executor.exit(&task(&uid, 0), Some(code), None);
        world.status(name, phase, |s| (s.phase.as_deref() == Some(phase)).then_some(())).await;
        world.eventually("freed", || world.executor.state().freed.contains(&uid)).await;
        let started: Vec<_> = world.executor.state().starts.values().copied().collect();
        assert!(started.iter().all(|times| *times == 1), "{started:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn init_containers_run_to_success_first() {
    let world = World::new().await;
    let _agent = world.agent().await;
    let containers = json!([{"name": "main", "image": "app"}]);
    let init = json!([{"name": "setup", "image": "app"}]);
    let uid = world.pod("web", json!({"initContainers": init, "containers": containers})).await;
    let mut setup = task(&uid, 0);
    setup.name = "setup".into();
    world.eventually("setup runs", || world.executor.state().starts.contains_key(&setup)).await;
    assert!(!world.executor.state().tasks.contains_key(&task(&uid, 0)));
    world.executor.exit(&setup, Some(0), None);
    world.running("web").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_run_says_so_while_other_pods_keep_running() {
    let world = World::new().await;
    let _agent = world.agent().await;
    world.simple_pod("fine").await;
    world.pod("no-image", json!({"containers": [{"name": "main", "image": "missing"}]})).await;
    let none = json!({"name": "main", "image": "app", "command": ["/bin/none"]});
    world.pod("no-command", json!({"containers": [none]})).await;
    let exec = json!({"exec": {"command": ["true"]}});
    let probed = json!({"name": "main", "image": "app", "livenessProbe": exec});
    world.pod("no-exec", json!({"containers": [probed]})).await;
    let spec =
        json!({"runtimeClassName": "docker", "containers": [{"name": "main", "image": "app"}]});
    world.pod("no-docker", spec).await;
    let message = world.waiting("no-image", "ErrImagePull").await;
    assert!(message.contains("image \"missing\""), "{message}");
    let message = world.waiting("no-command", "RunContainerError").await;
    assert!(message.contains("/bin/none: no such file"), "{message}");
    let message = world.waiting("no-exec", "CreateContainerConfigError").await;
    assert!(message.contains("exec is not supported"), "{message}");
    let message = world.waiting("no-docker", "CreateContainerConfigError").await;
    assert!(message.contains("\"docker\" is not offered by node node-1"), "{message}");
    world.running("fine").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_that_waits_for_a_config_map_starts_as_soon_as_there_is_one() {
    let world = World::new().await;
    let _agent = world.agent().await;
    let from = json!([{"configMapRef": {"name": "late"}}]);
    world
        .pod("web", json!({"containers": [{"name": "main", "image": "app", "envFrom": from}]}))
        .await;
    let message = world.waiting("web", "CreateContainerConfigError").await;
    assert!(message.contains("ConfigMap \"late\" does not exist"), "{message}");
    let metadata = json!({"name": "late", "namespace": "shop"});
    world.create(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})).await;
    world.running("web").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_executor_restarts_nothing_and_heals_without_a_trace() {
    let world = World::new().await;
    let _agent = world.agent().await;
    let uid = world.simple_pod("web").await;
    world.running("web").await;
    world.executor.cut(true);
    let cut = |status: &_| crate::world::condition(status, "quorate.dev/Reachable");
    assert_eq!(world.status("web", "unreachable", cut).await, "False");
    world.pass(secs(600)).await;
    assert_eq!(world.executor.state().starts.len(), 1);
    world.executor.cut(false);
    let healed = |status: &_| cut(status).is_none().then(|| restarts(status));
    assert_eq!(world.status("web", "healed", healed).await, 0);
    assert!(matches!(world.executor.state().tasks[&task(&uid, 0)], Observed::Running(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_run_while_the_store_is_away_and_are_reported_afterwards() {
    let world = World::new().await;
    let _agent = world.agent().await;
    let uid = world.simple_pod("web").await;
    world.running("web").await;
    for _ in 0..3 {
        world.store.fail_next(quorate_store::Error::Timeout);
    }
    world.executor.exit(&task(&uid, 0), Some(1), None);
    world
        .eventually("removed", || !world.executor.state().tasks.contains_key(&task(&uid, 0)))
        .await;
    world.pass(secs(2)).await;
    world
        .eventually("restarted", || world.executor.state().tasks.contains_key(&task(&uid, 1)))
        .await;
    world.pass(secs(10)).await;
    let back = |status: &_| (ready(status) && restarts(status) == 1).then_some(());
    world.status("web", "reported", back).await;
}
