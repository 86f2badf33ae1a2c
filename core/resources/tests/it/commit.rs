//! Many changes in one transaction.

use crate::world::{Namespace, World, key, kind, widget, with_spec, with_status};
use quorate_resources::{Change, DeleteOptions, Error, Object, ObjectKey, Selector, Term};
use serde_json::json;
use std::sync::Arc;

fn update(object: Object, old: Option<Object>) -> Change {
    Change::Update { object, old: old.map(Arc::new) }
}

#[tokio::test]
async fn all_changes_share_one_revision() {
    let world = World::new().await;
    let (a, b, c) = (world.widget("a").await, world.widget("b").await, world.widget("c").await);
    let before = world.revision();
    let changes = vec![
        Change::Create(widget("d", json!({ "size": 4 }))),
        update(with_spec(a.clone(), json!({ "size": 2 })), Some(a)),
        Change::UpdateStatus { object: with_status(b.clone(), true), old: Some(Arc::new(b)) },
        Change::Delete {
            kind: kind(),
            key: key("c"),
            options: DeleteOptions::default(),
            old: Some(Arc::new(c)),
        },
    ];
    let committed = world.objects.commit(changes).await.unwrap();
    assert_eq!(committed.revision, before.next());
    assert_eq!(world.revision(), before.next());
    let [Some(d), Some(a), Some(b), None] = &committed.objects[..] else { panic!("{committed:?}") };
    for (name, object) in [("a", a), ("b", b), ("d", d)] {
        assert_eq!(object.metadata.resource_version, Some(committed.revision));
        assert_eq!(world.read(name).await.as_ref(), Some(object));
    }
    assert_eq!(world.read("c").await, None);
}

#[tokio::test]
async fn one_stale_object_refuses_the_whole_batch_and_is_named() {
    let world = World::new().await;
    let stale = world.widget("a").await;
    world.objects.update(with_spec(stale.clone(), json!({ "size": 2 }))).await.unwrap();
    let before = world.revision();
    let changes = vec![
        Change::Create(widget("new", json!({ "size": 1 }))),
        update(with_spec(stale.clone(), json!({ "size": 3 })), Some(stale)),
    ];
    let error = world.objects.commit(changes).await.unwrap_err();
    assert!(matches!(&error, Error::Conflict { key: at, .. } if *at == key("a")), "{error}");
    assert_eq!((world.revision(), world.read("new").await), (before, None));
}

#[tokio::test]
async fn the_object_at_fault_is_named_for_every_fault() {
    let world = World::new().await;
    let gone = world.widget("gone").await;
    world.objects.delete(&kind(), &key("gone"), DeleteOptions::default()).await.unwrap();
    world.widget("there").await;
    let other = || Change::Create(widget("other", json!({ "size": 1 })));
    let not_found = update(with_spec(gone.clone(), json!({ "size": 3 })), Some(gone));
    let error = world.objects.commit(vec![other(), not_found]).await.unwrap_err();
    assert!(matches!(&error, Error::NotFound { key: at, .. } if *at == key("gone")), "{error}");
    let exists = Change::Create(widget("there", json!({ "size": 1 })));
    let error = world.objects.commit(vec![other(), exists]).await.unwrap_err();
    assert!(
        matches!(&error, Error::AlreadyExists { key: at, .. } if *at == key("there")),
        "{error}"
    );
    let error = world.objects.commit(vec![other(), other()]).await.unwrap_err();
    assert!(matches!(&error, Error::Twice { key: at, .. } if *at == key("other")), "{error}");
    let invalid = Change::Create(widget("bad", json!({ "size": "x" })));
    let error = world.objects.commit(vec![other(), invalid]).await.unwrap_err();
    assert!(matches!(&error, Error::Invalid { key: at, .. } if *at == key("bad")), "{error}");
    assert_eq!(world.read("other").await, None);
}

#[tokio::test]
async fn a_stale_old_is_refused_even_if_nothing_would_change() {
    let world = World::new().await;
    let stale = world.widget("a").await;
    world.objects.update(with_spec(stale.clone(), json!({ "size": 2 }))).await.unwrap();
    let error = world.objects.commit(vec![update(stale.clone(), Some(stale))]).await.unwrap_err();
    assert!(error.is_conflict(), "{error}");
}

#[tokio::test]
async fn several_hundred_changes_are_one_revision() {
    let world = World::new().await;
    let before = world.revision();
    let make = |index: u32| Change::Create(widget(&format!("w{index}"), json!({ "size": 1 })));
    let made = world.objects.commit((0..600).map(make).collect()).await.unwrap();
    assert_eq!(made.revision, before.next());
    let bind = |object: &Option<Object>| {
        let old = object.clone().unwrap();
        let bound = with_spec(old.clone(), json!({ "size": 1, "host": "n1" }));
        update(bound, Some(old))
    };
    let bound = world.objects.commit(made.objects.iter().map(bind).collect()).await.unwrap();
    assert_eq!(bound.revision, made.revision.next());
    let all = world.objects.list(&kind(), Some("shop"), &Selector::everything()).await.unwrap();
    assert_eq!(all.items.len(), 600);
    assert!(all.items.iter().all(|item| item.pointer("/spec/host") == Some(&json!("n1"))));
}

#[tokio::test]
async fn a_namespace_and_its_first_object_come_together() {
    let world = World::new().await;
    let mut object = widget("a", json!({ "size": 1 }));
    object.metadata.namespace = Some("fresh".into());
    let namespace = Object::new::<Namespace>(ObjectKey::cluster("fresh"));
    let changes = vec![Change::Create(object), Change::Create(namespace)];
    assert_eq!(world.objects.commit(changes).await.unwrap().objects.len(), 2);
}

#[tokio::test]
async fn a_write_of_another_term_is_refused() {
    let world = World::new().await;
    let term = world.objects.store().status().term;
    let current = world.objects.fenced(Some(term));
    current.create(widget("a", json!({ "size": 1 }))).await.unwrap();
    let deposed = world.objects.fenced(Some(Term(term.0 + 1)));
    let error = deposed.create(widget("b", json!({ "size": 1 }))).await.unwrap_err();
    assert!(matches!(error, Error::Store(quorate_store::Error::Fenced { .. })), "{error}");
    assert_eq!(world.read("b").await, None);
}

#[tokio::test]
async fn unversioned_updates_in_parallel_all_succeed() {
    let world = World::new().await;
    world.widget("a").await;
    let write = |size: i64| {
        let objects = world.objects.clone();
        async move { objects.update(widget("a", json!({ "size": size }))).await }
    };
    let results = futures::future::join_all((2..10).map(write)).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(world.read("a").await.unwrap().metadata.generation, Some(9));
}

#[tokio::test]
async fn an_empty_commit_is_nothing() {
    let world = World::new().await;
    assert_eq!(world.objects.commit(Vec::new()).await.unwrap().objects, []);
}
