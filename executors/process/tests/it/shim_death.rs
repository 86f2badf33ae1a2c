//! The shim is killed: nothing of it lives on, and nothing is claimed that is not known.

use crate::support::{Node, kill, pod, processes, token, until};
use futures::StreamExt;
use quorate_executor::{Executor, ExitCause, Observed};

const DAEMON: &str =
    r#"(setsid sh -c 'while :; do sleep 0.01; done' "$0" &); while :; do sleep 0.01; done"#;

#[tokio::test]
async fn a_killed_shim_loses_running_tasks_keeps_records_and_leaves_no_process() {
    let node = Node::new();
    let (pod, token) = (pod(), token());
    let ended = node.shell(&pod, "ended", "exit 9");
    let running = node.marked(&pod, "running", DAEMON, &token);
    let created = node.shell(&pod, "created", "exit 2");
    let exit = node.run_out(&ended).await;
    node.executor.create(&created).await.unwrap();
    let started = node.run(&running).await;
    until("its daemon runs", || processes(&token).len() >= 2).await;
    kill(node.shim(&pod));

    let lost = loop {
        match node.executor.observe(&running.id).await {
            Observed::Exited(record) => break record,
            Observed::Running(_) | Observed::Unreachable(_) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(processes(&token), [0; 0], "lost is said only once everything is gone");
    assert_eq!((lost.code, lost.signal, &lost.cause), (None, None, &ExitCause::ExecutorLost));
    assert_eq!(lost.started_ms, started.started_ms);
    assert_eq!(node.executor.observe(&ended.id).await, Observed::Exited(exit));
    assert_eq!(node.executor.observe(&created.id).await, Observed::Created);
    assert_eq!(node.executor.adopt().await.unwrap().len(), 3);

    // A new shim takes over where the records are.
    node.executor.start(&created.id).await.unwrap();
    assert_eq!(node.exit(&created.id).await.code, Some(2));
    assert_eq!(node.executor.observe(&running.id).await, Observed::Exited(lost));
    for spec in [&ended, &running, &created] {
        node.executor.remove(&spec.id).await.unwrap();
    }
    node.executor.remove_pod(&pod).await.unwrap();
    assert_eq!(std::fs::read_dir(node.runtime()).unwrap().count(), 0);
}

#[tokio::test]
async fn while_the_tasks_of_a_dead_shim_may_live_they_are_unreachable() {
    let node = Node::new();
    let pod = pod();
    let spec = node.shell(&pod, "main", "while :; do sleep 0.01; done");
    let started = node.run(&spec).await;
    // A stopped reaper cannot kill, so its task lives on after the shim.
    let main = i32::try_from(started.pid.unwrap()).unwrap();
    let reaper = rustix::process::Pid::from_raw(crate::support::parent_of(main).unwrap()).unwrap();
    rustix::process::kill_process(reaper, rustix::process::Signal::STOP).unwrap();
    let shim = node.shim(&pod);
    kill(shim);
    let parent = || crate::support::parent_of(reaper.as_raw_nonzero().get());
    until("the shim is gone", || parent() != Some(shim)).await;
    let observed = node.executor.observe(&spec.id).await;
    assert!(matches!(observed, Observed::Unreachable(_)), "{observed:?}");
    let found = node.executor.adopt().await.unwrap();
    assert!(matches!(found[0].observed, Observed::Unreachable(_)), "{found:?}");
    assert!(node.executor.remove(&spec.id).await.unwrap_err().is_transient());
    assert!(node.executor.remove_pod(&pod).await.unwrap_err().is_transient());

    rustix::process::kill_process(reaper, rustix::process::Signal::CONT).unwrap();
    assert_eq!(node.exit(&spec.id).await.cause, ExitCause::ExecutorLost);
}

#[tokio::test]
async fn the_death_of_a_shim_is_hinted() {
    let node = Node::new();
    let pod = pod();
    let spec = node.shell(&pod, "main", "while :; do sleep 0.01; done");
    let mut events = node.executor.events();
    node.run(&spec).await;
    kill(node.shim(&pod));
    loop {
        assert_eq!(events.next().await.unwrap().task, spec.id);
        if let Observed::Exited(record) = node.executor.observe(&spec.id).await {
            assert_eq!(record.cause, ExitCause::ExecutorLost);
            break;
        }
    }
}

#[tokio::test]
async fn tasks_can_be_removed_without_their_shim() {
    let node = Node::new();
    let pod = pod();
    let spec = node.shell(&pod, "main", "exit 0");
    node.run_out(&spec).await;
    kill(node.shim(&pod));
    // Until the shim is quite gone, nothing can be known and so nothing be removed.
    while let Err(error) = node.executor.remove(&spec.id).await {
        assert!(error.is_transient(), "{error}");
    }
    assert_eq!(node.executor.observe(&spec.id).await, Observed::Absent);
    node.executor.remove_pod(&pod).await.unwrap();
    assert_eq!(std::fs::read_dir(node.runtime()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn observers_of_a_pod_without_shim_do_not_disturb_each_other() {
    let node = Node::new();
    let pod = pod();
    let spec = node.shell(&pod, "main", "while :; do sleep 0.01; done");
    node.run(&spec).await;
    kill(node.shim(&pod));
    assert_eq!(node.exit(&spec.id).await.cause, ExitCause::ExecutorLost);
    for _ in 0..20 {
        let observers = (0..16).map(|_| {
            let (executor, task) = (node.executor.clone(), spec.id.clone());
            quorate_seams::spawn(async move { executor.observe(&task).await })
        });
        for observer in observers.collect::<Vec<_>>() {
            let observed = observer.join().await.unwrap();
            assert!(matches!(observed, Observed::Exited(_)), "{observed:?}");
        }
    }
}
