//! Streams of output that break: every line once, and all of it before the end is told.

use super::support::{Node, until};
use crate::engine::Message;
use quorate_executor::{Executor, Observed};

fn messages(count: usize) -> Vec<Message> {
    let message = |at: usize| Message {
        stderr: at.is_multiple_of(3),
        // Four messages each have one stamp.
        stamp: format!("2026-01-01T00:00:00.{:09}Z", at / 4),
        bytes: format!("line {at}\n").into(),
    };
    (0..count).map(message).collect()
}

fn texts(node: &Node) -> Vec<String> {
    let log = std::fs::read_to_string(&node.spec.log_path).unwrap_or_default();
    let text = |line: &str| line.splitn(4, ' ').nth(3).map(str::to_owned);
    log.lines().filter_map(text).collect()
}

fn expected(count: usize) -> Vec<String> {
    (0..count).map(|at| format!("line {at}")).collect()
}

#[tokio::test]
async fn a_follower_goes_on_where_its_stream_broke() {
    let node = Node::new().await;
    node.engine.world().messages.insert(node.name.clone(), messages(100));
    node.engine.world().break_logs_after = vec![90, 41, 41, 0, 7];
    node.run().await;
    until("all is written", async || texts(&node).len() == 100).await;
    assert_eq!(texts(&node), expected(100));
}

#[tokio::test]
async fn a_new_agent_goes_on_where_the_old_one_ended() {
    let mut node = Node::new().await;
    node.engine.world().messages.insert(node.name.clone(), messages(30));
    node.run().await;
    until("all is written", async || texts(&node).len() == 30).await;
    node.restart().await;
    node.engine.world().messages.insert(node.name.clone(), messages(60));
    node.executor.adopt().await.unwrap();
    node.engine.exit(&node.name, 0);
    assert!(matches!(node.executor.observe(&node.spec.id).await, Observed::Exited(_)));
    assert_eq!(texts(&node), expected(60));
}

#[tokio::test]
async fn an_end_is_not_told_before_the_output_is_whole() {
    let node = Node::new().await;
    node.run().await;
    node.engine.world().messages.insert(node.name.clone(), messages(50));
    node.engine.exit(&node.name, 4);
    // The first attempt to read it breaks in the middle.
    node.engine.world().break_logs_after = vec![20];
    let observed = node.executor.observe(&node.spec.id).await;
    assert!(matches!(observed, Observed::Unreachable(_)), "{observed:?}");
    let Observed::Exited(record) = node.executor.observe(&node.spec.id).await else { panic!() };
    assert_eq!(record.code, Some(4));
    assert_eq!(texts(&node), expected(50));
}

#[tokio::test]
async fn an_end_that_nobody_saw_is_removed_with_its_output_kept() {
    let node = Node::new().await;
    node.run().await;
    node.engine.world().messages.insert(node.name.clone(), messages(10));
    node.engine.exit(&node.name, 0);
    node.executor.remove(&node.spec.id).await.unwrap();
    assert_eq!(texts(&node), expected(10));
}
