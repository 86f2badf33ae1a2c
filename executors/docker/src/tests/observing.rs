//! Engines that fall silent, restart and forget: what cannot be known is not an exit.

use super::fake::Trick;
use super::support::{Node, until};
use crate::engine::Fault;
use futures::StreamExt;
use quorate_executor::{Error, Event, Executor, Health, Observed};

#[tokio::test]
async fn a_silent_engine_makes_a_task_unreachable_and_only_for_so_long() {
    let node = Node::new().await;
    let started = node.run().await;
    let failed = || Fault::Failed("500".to_owned());
    for trick in [Trick::Hangs, Trick::LostBefore, Trick::LostAfter, Trick::Answers(failed())] {
        node.engine.trick("inspect", trick.clone());
        let observed = node.executor.observe(&node.spec.id).await;
        assert!(matches!(observed, Observed::Unreachable(_)), "{trick:?}: {observed:?}");
    }
    assert_eq!(node.executor.observe(&node.spec.id).await, Observed::Running(started));
}

#[tokio::test]
async fn an_engine_that_restarts_without_its_containers_touches_no_task() {
    let mut node = Node::new().await;
    let started = node.run().await;
    node.engine.world().down = true;
    assert!(matches!(node.executor.health().await, Health::Unhealthy(_)));
    assert!(matches!(node.executor.adopt().await, Err(Error::Unreachable { .. })));
    assert!(matches!(node.executor.observe(&node.spec.id).await, Observed::Unreachable(_)));
    // An agent that starts meanwhile is not wiser.
    node.restart().await;
    assert!(matches!(node.executor.observe(&node.spec.id).await, Observed::Unreachable(_)));
    node.engine.world().down = false;
    assert_eq!(node.executor.health().await, Health::Healthy);
    let found = node.executor.adopt().await.unwrap();
    assert_eq!(found[0].observed, Observed::Running(started));
    assert_eq!((found.len(), node.engine.count("start"), node.engine.count("kill")), (1, 1, 0));
}

#[tokio::test]
async fn an_engine_that_takes_its_containers_with_it_says_how_they_ended() {
    let node = Node::new().await;
    node.run().await;
    node.engine.world().down = true;
    assert!(matches!(node.executor.observe(&node.spec.id).await, Observed::Unreachable(_)));
    node.engine.world().down = false;
    node.engine.exit(&node.name, 255);
    let Observed::Exited(record) = node.executor.observe(&node.spec.id).await else { panic!() };
    assert_eq!((record.code, record.signal), (Some(255), None));
}

#[tokio::test]
async fn a_container_that_somebody_removed_is_absent_and_needs_nothing() {
    let node = Node::new().await;
    node.run().await;
    node.engine.world().containers.clear();
    assert_eq!(node.executor.observe(&node.spec.id).await, Observed::Absent);
    node.executor.remove(&node.spec.id).await.unwrap();
    assert!(node.executor.adopt().await.unwrap().is_empty());
    assert!(matches!(node.executor.usage(&node.spec.id).await, Err(Error::Absent(_))));
}

#[tokio::test]
async fn containers_of_other_nodes_and_of_nobody_are_not_adopted() {
    let node = Node::new().await;
    node.run().await;
    let mut theirs = node.engine.world().containers[&node.name].clone();
    theirs.labels.insert(crate::names::NODE.to_owned(), "node-2".to_owned());
    let mut nonsense = node.engine.world().containers[&node.name].clone();
    nonsense.labels.insert("dev.quorate.attempt".to_owned(), "many".to_owned());
    node.engine.world().containers.insert("theirs".to_owned(), theirs);
    node.engine.world().containers.insert("nonsense".to_owned(), nonsense);
    let found = node.executor.adopt().await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].task, node.spec.id);
}

#[tokio::test]
async fn hints_go_on_after_the_engines_stream_broke() {
    let node = Node::new().await;
    let mut events = node.executor.events();
    node.run().await;
    let hint = Event { task: node.spec.id.clone() };
    assert_eq!(events.next().await, Some(hint.clone()));
    node.engine.break_events();
    // What happens while nobody listens is made up for.
    node.engine.exit(&node.name, 0);
    until("a hint comes after the end", async || {
        events.next().await == Some(hint.clone())
            && matches!(node.executor.observe(&node.spec.id).await, Observed::Exited(_))
    })
    .await;
}
