//! Deletion: grace, escalation, nothing left behind.

use crate::world::{World, condition, task};
use quorate_executor::Stop;
use serde_json::json;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_pod_is_stopped_with_grace_and_leaves_nothing_behind() {
    let world = World::new().await;
    let agent = world.agent().await;
    let uid = world.simple_pod("web").await;
    world.running("web").await;
    let pod_dir = world.executor.state().specs[&task(&uid, 0)].pod_dir.clone();
    assert!(pod_dir.exists());
    world.delete_pod("web").await;
    world.gone("web").await;
    assert_eq!(
        world.executor.state().stops[&task(&uid, 0)],
        Stop::Graceful { grace: Duration::from_secs(30) }
    );
    assert!(world.executor.state().tasks.is_empty() && world.executor.state().freed.contains(&uid));
    assert!(!pod_dir.exists());
    let journal = world.dir.path().join("journal");
    assert_eq!(std::fs::read_dir(journal).unwrap().count(), 0);
    assert!(agent.logs(&crate::world::key("web"), None, Default::default()).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_that_is_stopping_is_not_ready_and_is_killed_when_it_outlives_its_grace() {
    let world = World::new().await;
    let _agent = world.agent().await;
    world.executor.state().stubborn = true;
    let uid = world.simple_pod("web").await;
    world.running("web").await;
    world.delete_pod("web").await;
    let unready = |status: &_| (condition(status, "Ready")? == "False").then_some(());
    world.status("web", "not ready", unready).await;
    assert!(world.executor.state().tasks.contains_key(&task(&uid, 0)));
    for _ in 0..5 {
        world.pass(Duration::from_secs(10)).await;
    }
    world.gone("web").await;
    assert_eq!(world.executor.state().stops[&task(&uid, 0)], Stop::Kill);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_that_cannot_come_up_can_be_deleted() {
    let world = World::new().await;
    let _agent = world.agent().await;
    world.pod("pulling", json!({"containers": [{"name": "main", "image": "endless"}]})).await;
    world.pod("missing", json!({"containers": [{"name": "main", "image": "missing"}]})).await;
    let spec =
        json!({"runtimeClassName": "docker", "containers": [{"name": "main", "image": "x"}]});
    world.pod("foreign", spec).await;
    world.waiting("missing", "ErrImagePull").await;
    world.waiting("foreign", "CreateContainerConfigError").await;
    for name in ["pulling", "missing", "foreign"] {
        world.delete_pod(name).await;
        world.gone(name).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_whose_executor_is_cut_off_stays_until_its_end_is_proven() {
    let world = World::new().await;
    let _agent = world.agent().await;
    world.simple_pod("web").await;
    world.running("web").await;
    world.executor.cut(true);
    world.delete_pod("web").await;
    world.pass(Duration::from_secs(300)).await;
    let kind = quorate_types::GroupKind::new("", "Pod");
    assert!(world.cache.snapshot().object(&kind, &crate::world::key("web")).is_some());
    world.executor.cut(false);
    world.gone("web").await;
}
