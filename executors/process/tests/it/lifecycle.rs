//! From creation to removal, and every call twice.

use crate::support::{Node, pod, processes, said, shims_below, token, until};
use quorate_executor::{Error, Executor, ExitCause, Health, Observed, Stop};
use std::time::Duration;

#[tokio::test]
async fn a_task_goes_through_its_states_and_leaves_nothing_behind() {
    let node = Node::new();
    let (pod, token) = (pod(), token());
    let spec = node.marked(&pod, "main", "echo up; while :; do sleep 1; done", &token);
    assert_eq!(node.executor.health().await, Health::Healthy);
    assert_eq!(node.executor.observe(&spec.id).await, Observed::Absent);
    node.executor.create(&spec).await.unwrap();
    assert_eq!(node.executor.observe(&spec.id).await, Observed::Created);
    let started = node.executor.start(&spec.id).await.unwrap();
    assert_eq!(node.executor.observe(&spec.id).await, Observed::Running(started.clone()));
    said(&spec, "up").await;
    assert!(processes(&token).contains(&i32::try_from(started.pid.unwrap()).unwrap()));

    node.executor.stop(&spec.id, Stop::Kill).await.unwrap();
    let record = node.exit(&spec.id).await;
    assert_eq!((record.code, record.signal), (None, Some(9)));
    assert_eq!(record.cause, ExitCause::Normal);
    assert_eq!(record.started_ms, started.started_ms);
    assert!(record.finished_ms >= record.started_ms && record.started_ms > 0);
    node.executor.remove(&spec.id).await.unwrap();
    assert_eq!(node.executor.observe(&spec.id).await, Observed::Absent);

    node.executor.remove_pod(&pod).await.unwrap();
    assert_eq!(std::fs::read_dir(node.runtime()).unwrap().count(), 0, "no file is left");
    until("no shim is left", || shims_below(&node.runtime()).is_empty()).await;
    assert_eq!(processes(&token), [0; 0]);
}

#[tokio::test]
async fn exit_code_and_signal_are_kept_apart() {
    let node = Node::new();
    let pod = pod();
    let expected = [
        ("exit 0", Some(0), None),
        ("exit 7", Some(7), None),
        ("exit 143", Some(143), None),
        ("kill -TERM $$", None, Some(15)),
        ("kill -KILL $$", None, Some(9)),
    ];
    for (attempt, (script, code, signal)) in (0..).zip(expected) {
        let mut spec = node.shell(&pod, "main", script);
        spec.id.attempt = attempt;
        let record = node.run_out(&spec).await;
        assert_eq!((record.code, record.signal), (code, signal), "{script}");
    }
}

#[tokio::test]
async fn every_call_may_be_repeated() {
    let node = Node::new();
    let (pod, token) = (pod(), token());
    let spec = node.marked(&pod, "main", "while :; do sleep 1; done", &token);
    let executor = &node.executor;
    executor.create(&spec).await.unwrap();
    executor.create(&spec).await.unwrap();
    let (first, second) = tokio::join!(executor.start(&spec.id), executor.start(&spec.id));
    assert_eq!(first.unwrap(), second.unwrap());
    executor.start(&spec.id).await.unwrap();
    executor.create(&spec).await.unwrap();
    // The shell forks for its commands; a second run would stay.
    until("it runs once", || processes(&token).len() == 1).await;
    assert!(matches!(executor.remove(&spec.id).await, Err(Error::Invalid { .. })));
    assert!(matches!(executor.remove_pod(&pod).await, Err(Error::Invalid { .. })));

    executor.stop(&spec.id, Stop::Kill).await.unwrap();
    executor.stop(&spec.id, Stop::Kill).await.unwrap();
    let record = node.exit(&spec.id).await;
    executor.stop(&spec.id, Stop::Graceful { grace: Duration::ZERO }).await.unwrap();
    executor.create(&spec).await.unwrap();
    assert_eq!(executor.observe(&spec.id).await, Observed::Exited(record));
    assert!(matches!(executor.start(&spec.id).await, Err(Error::Invalid { .. })));

    for _ in 0..2 {
        executor.remove(&spec.id).await.unwrap();
        executor.stop(&spec.id, Stop::Kill).await.unwrap();
    }
    assert!(matches!(executor.start(&spec.id).await, Err(Error::Absent(_))));
    for _ in 0..2 {
        executor.remove_pod(&pod).await.unwrap();
        executor.remove(&spec.id).await.unwrap();
    }
    assert!(matches!(executor.start(&spec.id).await, Err(Error::Absent(_))));
}

#[tokio::test]
async fn a_graceful_stop_lets_the_task_end_by_itself() {
    let node = Node::new();
    let spec =
        node.shell(&pod(), "main", "trap 'exit 3' TERM; echo up; while :; do sleep 0.01; done");
    node.run(&spec).await;
    said(&spec, "up").await;
    let grace = Duration::from_secs(600);
    node.executor.stop(&spec.id, Stop::Graceful { grace }).await.unwrap();
    assert_eq!(node.exit(&spec.id).await.code, Some(3));
}

#[tokio::test]
async fn a_task_that_ignores_term_is_killed_after_its_grace() {
    let node = Node::new();
    let script = "trap 'echo ignored' TERM; echo up; while :; do sleep 0.01; done";
    let spec = node.shell(&pod(), "main", script);
    let started = node.run(&spec).await;
    said(&spec, "up").await;
    let grace = Duration::from_millis(300);
    node.executor.stop(&spec.id, Stop::Graceful { grace }).await.unwrap();
    said(&spec, "ignored").await;
    assert!(matches!(
        node.executor.observe(&spec.id).await,
        Observed::Running(_) | Observed::Exited(_)
    ));
    let record = node.exit(&spec.id).await;
    assert_eq!((record.code, record.signal), (None, Some(9)));
    assert!(record.finished_ms - started.started_ms >= 300, "not before its grace was over");
}

#[tokio::test]
async fn a_shorter_grace_and_a_kill_override_a_longer_grace() {
    let node = Node::new();
    let pod = pod();
    let overrides = [Stop::Kill, Stop::Graceful { grace: Duration::from_millis(1) }];
    for (attempt, how) in (0..).zip(overrides) {
        let mut spec =
            node.shell(&pod, "main", "trap '' TERM; echo up; while :; do sleep 0.01; done");
        spec.id.attempt = attempt;
        spec.log_path.set_extension(attempt.to_string());
        node.run(&spec).await;
        said(&spec, "up").await;
        let long = Stop::Graceful { grace: Duration::from_secs(600) };
        node.executor.stop(&spec.id, long).await.unwrap();
        node.executor.stop(&spec.id, how).await.unwrap();
        assert_eq!(node.exit(&spec.id).await.signal, Some(9));
    }
}

#[tokio::test]
async fn pods_do_not_share_anything() {
    let node = Node::new();
    let (one, two) = (pod(), pod());
    let specs = [&one, &two].map(|pod| node.shell(pod, "main", "while :; do sleep 1; done"));
    for spec in &specs {
        node.run(spec).await;
    }
    crate::support::kill(node.shim(&one));
    assert_eq!(node.exit(&specs[0].id).await.cause, ExitCause::ExecutorLost);
    assert!(matches!(node.executor.observe(&specs[1].id).await, Observed::Running(_)));
    node.executor.stop(&specs[1].id, Stop::Kill).await.unwrap();
    assert_eq!(node.exit(&specs[1].id).await.signal, Some(9));
}
