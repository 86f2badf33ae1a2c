//! Images and containers that do not come to be as they should.

use super::fake::Trick;
use super::support::{Node, spec};
use crate::engine::{Container, Fault};
use crate::options::{DockerOptions, PullPolicy};
use crate::{blueprint, names};
use quorate_executor::{Error, Executor, Observed};

#[tokio::test]
async fn an_answer_that_is_lost_after_the_creation_is_found_out() {
    let node = Node::new().await;
    node.engine.trick("create", Trick::LostAfter);
    node.executor.create(&node.spec).await.unwrap();
    assert_eq!(node.executor.observe(&node.spec.id).await, Observed::Created);
    assert_eq!(node.engine.count("create"), 1);
}

#[tokio::test]
async fn a_request_that_is_lost_is_an_error_that_says_try_again() {
    let node = Node::new().await;
    node.engine.trick("create", Trick::LostBefore);
    let error = node.executor.create(&node.spec).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }) && error.is_transient(), "{error}");
    node.executor.create(&node.spec).await.unwrap();
    assert_eq!(node.engine.count("create"), 1);
}

#[tokio::test]
async fn a_request_that_is_carried_out_twice_makes_one_container() {
    let node = Node::new().await;
    node.engine.trick("create", Trick::Twice);
    node.executor.create(&node.spec).await.unwrap();
    assert_eq!(node.engine.world().containers.len(), 1);
}

#[tokio::test]
async fn a_name_that_is_taken_by_the_task_itself_is_as_good_as_created() {
    let node = Node::new().await;
    let blueprint = blueprint::of(&node.spec, &DockerOptions::new("node-1", "/")).unwrap();
    // Under way since an earlier call was given up: taken, and not to be seen yet.
    node.engine.world().reserved.insert(node.name.clone(), (4, blueprint));
    node.executor.create(&node.spec).await.unwrap();
    assert_eq!(node.executor.observe(&node.spec.id).await, Observed::Created);
}

#[tokio::test]
async fn a_name_that_is_taken_by_another_container_is_an_error_that_names_it() {
    let node = Node::new().await;
    let foreign = Container { id: "foreign".to_owned(), ..Container::default() };
    node.engine.world().containers.insert(node.name.clone(), foreign.clone());
    let error = node.executor.create(&node.spec).await.unwrap_err();
    assert!(matches!(error, Error::Invalid { field: "name", .. }), "{error}");
    assert!(error.to_string().contains(&format!("{} (foreign)", node.name)), "{error}");
    // It is not ours to look at, to stop or to remove.
    assert_eq!(node.executor.observe(&node.spec.id).await, Observed::Absent);
    node.executor.stop(&node.spec.id, quorate_executor::Stop::Kill).await.unwrap();
    node.executor.remove(&node.spec.id).await.unwrap();
    assert_eq!(node.engine.world().containers.get(&node.name), Some(&foreign));
}

#[tokio::test]
async fn an_image_that_has_gone_since_it_was_prepared_is_prepared_again_once() {
    let node = Node::new().await;
    node.executor.prepare("probe:1").await.unwrap();
    node.engine.world().images.clear();
    node.engine.world().registry.insert("probe:1".to_owned());
    node.executor.create(&node.spec).await.unwrap();
    assert_eq!(node.engine.count("pull"), 1);
    // One that the registry has lost as well is an answer.
    node.engine.world().images.clear();
    node.engine.world().registry.clear();
    let error = node.executor.create(&spec("other")).await.unwrap_err();
    assert!(matches!(error, Error::Artifact { .. }) && !error.is_transient(), "{error}");
}

#[tokio::test]
async fn a_registry_that_is_not_reached_is_no_missing_image() {
    let node = Node::new().await;
    node.engine.trick("pull", Trick::Answers(Fault::Failed("dial tcp: timeout".to_owned())));
    let error = node.executor.prepare("other:1").await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("pulling image other:1"), "{error}");
    let error = node.executor.prepare("other:1").await.unwrap_err();
    assert!(matches!(error, Error::Artifact { .. }), "{error}");
}

#[tokio::test]
async fn policies_say_when_an_image_is_pulled() {
    for (policy, had, pulls) in [
        (PullPolicy::Always, true, 1),
        (PullPolicy::IfMissing, true, 0),
        (PullPolicy::IfMissing, false, 1),
        (PullPolicy::Never, true, 0),
        (PullPolicy::Never, false, 0),
    ] {
        let node = Node::with(|options| options.pull = policy).await;
        node.engine.world().registry.insert("other:1".to_owned());
        if had {
            node.engine.world().images.insert("other:1".to_owned());
        }
        let prepared = node.executor.prepare("other:1").await;
        assert_eq!(prepared.is_ok(), had || policy != PullPolicy::Never, "{policy:?} {had}");
        assert_eq!(node.engine.count("pull"), pulls, "{policy:?} {had}");
    }
}

#[tokio::test]
async fn an_image_that_two_want_is_pulled_once() {
    let node = Node::new().await;
    node.engine.world().registry.insert("other:1".to_owned());
    let both = tokio::join!(node.executor.prepare("other:1"), node.executor.prepare("other:1"));
    assert!(both.0.is_ok() && both.1.is_ok(), "{both:?}");
    assert_eq!(node.engine.count("pull"), 1);
}

#[tokio::test]
async fn archives_are_taken_in() {
    let node = Node::new().await;
    node.executor.load("archived:1".into()).await.unwrap();
    assert!(node.engine.world().images.contains("archived:1"));
    node.engine.trick("load", Trick::Answers(Fault::Refused("not a tar".to_owned())));
    let error = node.executor.load("nonsense".into()).await.unwrap_err();
    assert!(matches!(error, Error::Artifact { .. }), "{error}");
    node.engine.trick("load", Trick::LostBefore);
    assert!(node.executor.load("archived:2".into()).await.unwrap_err().is_transient());
}

#[test]
fn names_differ_for_every_task() {
    let (one, mut two) = (spec("web").id, spec("web").id);
    two.attempt = 1;
    assert_ne!(names::container(&one), names::container(&two));
}
