//! Stops and removals whose answers are lost, and graces that outlive their agent.

use super::fake::Trick;
use super::support::{Node, until};
use crate::engine::Fault;
use quorate_executor::{Error, Executor, Observed, Stop};
use std::time::Duration;

const LONG: Stop = Stop::Graceful { grace: Duration::from_secs(3600) };

#[tokio::test]
async fn a_kill_whose_answer_is_lost_is_an_error_and_its_end_a_signal() {
    let node = Node::new().await;
    node.run().await;
    node.engine.trick("kill", Trick::LostAfter);
    let error = node.executor.stop(&node.spec.id, Stop::Kill).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    let Observed::Exited(record) = node.executor.observe(&node.spec.id).await else { panic!() };
    assert_eq!((record.code, record.signal), (None, Some(9)));
}

#[tokio::test]
async fn a_task_that_ends_while_it_is_being_killed_needs_no_kill() {
    let node = Node::new().await;
    node.run().await;
    node.engine.trick("kill", Trick::Answers(Fault::Conflict("is not running".to_owned())));
    node.executor.stop(&node.spec.id, Stop::Kill).await.unwrap();
    node.engine.trick("kill", Trick::Answers(Fault::Missing("no such container".to_owned())));
    node.executor.stop(&node.spec.id, Stop::Kill).await.unwrap();
}

#[tokio::test]
async fn an_exit_with_137_that_nobody_caused_is_a_code() {
    let node = Node::new().await;
    node.run().await;
    node.engine.exit(&node.name, 137);
    let Observed::Exited(record) = node.executor.observe(&node.spec.id).await else { panic!() };
    assert_eq!((record.code, record.signal), (Some(137), None));
}

#[tokio::test]
async fn term_is_sent_once_and_the_nearer_grace_counts() {
    let node = Node::new().await;
    node.run().await;
    node.executor.stop(&node.spec.id, LONG).await.unwrap();
    node.executor.stop(&node.spec.id, LONG).await.unwrap();
    assert_eq!(node.engine.count("kill"), 1);
    let soon = Stop::Graceful { grace: Duration::from_millis(10) };
    node.executor.stop(&node.spec.id, soon).await.unwrap();
    until("it is killed", async || {
        matches!(node.executor.observe(&node.spec.id).await, Observed::Exited(_))
    })
    .await;
    let kills = node.engine.world().done.clone();
    let kills: Vec<_> = kills.iter().filter(|done| done.starts_with("kill ")).collect();
    assert_eq!(kills, [&format!("kill {} 15", node.name), &format!("kill {} 9", node.name)]);
}

#[tokio::test]
async fn a_grace_outlives_its_agent_and_a_silent_engine() {
    let mut node = Node::new().await;
    node.run().await;
    let soon = Stop::Graceful { grace: Duration::from_millis(50) };
    node.executor.stop(&node.spec.id, soon).await.unwrap();
    node.restart().await;
    // The first kill is lost on its way: it is sent again.
    node.engine.trick("kill", Trick::LostBefore);
    node.executor.adopt().await.unwrap();
    until("it is killed", async || {
        matches!(node.executor.observe(&node.spec.id).await, Observed::Exited(_))
    })
    .await;
}

#[tokio::test]
async fn a_removal_whose_answer_is_lost_or_that_is_under_way_is_one() {
    for trick in [Trick::LostAfter, Trick::Twice] {
        let node = Node::new().await;
        node.run().await;
        node.engine.exit(&node.name, 0);
        node.engine.trick("remove", trick);
        node.executor.remove(&node.spec.id).await.unwrap();
        assert_eq!(node.executor.observe(&node.spec.id).await, Observed::Absent);
    }
    let node = Node::new().await;
    node.run().await;
    node.engine.exit(&node.name, 0);
    let conflict = Fault::Conflict("removal is already in progress".to_owned());
    node.engine.trick("remove", Trick::Answers(conflict));
    let engine = node.engine.clone();
    let gone = async move {
        while !engine.world().tricks.is_empty() {
            tokio::task::yield_now().await;
        }
        engine.world().containers.clear();
    };
    let (removed, ()) = tokio::join!(node.executor.remove(&node.spec.id), gone);
    removed.unwrap();
}

#[tokio::test]
async fn a_removal_that_does_not_happen_is_an_error() {
    let node = Node::new().await;
    node.executor.create(&node.spec).await.unwrap();
    node.engine.trick("remove", Trick::Answers(Fault::Failed("device or resource busy".into())));
    let error = node.executor.remove(&node.spec.id).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("device or resource busy"), "{error}");
    assert_eq!(node.executor.observe(&node.spec.id).await, Observed::Created);
}

#[tokio::test]
async fn notes_go_with_their_task() {
    let node = Node::new().await;
    node.run().await;
    node.executor.stop(&node.spec.id, Stop::Kill).await.unwrap();
    let notes = || std::fs::read_dir(node.dir.path().join("notes")).unwrap().count();
    assert_eq!(notes(), 1);
    node.executor.remove(&node.spec.id).await.unwrap();
    assert_eq!(notes(), 0);
}
