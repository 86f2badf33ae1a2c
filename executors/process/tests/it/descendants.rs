//! Nobody escapes: descendants that fork twice, change sessions and ignore signals.

use crate::support::{Node, kill, parent_of, pod, processes, said, token, until};
use quorate_executor::{Executor, ExitCause, Observed, Stop};
use std::time::Duration;

/// Starts a daemon by the book, and another with a group of its own, and children that ignore TERM.
/// `$0` is the token, which every process of it carries on its command line.
const SPAWN: &str = r#"
    (setsid sh -c 'trap "" TERM; (sh -c "trap \"\" TERM; echo daemon; while :; do sleep 0.01; done" "$0" &) ; exit 0' "$0" &)
    (trap '' TERM HUP; setsid setsid sh -c 'while :; do sleep 0.01; done' "$0" &)
    sh -c 'while :; do sleep 0.01; done' "$0" &
"#;

async fn spawned(token: &str) {
    until("the daemons run", || processes(token).len() >= 4).await;
}

#[tokio::test]
async fn no_descendant_survives_a_stop() {
    let node = Node::new();
    let (pod, token) = (pod(), token());
    for (attempt, how) in
        (0..).zip([Stop::Kill, Stop::Graceful { grace: Duration::from_millis(50) }])
    {
        let script = format!("trap '' TERM; {SPAWN} while :; do sleep 0.01; done");
        let mut spec = node.marked(&pod, "main", &script, &token);
        spec.id.attempt = attempt;
        node.run(&spec).await;
        said(&spec, "daemon").await;
        spawned(&token).await;
        node.executor.stop(&spec.id, how).await.unwrap();
        assert_eq!(node.exit(&spec.id).await.signal, Some(9));
        assert_eq!(processes(&token), [0; 0], "an exit is reported after the last descendant");
    }
}

#[tokio::test]
async fn no_descendant_survives_the_task_that_ends_by_itself() {
    let node = Node::new();
    let token = token();
    let script = format!("{SPAWN} read go < \"$1\"; exit 5");
    let mut spec = node.marked(&pod(), "main", &script, &token);
    let fifo = node.dir.path().join("go");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    spec.args = vec![fifo.to_str().unwrap().to_owned()];
    node.run(&spec).await;
    spawned(&token).await;
    std::fs::write(&fifo, "go\n").unwrap();
    assert_eq!(node.exit(&spec.id).await.code, Some(5));
    assert_eq!(processes(&token), [0; 0], "an exit is reported after the last descendant");
}

#[tokio::test]
async fn a_task_that_never_stops_forking_is_stopped() {
    let node = Node::new();
    let token = token();
    // Each generation starts the next in a session of its own and ends: none lives long.
    let script = r#"run() { setsid sh -c "$1" "$0" "$1" & }; run 'setsid sh -c "$1" "$0" "$1" & sleep 0.02; exit 0'; while :; do sleep 0.01; done"#;
    let spec = node.marked(&pod(), "main", script, &token);
    node.run(&spec).await;
    until("it forks", || processes(&token).len() > 2).await;
    node.executor.stop(&spec.id, Stop::Kill).await.unwrap();
    node.exit(&spec.id).await;
    assert_eq!(processes(&token), [0; 0]);
}

#[tokio::test]
async fn stopping_one_task_leaves_the_daemons_of_its_neighbour_alone() {
    let node = Node::new();
    let pod = pod();
    let (left, right) = (token(), token());
    let script = format!("{SPAWN} while :; do sleep 0.01; done");
    let specs = [("left", &left), ("right", &right)].map(|(n, t)| node.marked(&pod, n, &script, t));
    for spec in &specs {
        node.run(spec).await;
    }
    spawned(&left).await;
    spawned(&right).await;
    node.executor.stop(&specs[0].id, Stop::Kill).await.unwrap();
    node.exit(&specs[0].id).await;
    assert_eq!(processes(&left), [0; 0]);
    assert!(processes(&right).len() >= 4);
    node.executor.stop(&specs[1].id, Stop::Kill).await.unwrap();
    node.exit(&specs[1].id).await;
    assert_eq!(processes(&right), [0; 0]);
}

#[tokio::test]
async fn a_killed_reaper_takes_its_task_with_it_and_no_other() {
    let node = Node::new();
    let pod = pod();
    let (left, right) = (token(), token());
    let script = format!("{SPAWN} while :; do sleep 0.01; done");
    let specs = [("left", &left), ("right", &right)].map(|(n, t)| node.marked(&pod, n, &script, t));
    let started = node.run(&specs[0]).await;
    node.run(&specs[1]).await;
    spawned(&left).await;
    spawned(&right).await;
    let reaper = parent_of(i32::try_from(started.pid.unwrap()).unwrap()).unwrap();
    assert_eq!(parent_of(reaper), Some(node.shim(&pod)));
    kill(reaper);
    let record = node.exit(&specs[0].id).await;
    assert_eq!((record.signal, record.cause), (Some(9), ExitCause::Normal));
    assert_eq!(processes(&left), [0; 0]);
    assert!(processes(&right).len() >= 4);
    assert!(matches!(node.executor.observe(&specs[1].id).await, Observed::Running(_)));
}
