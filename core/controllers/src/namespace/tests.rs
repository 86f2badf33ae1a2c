use super::*;
use crate::testing::{World, deployment, pod, service};
use quorate_store::Store;
use serde_json::json;

fn namespace(finalizers: &serde_json::Value, deleting: bool) -> Arc<Object> {
    let mut object = crate::testing::object(json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop" },
        "spec": { "finalizers": finalizers },
    }));
    object.metadata.deletion_timestamp = deleting.then(|| "2026-01-01T00:00:00Z".to_owned());
    Arc::new(object)
}

#[test]
fn only_a_namespace_that_is_being_deleted_is_emptied() {
    assert!(plan::is_waiting(&namespace(&json!(["kubernetes"]), true)));
    assert!(!plan::is_waiting(&namespace(&json!(["kubernetes"]), false)));
    assert!(!plan::is_waiting(&namespace(&json!(["someone/else"]), true)), "ours is done");
}

#[test]
fn only_our_own_finalizer_is_taken_off() {
    let namespace = namespace(&json!(["kubernetes", "someone/else"]), true);
    let Change::Update { object, .. } = plan::letting_go(&namespace) else { panic!("an update") };
    assert_eq!(object.pointer("/spec/finalizers"), Some(&json!(["someone/else"])));
}

#[tokio::test]
async fn a_deleted_namespace_takes_everything_with_it_but_waits_for_pods_to_end() {
    let world = World::new().await;
    world.create(deployment("web", 0)).await;
    world.create(service("web")).await;
    let mut bound = pod("running", "web");
    crate::edit::set_field(&mut bound, &["spec", "nodeName"], json!("n1"));
    world.create(bound).await;
    world.create(pod("unbound", "web")).await;
    let _running = world.start(vec![Arc::new(Namespaces)]);
    world.delete("/Namespace", None, "shop").await;
    world
        .until("only the running pod is left", |snapshot| {
            let left = contents(snapshot, "shop");
            (left.len() == 1 && left[0].metadata.is_deleting()).then_some(())
        })
        .await;
    let there = |snapshot: &Snapshot| snapshot.object(&spaces::kind(), &ObjectKey::cluster("shop"));
    assert!(there(&world.settled().await).is_some(), "it waits for the pod");
    world.confirm_end("running").await;
    world.until("the namespace is gone", |s| there(s).is_none().then_some(())).await;
    let all = world.store.range(RangeRequest::prefix("/registry/")).await.unwrap();
    let left: Vec<String> =
        all.kvs.iter().map(|kv| String::from_utf8_lossy(&kv.key).into_owned()).collect();
    assert!(left.iter().all(|key| !key.contains("shop")), "{left:?}");
}

#[tokio::test]
async fn a_namespace_with_an_unreadable_object_is_not_let_go() {
    let world = World::new().await;
    world
        .store
        .txn(quorate_store::Txn::put("/registry/core/configmaps/shop/bad", "{"))
        .await
        .unwrap();
    world.create(service("web")).await;
    let _running = world.start(vec![Arc::new(Namespaces)]);
    world.delete("/Namespace", None, "shop").await;
    world.until("it is empty to the eye", |s| contents(s, "shop").is_empty().then_some(())).await;
    world.pass(std::time::Duration::from_secs(5)).await;
    let snapshot = world.settled().await;
    assert!(snapshot.object(&spaces::kind(), &ObjectKey::cluster("shop")).is_some());
}
