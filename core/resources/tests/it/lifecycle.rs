//! Creating, reading and changing single objects.

use crate::world::{Namespace, Widget, World, key, kind, widget, with_spec, with_status};
use quorate_resources::{Api, Error, FieldReason, Kind, Object, ObjectKey, Revision, Selector};
use serde_json::json;
use std::collections::BTreeSet;

#[tokio::test]
async fn a_created_object_carries_its_identity_and_ignores_status() {
    let world = World::new().await;
    let made =
        world.objects.create(with_status(widget("a", json!({ "size": 1 })), true)).await.unwrap();
    assert_eq!(made.metadata.generation, Some(1));
    assert_eq!(made.metadata.creation_timestamp.as_deref(), Some("2026-01-01T00:00:00Z"));
    assert_eq!(made.metadata.resource_version, Some(world.revision()));
    assert_eq!(made.metadata.uid.as_ref().unwrap().as_str().len(), 36);
    assert!(!made.body.contains_key("status"));
    assert_eq!(world.read("a").await, Some(made));
}

#[tokio::test]
async fn the_stored_value_does_not_hold_the_resource_version() {
    let world = World::new().await;
    world.widget("a").await;
    let stored = quorate_store::RangeRequest::key("/registry/test.example/widgets/shop/a");
    let found = world.objects.store().range(stored).await.unwrap();
    let text = String::from_utf8(found.kvs[0].value.to_vec()).unwrap();
    assert!(!text.contains("resourceVersion") && !text.contains(": "), "{text}");
}

#[tokio::test]
async fn creating_twice_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let first = world.widget("a").await;
    let error = world.objects.create(widget("a", json!({ "size": 2 }))).await.unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    assert!(error.to_string().contains("shop/a"), "{error}");
    assert_eq!(world.read("a").await, Some(first));
}

#[tokio::test]
async fn a_stale_update_conflicts_and_an_unversioned_one_wins() {
    let world = World::new().await;
    let first = world.widget("a").await;
    let second =
        world.objects.update(with_spec(first.clone(), json!({ "size": 2 }))).await.unwrap();
    let stale = world.objects.update(with_spec(first.clone(), json!({ "size": 3 }))).await;
    assert!(stale.unwrap_err().is_conflict());
    assert_eq!(world.read("a").await, Some(second));
    let mut blind = with_spec(first, json!({ "size": 4 }));
    blind.metadata.resource_version = None;
    let last = world.objects.update(blind).await.unwrap();
    assert_eq!(last.pointer("/spec/size"), Some(&json!(4)));
}

#[tokio::test]
async fn generation_counts_desired_changes_only() {
    let world = World::new().await;
    let mut object = world.widget("a").await;
    object.metadata.labels.insert("x".into(), "y".into());
    let labelled = world.objects.update(object).await.unwrap();
    assert_eq!(labelled.metadata.generation, Some(1));
    let reported = world.objects.update_status(with_status(labelled, true)).await.unwrap();
    assert_eq!(reported.metadata.generation, Some(1));
    let mut changed = with_spec(reported, json!({ "size": 2 }));
    changed.metadata.generation = Some(77);
    let changed = world.objects.update(changed).await.unwrap();
    assert_eq!(changed.metadata.generation, Some(2));
}

#[tokio::test]
async fn update_keeps_the_status_and_update_status_keeps_the_rest() {
    let world = World::new().await;
    let object = world.widget("a").await;
    let mut report = with_spec(with_status(object, true), json!({ "size": 9 }));
    report.metadata.labels.insert("x".into(), "y".into());
    let reported = world.objects.update_status(report).await.unwrap();
    assert_eq!(reported.pointer("/status/ready"), Some(&json!(true)));
    assert_eq!(reported.pointer("/spec/size"), Some(&json!(1)));
    assert!(reported.metadata.labels.is_empty());
    let update = with_status(with_spec(reported, json!({ "size": 2 })), false);
    let updated = world.objects.update(update).await.unwrap();
    assert_eq!(updated.pointer("/status/ready"), Some(&json!(true)));
}

#[tokio::test]
async fn writing_what_is_there_already_changes_no_revision() {
    let world = World::new().await;
    let object = world.widget("a").await;
    let before = world.revision();
    assert_eq!(world.objects.update(object.clone()).await.unwrap(), object);
    assert_eq!(world.objects.update_status(object.clone()).await.unwrap(), object);
    let mut blind = object.clone();
    blind.metadata.resource_version = None;
    assert_eq!(world.objects.update(blind).await.unwrap(), object);
    assert_eq!(world.revision(), before);
}

#[tokio::test]
async fn identity_cannot_be_changed_and_another_uid_is_another_object() {
    let world = World::new().await;
    let object = world.widget("a").await;
    let mut other = object.clone();
    other.metadata.uid = Some(quorate_resources::Uid::from_stored("other"));
    assert!(world.objects.update(other).await.unwrap_err().is_conflict());
    let mut aged = with_spec(object.clone(), json!({ "size": 5 }));
    aged.metadata.creation_timestamp = Some("1999-01-01T00:00:00Z".into());
    aged.metadata.deletion_timestamp = Some("1999-01-01T00:00:00Z".into());
    let updated = world.objects.update(aged).await.unwrap();
    assert_eq!(updated.metadata.creation_timestamp, object.metadata.creation_timestamp);
    assert!(!updated.metadata.is_deleting());
}

#[tokio::test]
async fn concurrent_creations_with_generate_name_all_get_their_own() {
    let world = World::new().await;
    let make = || async {
        let mut object = widget("", json!({ "size": 1 }));
        object.metadata.generate_name = Some("job-".into());
        world.objects.create(object).await.unwrap().metadata.name
    };
    let names = futures::future::join_all((0..64).map(|_| make())).await;
    assert!(names.iter().all(|name| name.starts_with("job-") && name.len() == 9), "{names:?}");
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 64);
}

#[tokio::test]
async fn a_taken_generated_name_is_drawn_again() {
    let world = World::new().await;
    let mut object = widget("", json!({ "size": 1 }));
    object.metadata.generate_name = Some("job-".into());
    // Two handles that draw from the same seed draw the same name first.
    let first = world.seeded(3).create(object.clone()).await.unwrap().metadata.name;
    let second = world.seeded(3).create(object).await.unwrap().metadata.name;
    assert_ne!(first, second);
}

#[tokio::test]
async fn faults_are_named_by_path_and_nothing_is_written() {
    let world = World::new().await;
    let before = world.revision();
    let mut labelled = widget("a", json!({ "size": 1 }));
    labelled.metadata.labels.insert("app".into(), "no spaces".into());
    let mut typo = widget("a", json!({ "size": 1 }));
    typo.metadata.other.insert("lables".into(), json!({}));
    let cases = [
        (widget("A_b", json!({ "size": 1 })), "metadata.name", FieldReason::Invalid),
        (widget("a", json!({ "size": "big" })), "spec.size", FieldReason::Type),
        (widget("a", json!({ "size": 1, "hosst": "x" })), "spec.hosst", FieldReason::Unknown),
        (widget("a", json!({})), "spec", FieldReason::Required),
        (labelled, "metadata.labels.app", FieldReason::Invalid),
        (typo, "metadata.lables", FieldReason::Unknown),
    ];
    for (object, path, reason) in cases {
        let error = world.objects.create(object).await.unwrap_err();
        let cause = &error.causes()[0];
        assert_eq!((cause.path.as_str(), cause.reason), (path, reason), "{error}");
    }
    assert_eq!(world.revision(), before);
}

#[tokio::test]
async fn creation_needs_a_namespace_that_exists() {
    let world = World::new().await;
    let mut object = widget("a", json!({ "size": 1 }));
    object.metadata.namespace = Some("nowhere".into());
    let error = world.objects.create(object.clone()).await.unwrap_err();
    assert!(
        matches!(&error, Error::NamespaceMissing { namespace, .. } if namespace == "nowhere"),
        "{error}"
    );
    object.metadata.namespace = None;
    let error = world.objects.create(object).await.unwrap_err();
    assert_eq!(error.causes()[0].path, "metadata.namespace");
}

#[tokio::test]
async fn a_terminating_namespace_takes_no_new_objects() {
    let world = World::new().await;
    let namespaces = Namespace::group_kind();
    let shop = ObjectKey::cluster("shop");
    let mut namespace = world.objects.get(&namespaces, &shop).await.unwrap();
    namespace.metadata.finalizers.push("test.example/hold".into());
    world.objects.update(namespace).await.unwrap();
    let deleted = world.objects.delete(&namespaces, &shop, Default::default()).await.unwrap();
    assert!(!deleted.is_removed());
    let error = world.objects.create(widget("a", json!({ "size": 1 }))).await.unwrap_err();
    assert!(matches!(error, Error::NamespaceTerminating { .. }), "{error}");
}

#[tokio::test]
async fn an_unknown_kind_names_the_one_that_was_meant() {
    let world = World::new().await;
    let mut object = widget("a", json!({}));
    object.kind = "Wigdet".into();
    let error = world.objects.create(object).await.unwrap_err().to_string();
    assert!(error.contains("Wigdet") && error.contains("did you mean \"Widget\""), "{error}");
}

#[tokio::test]
async fn an_object_beyond_the_limit_is_refused() {
    let world = World::new().await;
    let huge = widget("a", json!({ "size": 1, "host": "x".repeat(2_000_000) }));
    let error = world.objects.create(huge).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn lists_select_by_namespace_and_label() {
    let world = World::new().await;
    world.objects.create(Object::new::<Namespace>(ObjectKey::cluster("shop2"))).await.unwrap();
    for (namespace, name, colour) in
        [("shop", "a", "red"), ("shop", "b", "blue"), ("shop2", "c", "red")]
    {
        let mut object = widget(name, json!({ "size": 1 }));
        object.metadata.namespace = Some(namespace.into());
        object.metadata.labels.insert("colour".into(), colour.into());
        world.objects.create(object).await.unwrap();
    }
    let list = async |namespace, selector: &str| {
        let selector = Selector::parse(selector).unwrap();
        let found = world.objects.list(&kind(), namespace, &selector).await.unwrap();
        assert_eq!(found.revision, world.revision());
        found.items.into_iter().map(|item| item.metadata.name).collect::<Vec<_>>()
    };
    assert_eq!(list(None, "").await, ["a", "b", "c"]);
    assert_eq!(list(Some("shop"), "").await, ["a", "b"]);
    assert_eq!(list(None, "colour=red").await, ["a", "c"]);
    assert_eq!(list(Some("shop2"), "colour=blue").await, [""; 0]);
}

#[tokio::test]
async fn the_typed_door_reads_and_writes_values() {
    let world = World::new().await;
    let api: Api<Widget> = Api::new(world.objects.clone(), Some("shop"));
    world.widget("a").await;
    let read = api.get("a").await.unwrap();
    assert_eq!((read.spec.size, read.metadata().name.as_str()), (1, "a"));
    let (revision, all) = api.list(&Selector::everything()).await.unwrap();
    assert_eq!((revision, all.len()), (world.revision(), 1));
    assert!(revision > Revision::NONE);
    assert!(api.delete("a", Default::default()).await.unwrap().is_removed());
    assert!(api.get("a").await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn storage_keys_read_back() {
    let world = World::new().await;
    let registry = world.objects.registry();
    let parse = |key: &str| registry.parse_storage_key(key.as_bytes());
    let info = registry.by_name("wd").unwrap();
    assert_eq!(parse(&info.storage_key(&key("a"))), Some((kind(), key("a"))));
    let namespace = (Namespace::group_kind(), ObjectKey::cluster("shop"));
    assert_eq!(parse("/registry/core/namespaces/shop"), Some(namespace));
    for wrong in [
        "/registry/core/namespaces/a/b",
        "/registry/test.example/widgets/a",
        "/registry/core/unknown/a",
        "/other",
        "/registry/core/namespaces/",
    ] {
        assert_eq!(parse(wrong), None, "{wrong}");
    }
}

#[tokio::test]
async fn nulls_and_fields_nobody_keeps_are_not_stored() {
    let world = World::new().await;
    let part = json!({ "name": "x", "weight": null });
    let mut object = widget("a", json!({ "size": 1, "host": null, "parts": [part] }));
    object.metadata.other.insert("managedFields".into(), json!([]));
    let made = world.objects.create(object).await.unwrap();
    assert_eq!(made.body["spec"], json!({ "size": 1, "parts": [{ "name": "x" }] }));
    assert!(made.metadata.other.is_empty());
}
