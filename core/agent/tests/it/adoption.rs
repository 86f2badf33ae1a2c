//! What the next agent makes of what the last one left.

use crate::world::{World, key, ready, restarts, task};
use quorate_agent::StopMode;
use quorate_executor::{Executor, Observed, Resources, TaskSpec};
use quorate_resources::DeleteOptions;
use quorate_types::{GroupKind, Uid};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn running_tasks_are_adopted_with_their_attempt_and_never_restarted() {
    let world = World::new().await;
    let agent = world.agent().await;
    let (kept, ended) = (world.simple_pod("kept").await, world.simple_pod("ended").await);
    let address = world.running("kept").await.pod_ip;
    world.running("ended").await;
    world.executor.exit(&task(&kept, 0), Some(1), None);
    world.waiting("kept", "CrashLoopBackOff").await;
    world.pass(Duration::from_secs(2)).await;
    let second = |status: &_| (ready(status) && restarts(status) == 1).then_some(());
    world.status("kept", "in its second run", second).await;
    agent.kill();
    world.executor.exit(&task(&ended, 0), Some(42), None);
    let late = world.simple_pod("late").await;
    let _agent = world.agent().await;
    let exit_code = |status: &quorate_kinds::PodStatus| {
        let last = status.container_statuses.as_ref()?[0].last_state.clone()?;
        Some(last.terminated?.exit_code)
    };
    assert_eq!(world.status("ended", "reported as ended", exit_code).await, 42);
    assert_eq!(world.running("late").await.phase.as_deref(), Some("Running"));
    let status = world.running("kept").await;
    assert_eq!((restarts(&status), status.pod_ip), (1, address));
    let state = world.executor.state();
    assert!(matches!(state.tasks[&task(&kept, 1)], Observed::Running(_)));
    assert!(state.starts.values().all(|starts| *starts == 1), "{:?}", state.starts);
    assert!(state.starts.contains_key(&task(&late, 0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_are_adopted_even_without_the_journal() {
    let world = World::new().await;
    let agent = world.agent().await;
    let uid = world.simple_pod("web").await;
    let address = world.running("web").await.pod_ip;
    agent.stop(StopMode::LeaveTasks).await.unwrap();
    std::fs::remove_dir_all(world.dir.path().join("journal")).unwrap();
    let _agent = world.agent().await;
    world.executor.exit(&task(&uid, 0), Some(1), None);
    world.waiting("web", "CrashLoopBackOff").await;
    world.pass(Duration::from_secs(2)).await;
    let second = |status: &_| (ready(status) && restarts(status) == 1).then(|| status.clone());
    let status: quorate_kinds::PodStatus = world.status("web", "restarted", second).await;
    assert_eq!(status.pod_ip, address);
    assert_eq!(world.executor.state().starts[&task(&uid, 0)], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_of_pods_that_are_gone_are_stopped_and_removed() {
    let world = World::new().await;
    let agent = world.agent().await;
    let (gone, kept) = (world.simple_pod("gone").await, world.simple_pod("kept").await);
    world.running("gone").await;
    world.running("kept").await;
    let pod_dir = world.executor.state().specs[&task(&gone, 0)].pod_dir.clone();
    agent.kill();
    let options = DeleteOptions { grace_seconds: Some(0), ..DeleteOptions::default() };
    let deleted = world.objects.delete(&GroupKind::new("", "Pod"), &key("gone"), options).await;
    assert!(deleted.unwrap().is_removed());
    let foreign = Uid::from_stored("11111111-2222-4333-8444-555555555555");
    let mut spec = TaskSpec {
        resources: Resources::default(),
        ..world.executor.state().specs[&task(&kept, 0)].clone()
    };
    spec.id = task(&foreign, 3);
    world.executor.create(&spec).await.unwrap();
    world.executor.start(&spec.id).await.unwrap();
    world.gone("gone").await;
    let _agent = world.agent().await;
    world
        .eventually("orphans are freed", || {
            let state = world.executor.state();
            state.freed.contains(&gone) && state.freed.contains(&foreign)
        })
        .await;
    world.eventually("their directory is gone", || !pod_dir.exists()).await;
    let state = world.executor.state();
    assert_eq!(state.tasks.keys().collect::<Vec<_>>(), [&task(&kept, 0)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_touched_before_the_executor_has_said_what_it_holds() {
    let world = World::new().await;
    world.executor.state().mute = true;
    let agent = world.agent().await;
    world.simple_pod("web").await;
    world.pass(Duration::from_secs(20)).await;
    assert!(world.executor.state().specs.is_empty() && agent.status().executors.is_empty());
    world.executor.state().mute = false;
    world.pass(Duration::from_secs(20)).await;
    world.running("web").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_with_tasks_ends_them_and_a_kill_takes_them_away() {
    let world = World::new().await;
    let agent = world.agent().await;
    world.simple_pod("web").await;
    world.running("web").await;
    assert!(agent.kill_workloads().await.is_err(), "a running agent would start them again");
    let grace = Duration::from_secs(5);
    agent.stop(StopMode::StopTasks { grace }).await.unwrap();
    let ended = |observed: &Observed| matches!(observed, Observed::Exited(_));
    assert!(world.executor.state().tasks.values().all(ended));
    let node = quorate_types::ObjectKey::cluster("node-1");
    // Written before the stop returned; the cache hears of it a moment later.
    world
        .eventually("the node is announced as not ready", || {
            let node = world.cache.snapshot().get::<quorate_kinds::Node>(&node);
            let status = node.and_then(|node| node.value.status.clone());
            let conditions = status.and_then(|status| status.conditions).unwrap_or_default();
            conditions.iter().any(|it| it.type_ == "Ready" && it.status == "False")
        })
        .await;
    agent.kill_workloads().await.unwrap();
    assert!(world.executor.state().tasks.is_empty());
}
