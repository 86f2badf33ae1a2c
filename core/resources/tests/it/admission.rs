//! Plugins that complete, refuse and count.

use crate::world::{Widget, World, key, kind, widget};
use async_trait::async_trait;
use quorate_resources::{
    Admission, Admitted, Change, Claims, DeleteOptions, Error, ForKind, Object, Objects, Operation,
    Revision, TypedAdmission,
};
use quorate_store::{Compare, Op, RangeRequest};
use serde_json::json;
use std::sync::Arc;

/// At most so many widgets, counted under a compare.
#[derive(Debug)]
struct Quota(i64);

const COUNTER: &str = "/quota/widgets";

#[async_trait]
impl Admission for Quota {
    fn name(&self) -> &'static str {
        "quota"
    }

    async fn admit(
        &self,
        objects: &Objects,
        operation: Operation,
        object: &mut Object,
        _old: Option<&Object>,
    ) -> Result<Claims, Error> {
        if operation == Operation::Update || object.kind != "Widget" {
            return Ok(Claims::default());
        }
        let found = objects.store().range(RangeRequest::key(COUNTER)).await?;
        let (used, revision) = found.kvs.first().map_or((0, Revision::NONE), |kv| {
            (String::from_utf8_lossy(&kv.value).parse::<i64>().unwrap(), kv.mod_revision)
        });
        let next = if operation == Operation::Create { used + 1 } else { used - 1 };
        if next > self.0 {
            let (kind, key) = (object.group_kind(), object.key());
            return Err(Error::Denied {
                kind,
                key,
                reason: format!("quota of {} is used up", self.0),
            });
        }
        Ok(Claims {
            compares: vec![Compare::mod_revision(COUNTER, revision)],
            ops: vec![Op::put(COUNTER, next.to_string())],
        })
    }
}

#[tokio::test]
async fn claims_hold_a_quota_under_concurrency() {
    let world = World::new().await;
    let objects = world.objects.clone().with_admission(Arc::new(Quota(5)));
    let create = |index: i32| {
        let objects = objects.clone();
        async move { objects.create(widget(&format!("w{index}"), json!({ "size": 1 }))).await }
    };
    let results = futures::future::join_all((0..8).map(create)).await;
    let refused = |result: &&Result<Object, Error>| matches!(result, Err(Error::Denied { .. }));
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 5);
    assert_eq!(results.iter().filter(refused).count(), 3, "{results:?}");
    let gone = &results.iter().flatten().next().unwrap().metadata.name;
    let deleted = objects.delete(&kind(), &key(gone), DeleteOptions::default()).await.unwrap();
    assert!(deleted.is_removed());
    objects.create(widget("again", json!({ "size": 1 }))).await.unwrap();
}

/// Sets a field that users leave out.
#[derive(Debug)]
struct Host;

#[async_trait]
impl Admission for Host {
    fn name(&self) -> &'static str {
        "host"
    }

    async fn admit(
        &self,
        _objects: &Objects,
        _operation: Operation,
        object: &mut Object,
        _old: Option<&Object>,
    ) -> Result<Claims, Error> {
        if let Some(spec) = object.body.get_mut("spec") {
            spec["host"] = json!("n1");
        }
        Ok(Claims::default())
    }
}

#[tokio::test]
async fn a_plugin_completes_the_object() {
    let world = World::new().await;
    let objects = world.objects.clone().with_admission(Arc::new(Host));
    let made = objects.create(widget("a", json!({ "size": 1 }))).await.unwrap();
    assert_eq!(made.pointer("/spec/host"), Some(&json!("n1")));
    assert_eq!(world.read("a").await, Some(made));
}

/// Doubles every widget, and refuses those that would shrink.
#[derive(Debug)]
struct Doubling;

#[async_trait]
impl TypedAdmission<Widget> for Doubling {
    fn name(&self) -> &'static str {
        "doubling"
    }

    async fn admit(
        &self,
        _objects: &Objects,
        _operation: Operation,
        widget: &mut Widget,
        old: Option<&Widget>,
    ) -> Result<Claims, Error> {
        widget.spec.size *= 2;
        if old.is_some_and(|old| old.spec.size > widget.spec.size) {
            let (kind, key) = (kind(), key("a"));
            return Err(Error::Denied { kind, key, reason: "it may not shrink".to_owned() });
        }
        Ok(Claims::default())
    }
}

#[tokio::test]
async fn a_typed_plugin_sees_values_of_its_kind_only() {
    let world = World::new().await;
    let plugin = ForKind::<Widget, _>::new(Doubling);
    let objects = world.objects.clone().with_admission(Arc::new(plugin));
    let mut first = widget("a", json!({ "size": 3 }));
    first.metadata.labels.insert("kept".into(), "yes".into());
    let made = objects.create(first).await.unwrap();
    assert_eq!(made.pointer("/spec"), Some(&json!({ "size": 6 })));
    assert_eq!(made.metadata.labels["kept"], "yes", "what the type does not know stays");
    let smaller = crate::world::with_spec(made, json!({ "size": 1 }));
    assert!(matches!(objects.update(smaller).await, Err(Error::Denied { .. })));
    let space = Object::new::<crate::world::Namespace>(quorate_resources::ObjectKey::cluster("x"));
    objects.create(space).await.unwrap();
}

/// The sum of all sizes, kept as the size of the widget `total`.
#[derive(Debug)]
struct Total;

#[async_trait]
impl Admission for Total {
    fn name(&self) -> &'static str {
        "total"
    }

    async fn admit(
        &self,
        _objects: &Objects,
        _operation: Operation,
        _object: &mut Object,
        _old: Option<&Object>,
    ) -> Result<Claims, Error> {
        Ok(Claims::default())
    }

    async fn admit_all(
        &self,
        objects: &Objects,
        changes: &[Admitted<'_>],
    ) -> Result<Vec<Change>, Error> {
        let size = |object: &Object| {
            object.pointer("/spec/size").and_then(serde_json::Value::as_i64).unwrap()
        };
        let added: i64 =
            changes.iter().map(|change| size(change.object) - change.old.map_or(0, size)).sum();
        let total = Arc::new(objects.get(&kind(), &key("total")).await?);
        let mut object = (*total).clone();
        object.body["spec"]["size"] = json!(size(&total) + added);
        Ok(vec![Change::Update { object, old: Some(total) }])
    }
}

#[tokio::test]
async fn what_a_plugin_adds_is_part_of_the_transaction() {
    let world = World::new().await;
    world.objects.create(widget("total", json!({ "size": 0 }))).await.unwrap();
    let objects = world.objects.clone().with_admission(Arc::new(Total));
    let made = |name: &str, size: i64| Change::Create(widget(name, json!({ "size": size })));
    let committed = objects.commit(vec![made("a", 2), made("b", 3)]).await.unwrap();
    let names: Vec<_> = committed.objects.iter().flatten().map(|one| &one.metadata.name).collect();
    assert_eq!(names, ["a", "b"], "the answer is about the caller's own changes");
    let total = world.read("total").await.unwrap();
    assert_eq!(total.pointer("/spec/size"), Some(&json!(5)));
    assert_eq!(total.metadata.resource_version, Some(committed.revision), "one transaction");
    let created = objects.create(widget("c", json!({ "size": 1 }))).await.unwrap();
    assert_eq!(created.metadata.name, "c");
    // Whoever is slower starts anew: nothing is lost and nobody is told of a conflict.
    let create = |index: i64| {
        let objects = objects.clone();
        async move { objects.create(widget(&format!("w{index}"), json!({ "size": index }))).await }
    };
    let results = futures::future::join_all((0..6).map(create)).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let total = world.read("total").await.unwrap();
    assert_eq!(total.pointer("/spec/size"), Some(&json!(6 + 15)));
}
