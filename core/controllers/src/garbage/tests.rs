use super::*;
use crate::testing::{World, deployment, kind, object, pod, replica_set};
use quorate_resources::Propagation;
use serde_json::json;

/// A ConfigMap owned by objects.
fn owned(name: &str, owners: &[&Object]) -> Object {
    let mut map = object(json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": name, "namespace": "shop" },
    }));
    for owner in owners {
        let mut reference = owner.owner_reference();
        reference.controller = false;
        map.metadata.owner_references.push(reference);
    }
    map
}

fn maps(snapshot: &quorate_reconcile::Snapshot) -> Vec<String> {
    let maps = snapshot.objects_in(&kind("/ConfigMap"), "shop");
    maps.map(|map| map.metadata.name.clone()).collect()
}

#[tokio::test]
async fn dependents_go_when_their_last_owner_is_gone() {
    let world = World::new().await;
    let (one, two) = (world.create(owned("one", &[])).await, world.create(owned("two", &[])).await);
    world.create(owned("of-one", &[&one])).await;
    world.create(owned("of-both", &[&one, &two])).await;
    world.create(owned("of-none", &[])).await;
    let of_one = world
        .objects
        .get(&kind("/ConfigMap"), &ObjectKey::namespaced("shop", "of-one"))
        .await
        .unwrap();
    world.create(owned("grandchild", &[&of_one])).await;
    let _running = world.start(vec![Arc::new(Garbage)]);
    world.delete("/ConfigMap", Some("shop"), "one").await;
    let expected = ["of-both", "of-none", "two"];
    world.until("dependents of one are gone", |s| (maps(s) == expected).then_some(())).await;
    world
        .until("the reference to one is gone", |snapshot| {
            let key = ObjectKey::namespaced("shop", "of-both");
            let both = snapshot.object(&kind("/ConfigMap"), &key)?;
            (both.metadata.owner_references.len() == 1).then_some(())
        })
        .await;
    world.delete("/ConfigMap", Some("shop"), "two").await;
    world.until("only the free one is left", |s| (maps(s) == ["of-none"]).then_some(())).await;
}

#[tokio::test]
async fn an_owner_of_the_same_name_is_not_the_same_owner() {
    let world = World::new().await;
    let first = world.create(owned("one", &[])).await;
    world.delete("/ConfigMap", Some("shop"), "one").await;
    world.create(owned("one", &[])).await;
    world.create(owned("child", &[&first])).await;
    let _running = world.start(vec![Arc::new(Garbage)]);
    world.until("the child of the first is gone", |s| (maps(s) == ["one"]).then_some(())).await;
}

#[tokio::test]
async fn an_owner_of_an_unknown_kind_counts_as_being_there() {
    let world = World::new().await;
    let mut stranger = owned("stranger", &[]);
    stranger.metadata.uid = Some(Uid::from_stored("somewhere"));
    stranger.kind = "Widget".to_owned();
    stranger.api_version = "example.com/v1".to_owned();
    let gone = world.create(owned("gone", &[])).await;
    world.delete("/ConfigMap", Some("shop"), "gone").await;
    world.create(owned("of-stranger", &[&stranger])).await;
    world.create(owned("of-gone", &[&gone])).await;
    let _running = world.start(vec![Arc::new(Garbage)]);
    world.until("one is collected", |s| (maps(s) == ["of-stranger"]).then_some(())).await;
    assert_eq!(maps(&world.settled().await), ["of-stranger"]);
}

#[tokio::test]
async fn a_foreground_deletion_ends_with_the_owner() {
    let world = World::new().await;
    let set = world.create(replica_set("web", 0)).await;
    for name in ["a", "b"] {
        let mut pod = pod(name, "web");
        pod.metadata.owner_references.push(set.owner_reference());
        crate::edit::set_field(&mut pod, &["spec", "nodeName"], json!("n1"));
        world.create(pod).await;
    }
    let _running = world.start(vec![Arc::new(Garbage)]);
    world.delete_as("apps/ReplicaSet", Some("shop"), "web", Propagation::Foreground).await;
    let pods = |snapshot: &quorate_reconcile::Snapshot| crate::testing::pods(snapshot);
    world
        .until("its pods are told to end", |snapshot| {
            pods(snapshot).iter().all(|pod| pod.metadata.is_deleting()).then_some(())
        })
        .await;
    let set_of = |snapshot: &quorate_reconcile::Snapshot| {
        snapshot.object(&kind("apps/ReplicaSet"), &ObjectKey::namespaced("shop", "web"))
    };
    assert!(set_of(&world.settled().await).is_some(), "it waits for them");
    // Now the agent confirms.
    for name in ["a", "b"] {
        world.confirm_end(name).await;
    }
    world.until("the owner is gone", |s| set_of(s).is_none().then_some(())).await;
}

#[tokio::test]
async fn orphans_are_left_behind_and_forget_their_owner() {
    let world = World::new().await;
    let owner = world.create(deployment("web", 0)).await;
    world.create(owned("child", &[&owner])).await;
    let _running = world.start(vec![Arc::new(Garbage)]);
    world.delete_as("apps/Deployment", Some("shop"), "web", Propagation::Orphan).await;
    world
        .until("the owner is gone and the child is free", |snapshot| {
            let key = ObjectKey::namespaced("shop", "child");
            let child = snapshot.object(&kind("/ConfigMap"), &key)?;
            let owner =
                snapshot.object(&kind("apps/Deployment"), &ObjectKey::namespaced("shop", "web"));
            (owner.is_none() && child.metadata.owner_references.is_empty()).then_some(())
        })
        .await;
}
