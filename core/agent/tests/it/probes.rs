//! Probes against a real server on a local port.

use crate::world::{World, condition, ready, restarts, task};
use quorate_executor::Stop;
use quorate_seams::{Task, spawn};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A server that answers every request with one status.
struct Server {
    port: u16,
    status: Arc<AtomicU16>,
    _task: Task<()>,
}

impl Server {
    async fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let status = Arc::new(AtomicU16::new(status));
        let answer = status.clone();
        let task = spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 4096];
                let read = stream.read(&mut request).await.unwrap_or(0);
                let request = String::from_utf8_lossy(&request[..read]).into_owned();
                let known = request.starts_with("GET /healthz?full=1 HTTP/1.1\r\n");
                let status = if known { answer.load(Ordering::SeqCst) } else { 404 };
                let response = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
                // A prober that has hung up needs no answer.
                let _ = stream.write_all(response.as_bytes()).await;
            }
        });
        Self { port, status, _task: task }
    }

    fn probe(&self) -> serde_json::Value {
        let get = json!({"host": "127.0.0.1", "port": "http", "path": "/healthz?full=1"});
        json!({"httpGet": get, "periodSeconds": 1, "failureThreshold": 2})
    }

    fn container(&self, probes: serde_json::Value) -> serde_json::Value {
        let ports = json!([{"name": "http", "containerPort": self.port}]);
        let mut container = json!({"name": "main", "image": "app", "ports": ports});
        container.as_object_mut().unwrap().extend(probes.as_object().unwrap().clone());
        json!({"containers": [container], "terminationGracePeriodSeconds": 4})
    }
}

/// Lets time pass until a pod's status is as wanted.
async fn pass_until(world: &World, name: &str, wanted: impl Fn(&quorate_kinds::PodStatus) -> bool) {
    for _ in 0..100 {
        let pod = world.cache.snapshot().get::<quorate_kinds::Pod>(&crate::world::key(name));
        if pod.and_then(|pod| pod.value.status.clone()).is_some_and(|status| wanted(&status)) {
            return;
        }
        world.pass(Duration::from_millis(500)).await;
        world.real.sleep(Duration::from_millis(20)).await;
    }
    panic!("pod {name} never got there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_follows_the_server_and_is_found_at_once() {
    let world = World::new().await;
    let _agent = world.agent().await;
    let server = Server::start(200).await;
    world.pod("web", server.container(json!({"readinessProbe": server.probe()}))).await;
    // The clock stands still: the first question alone makes the pod ready.
    world.running("web").await;
    server.status.store(503, Ordering::SeqCst);
    pass_until(&world, "web", |status| condition(status, "Ready").as_deref() == Some("False"))
        .await;
    let pod = world.cache.snapshot().get::<quorate_kinds::Pod>(&crate::world::key("web")).unwrap();
    let status = pod.value.status.clone().unwrap();
    assert_eq!((status.phase.as_deref(), restarts(&status)), (Some("Running"), 0));
    let ready_condition =
        status.conditions.unwrap().into_iter().find(|c| c.type_ == "Ready").unwrap();
    assert!(ready_condition.message.unwrap().contains("status 503"));
    server.status.store(204, Ordering::SeqCst);
    pass_until(&world, "web", ready).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_liveness_probe_stops_the_container_and_it_runs_again() {
    let world = World::new().await;
    let _agent = world.agent().await;
    let server = Server::start(200).await;
    let uid = world.pod("web", server.container(json!({"livenessProbe": server.probe()}))).await;
    world.running("web").await;
    server.status.store(500, Ordering::SeqCst);
    pass_until(&world, "web", |status| restarts(status) >= 1).await;
    let stop = world.executor.state().stops[&task(&uid, 0)];
    assert_eq!(stop, Stop::Graceful { grace: Duration::from_secs(4) });
    server.status.store(200, Ordering::SeqCst);
    pass_until(&world, "web", ready).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_startup_probe_holds_back_readiness_and_liveness() {
    let world = World::new().await;
    let _agent = world.agent().await;
    let server = Server::start(503).await;
    let startup = json!({
        "tcpSocket": {"host": "127.0.0.1", "port": 1}, "periodSeconds": 1, "failureThreshold": 100,
    });
    let closed = json!({"startupProbe": startup, "livenessProbe": server.probe(), "readinessProbe": server.probe()});
    world.pod("closed", server.container(closed)).await;
    world
        .status("closed", "running", |s| (s.phase.as_deref() == Some("Running")).then_some(()))
        .await;
    world.pass(Duration::from_secs(5)).await;
    let state = |status: &quorate_kinds::PodStatus| {
        let container = &status.container_statuses.as_ref().unwrap()[0];
        (container.started, container.ready, container.restart_count)
    };
    let seen = world.status("closed", "there", |status| Some(state(status))).await;
    assert_eq!(seen, (Some(false), false, 0), "a failing liveness probe is not asked yet");
    server.status.store(200, Ordering::SeqCst);
    let tcp = json!({"tcpSocket": {"host": "127.0.0.1", "port": server.port}});
    let open = json!({"startupProbe": tcp, "readinessProbe": server.probe()});
    world.pod("open", server.container(open)).await;
    let status = world.running("open").await;
    assert_eq!(state(&status), (Some(true), true, 0));
}
