//! Finalizers, grace periods, propagation, preconditions.

use crate::world::{World, key, kind, widget, with_spec};
use quorate_resources::{DeleteOptions, Deleted, Object, Propagation, Revision, Uid};
use serde_json::json;
use std::time::Duration;

async fn delete(world: &World, options: DeleteOptions) -> Deleted {
    world.objects.delete(&kind(), &key("a"), options).await.unwrap()
}

fn grace(seconds: i64) -> DeleteOptions {
    DeleteOptions { grace_seconds: Some(seconds), ..DeleteOptions::default() }
}

async fn hosted(world: &World) -> Object {
    world.objects.create(widget("a", json!({ "size": 1, "host": "n1" }))).await.unwrap()
}

#[tokio::test]
async fn without_anything_to_wait_for_the_object_goes_at_once() {
    let world = World::new().await;
    let made = world.widget("a").await;
    assert_eq!(delete(&world, grace(30)).await.object().metadata.uid, made.metadata.uid);
    assert_eq!(world.read("a").await, None);
    let again = world.objects.delete(&kind(), &key("a"), DeleteOptions::default()).await;
    assert!(again.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_finalizer_keeps_the_object_until_it_is_removed() {
    let world = World::new().await;
    let mut object = widget("a", json!({ "size": 1 }));
    object.metadata.finalizers = vec!["x.example/a".into(), "x.example/b".into()];
    world.objects.create(object).await.unwrap();
    let Deleted::Terminating(mut object) = delete(&world, DeleteOptions::default()).await else {
        panic!("it has finalizers");
    };
    assert!(object.metadata.is_deleting());
    let before = world.revision();
    delete(&world, DeleteOptions::default()).await;
    assert_eq!(world.revision(), before, "deleting again writes nothing");
    object.metadata.finalizers.remove(0);
    let mut object = world.objects.update(object).await.unwrap();
    assert_eq!(world.read("a").await.as_ref(), Some(&object));
    let mut more = object.clone();
    more.metadata.finalizers.push("x.example/c".into());
    let refused = world.objects.update(more).await.unwrap_err();
    assert_eq!(refused.causes()[0].path, "metadata.finalizers");
    object.metadata.finalizers.clear();
    world.objects.update(object).await.unwrap();
    assert_eq!(world.read("a").await, None);
}

#[tokio::test]
async fn a_graceful_deletion_only_marks_until_it_is_confirmed() {
    let world = World::new().await;
    hosted(&world).await;
    world.clock.advance(Duration::from_secs(60));
    let marked = delete(&world, DeleteOptions::default()).await;
    let metadata = &marked.object().metadata;
    assert_eq!(metadata.deletion_grace_period_seconds, Some(30));
    assert_eq!(metadata.deletion_timestamp.as_deref(), Some("2026-01-01T00:01:30Z"));
    let changed = with_spec(marked.object().clone(), json!({ "size": 2, "host": "n1" }));
    world.objects.update(changed).await.unwrap();
    assert!(world.read("a").await.is_some(), "an update does not confirm");
    assert!(delete(&world, grace(0)).await.is_removed());
    assert_eq!(world.read("a").await, None);
}

#[tokio::test]
async fn a_grace_period_can_be_shortened_but_not_prolonged() {
    let world = World::new().await;
    hosted(&world).await;
    let seconds = |deleted: &Deleted| deleted.object().metadata.deletion_grace_period_seconds;
    assert_eq!(seconds(&delete(&world, grace(20)).await), Some(20));
    let before = world.revision();
    assert_eq!(seconds(&delete(&world, grace(50)).await), Some(20));
    assert_eq!(world.revision(), before);
    assert_eq!(seconds(&delete(&world, grace(5)).await), Some(5));
}

#[tokio::test]
async fn a_confirmed_grace_period_still_waits_for_finalizers() {
    let world = World::new().await;
    let mut object = widget("a", json!({ "size": 1, "host": "n1" }));
    object.metadata.finalizers = vec!["x.example/a".into()];
    world.objects.create(object).await.unwrap();
    let mut stopped = delete(&world, grace(0)).await.object().clone();
    assert!(world.read("a").await.is_some());
    stopped.metadata.finalizers.clear();
    world.objects.update(stopped).await.unwrap();
    assert_eq!(world.read("a").await, None);
}

#[tokio::test]
async fn propagation_becomes_a_finalizer() {
    let world = World::new().await;
    for (propagation, finalizer) in
        [(Propagation::Orphan, "orphan"), (Propagation::Foreground, "foregroundDeletion")]
    {
        world.widget("a").await;
        let options = DeleteOptions { propagation, ..DeleteOptions::default() };
        let mut object = delete(&world, options).await.object().clone();
        assert_eq!(object.metadata.finalizers, [finalizer]);
        object.metadata.finalizers.clear();
        world.objects.update(object).await.unwrap();
        assert_eq!(world.read("a").await, None);
    }
}

#[tokio::test]
async fn preconditions_protect_another_object_of_the_name() {
    let world = World::new().await;
    let made = world.widget("a").await;
    let wrong = [
        DeleteOptions { uid: Some(Uid::from_stored("other")), ..DeleteOptions::default() },
        DeleteOptions { resource_version: Some(Revision(1)), ..DeleteOptions::default() },
    ];
    for options in wrong {
        let error = world.objects.delete(&kind(), &key("a"), options).await.unwrap_err();
        assert!(error.is_conflict(), "{error}");
    }
    let right = DeleteOptions {
        uid: made.metadata.uid,
        resource_version: made.metadata.resource_version,
        ..DeleteOptions::default()
    };
    assert!(delete(&world, right).await.is_removed());
}
