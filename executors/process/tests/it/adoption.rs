//! Agents die; tasks go on and are found again.

use crate::support::{Node, open, pod, processes, said, shims_below, token, until};
use futures::StreamExt;
use quorate_executor::{Error, Executor, Observed, Stop};
use quorate_types::Uid;
use std::path::Path;
use std::process::{Command, Stdio};

const AGENT_DIR: &str = "QUORATE_TEST_AGENT_DIR";
const LONG: &str = "while :; do sleep 0.01; done";

#[tokio::test]
async fn a_new_agent_finds_running_created_and_ended_tasks() {
    let mut node = Node::new();
    let (one, two) = (pod(), pod());
    let running = node.shell(&one, "running", LONG);
    let ended = node.shell(&one, "ended", "read go < /dev/null; exit 6");
    let created = node.shell(&two, "created", "exit 1");
    let started = node.run(&running).await;
    node.run(&ended).await;
    node.executor.create(&created).await.unwrap();
    node.restart_agent();
    assert_eq!(node.exit(&ended.id).await.code, Some(6));
    let mut found = node.executor.adopt().await.unwrap();
    found.sort_by(|a, b| a.task.name.cmp(&b.task.name));
    let names: Vec<_> = found.iter().map(|found| found.task.clone()).collect();
    assert_eq!(names, [created.id.clone(), ended.id.clone(), running.id.clone()]);
    assert_eq!(found[0].observed, Observed::Created);
    let Observed::Exited(record) = &found[1].observed else { panic!("{found:?}") };
    assert_eq!(record.code, Some(6));
    assert_eq!(found[2].observed, Observed::Running(started.clone()));

    assert_eq!(node.executor.start(&running.id).await.unwrap(), started, "it is not started again");
    node.executor.stop(&running.id, Stop::Kill).await.unwrap();
    assert_eq!(node.exit(&running.id).await.signal, Some(9));
}

/// The agent of the next test, which runs this in a process of its own.
#[tokio::test]
#[ignore = "started by the test below"]
async fn agent_process() {
    let Some(dir) = std::env::var_os(AGENT_DIR) else { return };
    let dir = std::mem::ManuallyDrop::new(dir);
    let node = std::mem::ManuallyDrop::new(Node {
        dir: tempfile::tempdir().unwrap(),
        executor: open(Path::new(&*dir)),
    });
    let pod = Uid::from_stored("pod-of-a-dead-agent");
    let fifo = Path::new(&*dir).join("go");
    let script = "echo up; read go < \"$0\"; echo went; exit 8";
    let mut ending = node.shell(&pod, "ending", script);
    ending.args = vec![fifo.to_str().unwrap().to_owned()];
    ending.log_path = Path::new(&*dir).join("ending.log");
    let mut running = node.shell(&pod, "running", LONG);
    running.log_path = Path::new(&*dir).join("running.log");
    node.run(&ending).await;
    node.run(&running).await;
    std::fs::write(Path::new(&*dir).join("ready"), "").unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn tasks_survive_the_sigkill_of_their_agent_and_their_exit_codes_are_kept() {
    let node = Node::new();
    let fifo = node.dir.path().join("go");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let mut agent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "adoption::agent_process", "--ignored"])
        .env(AGENT_DIR, node.dir.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    until("the agent has started its tasks", || node.dir.path().join("ready").exists()).await;
    agent.kill().unwrap();
    agent.wait().unwrap();
    std::fs::write(&fifo, "go\n").unwrap();

    let pod = Uid::from_stored("pod-of-a-dead-agent");
    let found = node.executor.adopt().await.unwrap();
    assert_eq!(found.len(), 2);
    let (ending, running) = (found[0].task.clone(), found[1].task.clone());
    assert_eq!(node.exit(&ending).await.code, Some(8));
    let log = std::fs::read_to_string(node.dir.path().join("ending.log")).unwrap();
    assert_eq!(log.lines().count(), 2, "its output goes on: {log}");
    assert!(matches!(node.executor.observe(&running).await, Observed::Running(_)));
    node.executor.stop(&running, Stop::Kill).await.unwrap();
    node.exit(&running).await;
    for task in [ending, running] {
        node.executor.remove(&task).await.unwrap();
    }
    node.executor.remove_pod(&pod).await.unwrap();
    until("no shim is left", || shims_below(&node.runtime()).is_empty()).await;
}

#[tokio::test]
async fn changes_are_hinted_also_to_a_new_agent() {
    let mut node = Node::new();
    let (pod, token) = (pod(), token());
    let spec = node.marked(&pod, "main", &format!("echo up; {LONG}"), &token);
    node.run(&spec).await;
    said(&spec, "up").await;
    node.restart_agent();
    let mut events = node.executor.events();
    node.executor.adopt().await.unwrap();
    let task = spec.id.clone();
    node.executor.stop(&task, Stop::Kill).await.unwrap();
    // Hints without an exit may come before; the one after it must come.
    loop {
        let event = events.next().await.unwrap();
        assert_eq!(event.task, task);
        if matches!(node.executor.observe(&task).await, Observed::Exited(_)) {
            break;
        }
    }
    assert_eq!(processes(&token), [0; 0]);
    // The old executor is gone now, and with it the stream.
    node.restart_agent();
    while events.next().await.is_some() {}
}

#[tokio::test]
async fn removing_a_pod_that_never_was_is_no_error() {
    let node = Node::new();
    node.executor.remove_pod(&pod()).await.unwrap();
    assert!(node.executor.adopt().await.unwrap().is_empty());
    let spec = node.shell(&pod(), "main", "true");
    assert!(matches!(node.executor.start(&spec.id).await, Err(Error::Absent(_))));
}
