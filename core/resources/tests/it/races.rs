//! What others do between the reads of a write and its transaction.

use crate::world::{Namespace, World, key, widget, with_spec};
use quorate_resources::{Error, Kind, Object, ObjectKey};
use quorate_store::{Certainty, Txn};
use serde_json::json;

const SHOP: &str = "/registry/core/namespaces/shop";
const A: &str = "/registry/test.example/widgets/shop/a";

fn stored(object: &Object) -> String {
    serde_json::to_string(object).unwrap()
}

async fn shop(world: &World) -> Object {
    world.objects.get(&Namespace::group_kind(), &ObjectKey::cluster("shop")).await.unwrap()
}

#[tokio::test]
async fn a_namespace_deleted_under_a_creation_refuses_it() {
    let world = World::new().await;
    world.store.run_before_next(Txn::delete(SHOP));
    let error = world.objects.create(widget("a", json!({ "size": 1 }))).await.unwrap_err();
    assert!(matches!(error, Error::NamespaceMissing { .. }), "{error}");
    assert_eq!(world.read("a").await, None);
}

#[tokio::test]
async fn a_namespace_marked_under_a_creation_refuses_it() {
    let world = World::new().await;
    let mut marked = shop(&world).await;
    marked.metadata.deletion_timestamp = Some("2026-01-01T00:00:00Z".into());
    world.store.run_before_next(Txn::put(SHOP, stored(&marked)));
    let error = world.objects.create(widget("a", json!({ "size": 1 }))).await.unwrap_err();
    assert!(matches!(error, Error::NamespaceTerminating { .. }), "{error}");
    assert_eq!(world.read("a").await, None);
}

#[tokio::test]
async fn a_namespace_labelled_under_a_creation_does_not_matter() {
    let world = World::new().await;
    let mut labelled = shop(&world).await;
    labelled.metadata.labels.insert("a".into(), "b".into());
    world.store.run_before_next(Txn::put(SHOP, stored(&labelled)));
    world.objects.create(widget("a", json!({ "size": 1 }))).await.unwrap();
}

#[tokio::test]
async fn an_unversioned_update_builds_on_what_came_between() {
    let world = World::new().await;
    let made = world.widget("a").await;
    let mut between = with_spec(made, json!({ "size": 5 }));
    between.metadata.generation = Some(41);
    world.store.run_before_next(Txn::put(A, stored(&between)));
    let updated = world.objects.update(widget("a", json!({ "size": 2 }))).await.unwrap();
    assert_eq!(updated.metadata.generation, Some(42));
}

#[tokio::test]
async fn a_versioned_update_conflicts_with_what_came_between() {
    let world = World::new().await;
    let made = world.widget("a").await;
    let between = with_spec(made.clone(), json!({ "size": 5 }));
    world.store.run_before_next(Txn::put(A, stored(&between)));
    let error = world.objects.update(with_spec(made, json!({ "size": 2 }))).await.unwrap_err();
    assert!(error.is_conflict(), "{error}");
    assert_eq!(world.read("a").await.unwrap().pointer("/spec/size"), Some(&json!(5)));
}

#[tokio::test]
async fn a_deletion_and_an_apply_meet_what_came_between() {
    let world = World::new().await;
    let made = world.widget("a").await;
    world.store.run_before_next(Txn::delete(A));
    let applied = world.objects.apply(widget("a", json!({ "size": 2 }))).await.unwrap();
    assert_ne!(applied.object.metadata.uid, made.metadata.uid, "it was created anew");
    world.store.run_before_next(Txn::delete(A));
    let kind = made.group_kind();
    let error = world.objects.delete(&kind, &key("a"), Default::default()).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
}

#[tokio::test]
async fn a_write_of_unknown_outcome_is_reported_and_not_repeated() {
    let world = World::new().await;
    let before = world.store.transactions();
    world.store.lose_next_answer();
    let error = world.objects.create(widget("a", json!({ "size": 1 }))).await.unwrap_err();
    assert_eq!(error.certainty(), Certainty::Unknown);
    assert_eq!(world.store.transactions(), before + 1);
    assert!(world.read("a").await.is_some(), "this one had happened");
}
