//! Starts whose answer is late, lost, wrong or doubled: the task runs once.

use super::fake::Trick;
use super::support::Node;
use crate::engine::{Fault, Phase};
use quorate_executor::{Error, Executor, ExitCause, Observed};

#[tokio::test]
async fn an_answer_that_is_lost_after_the_start_is_found_out() {
    let node = Node::new().await;
    node.engine.trick("start", Trick::LostAfter);
    let started = node.run().await;
    assert_eq!(node.executor.observe(&node.spec.id).await, Observed::Running(started.clone()));
    assert_eq!(node.executor.start(&node.spec.id).await.unwrap(), started);
    assert_eq!(node.engine.count("start"), 1);
}

#[tokio::test]
async fn a_request_that_is_lost_leaves_a_task_that_can_be_started() {
    let node = Node::new().await;
    node.executor.create(&node.spec).await.unwrap();
    for trick in [Trick::LostBefore, Trick::Hangs, Trick::Answers(Fault::Failed("500".into()))] {
        node.engine.trick("start", trick);
        let error = node.executor.start(&node.spec.id).await.unwrap_err();
        assert!(error.is_transient(), "{error}");
        assert_eq!(node.executor.observe(&node.spec.id).await, Observed::Created);
    }
    node.executor.start(&node.spec.id).await.unwrap();
    assert_eq!(node.engine.count("start"), 1);
}

#[tokio::test]
async fn a_task_that_has_ended_before_its_starts_answer_is_not_started_again() {
    let node = Node::new().await;
    node.executor.create(&node.spec).await.unwrap();
    node.engine.trick("start", Trick::LostAfter);
    // Ends as soon as it runs: the engine describes an ended container right after the start.
    let engine = node.engine.clone();
    let name = node.name.clone();
    let ends = async move {
        while engine.count("start") == 0 {
            tokio::task::yield_now().await;
        }
        engine.exit(&name, 3);
    };
    let (started, ()) = tokio::join!(node.executor.start(&node.spec.id), ends);
    assert_eq!(started.unwrap().started_ms, 100);
    let error = node.executor.start(&node.spec.id).await.unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error}");
    assert_eq!(node.engine.count("start"), 1);
    let Observed::Exited(record) = node.executor.observe(&node.spec.id).await else { panic!() };
    assert_eq!(record.code, Some(3));
}

#[tokio::test]
async fn two_starts_at_once_are_one() {
    let node = Node::new().await;
    node.executor.create(&node.spec).await.unwrap();
    let starts =
        tokio::join!(node.executor.start(&node.spec.id), node.executor.start(&node.spec.id));
    assert_eq!(starts.0.unwrap(), starts.1.unwrap());
    assert_eq!(node.engine.count("start"), 1);
}

#[tokio::test]
async fn a_start_that_was_given_up_goes_on_and_the_next_one_waits_for_it() {
    let node = Node::new().await;
    node.executor.create(&node.spec).await.unwrap();
    drop(futures::poll!(node.executor.start(&node.spec.id)));
    node.executor.start(&node.spec.id).await.unwrap();
    assert_eq!(node.engine.count("start"), 1);
}

#[tokio::test]
async fn a_program_that_cannot_run_fails_the_same_way_without_being_tried_again() {
    let node = Node::new().await;
    node.executor.create(&node.spec).await.unwrap();
    let reason = "exec: \"/none\": no such file or directory";
    node.engine.trick("start", Trick::Answers(Fault::Refused(reason.to_owned())));
    node.engine.world().containers.get_mut(&node.name).unwrap().error = reason.to_owned();
    for _ in 0..2 {
        let error = node.executor.start(&node.spec.id).await.unwrap_err();
        assert!(matches!(error, Error::Start { .. }) && !error.is_transient(), "{error}");
    }
    let Observed::Exited(record) = node.executor.observe(&node.spec.id).await else { panic!() };
    assert_eq!(record.cause, ExitCause::StartFailed(reason.to_owned()));
    assert_eq!(node.engine.count("start"), 0);
}

#[tokio::test]
async fn a_container_that_vanishes_before_its_start_is_absent() {
    let node = Node::new().await;
    node.executor.create(&node.spec).await.unwrap();
    node.engine.trick("start", Trick::Answers(Fault::Missing("no such container".to_owned())));
    node.engine.world().containers.clear();
    let error = node.executor.start(&node.spec.id).await.unwrap_err();
    assert!(matches!(error, Error::Absent(_)), "{error}");
}

#[tokio::test]
async fn a_container_that_is_being_removed_is_not_started() {
    let node = Node::new().await;
    node.run().await;
    node.engine.world().containers.get_mut(&node.name).unwrap().phase = Phase::Dying;
    assert!(node.executor.start(&node.spec.id).await.is_err());
    assert_eq!(node.engine.count("start"), 1);
}
