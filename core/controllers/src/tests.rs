//! All controllers together over a store in memory, with a stand-in for scheduler and agents.

use crate::testing::{World, deployment, kind, pods, service, serving};
use crate::{ControllerOptions, NodeLifecycleOptions, all};
use quorate_reconcile::Snapshot;
use quorate_store::{RangeRequest, Store};
use quorate_types::ObjectKey;
use serde_json::{Value, json};
use std::time::Duration;

fn key(name: &str) -> ObjectKey {
    ObjectKey::namespaced("shop", name)
}

fn complete(status: &Value, replicas: i32) -> bool {
    let is = |field: &str| status[field] == replicas;
    is("replicas") && is("updatedReplicas") && is("availableReplicas") && is("readyReplicas")
}

#[tokio::test]
async fn a_deployment_gets_its_pods_and_its_service_their_addresses() {
    let world = World::new().await;
    let running = world.start(all(ControllerOptions::default()));
    let _fleet = world.fleet(&["n1", "n2"]);
    world.create(service("web")).await;
    world.create(deployment("web", 6)).await;
    let status = world.status_when("apps/Deployment", "web", |status| complete(status, 6)).await;
    assert_eq!(status["observedGeneration"], 1);
    assert!(status.get("unavailableReplicas").is_none(), "{status}");
    world
        .until("six ready endpoints", |snapshot| {
            let slices = snapshot.objects_in(&kind("discovery.k8s.io/EndpointSlice"), "shop");
            let endpoints: Vec<Value> = slices
                .filter_map(|slice| Some(slice.pointer("/endpoints")?.as_array()?.clone()))
                .flatten()
                .collect();
            let ready = endpoints.iter().filter(|one| one["conditions"]["ready"] == true).count();
            (endpoints.len() == 6 && ready == 6).then_some(())
        })
        .await;
    running.stop().await;
}

#[tokio::test]
async fn scaling_changes_the_number_of_pods_and_keeps_the_others() {
    let world = World::new().await;
    let _running = world.start(all(ControllerOptions::default()));
    let _fleet = world.fleet(&["n1", "n2"]);
    world.create(deployment("web", 6)).await;
    world.status_when("apps/Deployment", "web", |status| complete(status, 6)).await;
    let uids = |snapshot: &Snapshot| -> Vec<_> {
        pods(snapshot).iter().map(|pod| pod.metadata.uid.clone()).collect()
    };
    let six = uids(&world.settled().await);
    for replicas in [10, 4] {
        world
            .edit("apps/Deployment", key("web"), |object| {
                crate::edit::set_field(object, &["spec", "replicas"], json!(replicas));
            })
            .await;
        world.status_when("apps/Deployment", "web", |status| complete(status, replicas)).await;
        let count = usize::try_from(replicas).unwrap();
        world.pods_when("exactly so many", |pods| pods.len() == count).await;
    }
    let sets = world.settled().await.objects_in(&kind("apps/ReplicaSet"), "shop").count();
    assert_eq!(sets, 1, "scaling makes no new replica set");
    let left = uids(&world.settled().await);
    assert!(left.iter().filter(|uid| six.contains(uid)).count() >= 2, "{left:?} of {six:?}");
}

#[tokio::test]
async fn a_rollout_never_has_too_few_serving_or_too_many_pods() {
    let world = World::new().await;
    let _running = world.start(all(ControllerOptions::default()));
    let _fleet = world.fleet(&["n1", "n2", "n3"]);
    world.create(deployment("web", 6)).await;
    world.status_when("apps/Deployment", "web", |status| complete(status, 6)).await;
    let (_, mut changes) = world.cache.subscribe();
    let set_image = async |image: &'static str| {
        world
            .edit("apps/Deployment", key("web"), |object| {
                let container = json!([{ "name": "main", "image": image }]);
                let path = ["spec", "template", "spec", "containers"];
                crate::edit::set_field(object, &path, container);
            })
            .await;
    };
    set_image("web:2").await;
    let of = |snapshot: &Snapshot, image: &str| {
        let image = Value::from(image);
        let pods = pods(snapshot);
        let has = |pod: &&std::sync::Arc<quorate_resources::Object>| {
            pod.pointer("/spec/containers/0/image") == Some(&image)
        };
        pods.iter().filter(has).count()
    };
    let mut steps = 0;
    loop {
        let snapshot = changes.next().await.unwrap().snapshot;
        let active = pods(&snapshot).iter().filter(|pod| !pod.metadata.is_deleting()).count();
        assert!(serving(&snapshot) >= 5, "{} serve at {}", serving(&snapshot), snapshot.revision());
        assert!(active <= 7, "{active} pods at {}", snapshot.revision());
        steps += 1;
        if of(&snapshot, "web:2") == 6 && of(&snapshot, "web:1") == 0 && serving(&snapshot) == 6 {
            break;
        }
    }
    assert!(steps > 10, "it was seen in {steps} steps");
    let rolled = world.status_when("apps/Deployment", "web", |status| complete(status, 6)).await;
    assert_eq!(rolled["observedGeneration"], 2);
    let deployment = world.objects.get(&kind("apps/Deployment"), &key("web")).await.unwrap();
    assert_eq!(deployment.metadata.annotations["deployment.kubernetes.io/revision"], "2");
    // And back: the first replica set is used again, under a new revision.
    set_image("web:1").await;
    world.until("rolled back", |snapshot| (of(snapshot, "web:1") == 6).then_some(())).await;
    let sets = world.settled().await.objects_in(&kind("apps/ReplicaSet"), "shop").count();
    assert_eq!(sets, 3, "the template without ports is new, each of the others has its set");
}

#[tokio::test]
async fn recreate_lets_everything_end_before_it_starts_anew() {
    let world = World::new().await;
    let _running = world.start(all(ControllerOptions::default()));
    let fleet = world.fleet(&["n1", "n2"]);
    let mut recreate = deployment("web", 3);
    crate::edit::set_field(&mut recreate, &["spec", "strategy"], json!({ "type": "Recreate" }));
    world.create(recreate).await;
    world.status_when("apps/Deployment", "web", |status| complete(status, 3)).await;
    // The agent is slow: the old pods are told to end, and do not yet.
    fleet.kill("n1");
    fleet.kill("n2");
    world
        .edit("apps/Deployment", key("web"), |object| {
            let container = json!([{ "name": "main", "image": "web:2" }]);
            crate::edit::set_field(object, &["spec", "template", "spec", "containers"], container);
        })
        .await;
    world
        .pods_when("all are told to end", |pods| pods.iter().all(|pod| pod.metadata.is_deleting()))
        .await;
    world.pass(Duration::from_secs(5)).await;
    let old = pods(&world.settled().await);
    assert!(old.len() == 3 && old.iter().all(|pod| pod.metadata.is_deleting()), "nothing new");
    for pod in &old[1..] {
        world.confirm_end(&pod.metadata.name).await;
    }
    world.pass(Duration::from_secs(5)).await;
    assert_eq!(pods(&world.settled().await).len(), 1, "one has not ended");
    world.confirm_end(&old[0].metadata.name).await;
    world
        .pods_when("the new ones start", |pods| {
            pods.len() == 3 && pods.iter().all(|pod| !pod.metadata.is_deleting())
        })
        .await;
}

#[tokio::test]
async fn old_replica_sets_are_kept_up_to_the_limit() {
    let world = World::new().await;
    let _running = world.start(all(ControllerOptions::default()));
    let _fleet = world.fleet(&["n1"]);
    let mut limited = deployment("web", 2);
    crate::edit::set_field(&mut limited, &["spec", "revisionHistoryLimit"], json!(1));
    world.create(limited).await;
    world.status_when("apps/Deployment", "web", |status| complete(status, 2)).await;
    for version in 2..5 {
        world
            .edit("apps/Deployment", key("web"), |object| {
                let container = json!([{ "name": "main", "image": format!("web:{version}") }]);
                let path = ["spec", "template", "spec", "containers"];
                crate::edit::set_field(object, &path, container);
            })
            .await;
        world
            .status_when("apps/Deployment", "web", |status| {
                complete(status, 2) && status["observedGeneration"] == version
            })
            .await;
    }
    world
        .until("one old set is left", |snapshot| {
            let sets: Vec<_> = snapshot.objects_in(&kind("apps/ReplicaSet"), "shop").collect();
            let revision = |set: &std::sync::Arc<quorate_resources::Object>| {
                set.metadata.annotations["deployment.kubernetes.io/revision"].clone()
            };
            let mut revisions: Vec<String> = sets.iter().map(revision).collect();
            revisions.sort();
            (revisions == ["3", "4"]).then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_deleted_deployment_leaves_nothing_behind() {
    let world = World::new().await;
    let _running = world.start(all(ControllerOptions::default()));
    let _fleet = world.fleet(&["n1"]);
    world.create(deployment("web", 5)).await;
    world.status_when("apps/Deployment", "web", |status| complete(status, 5)).await;
    world.delete("apps/Deployment", Some("shop"), "web").await;
    world
        .until("sets and pods are gone", |snapshot| {
            let sets = snapshot.objects_in(&kind("apps/ReplicaSet"), "shop").count();
            (sets == 0 && pods(snapshot).is_empty()).then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_deleted_namespace_leaves_nothing_under_the_registry() {
    let world = World::new().await;
    let _running = world.start(all(ControllerOptions::default()));
    let _fleet = world.fleet(&["n1", "n2"]);
    world.create(service("web")).await;
    world.create(deployment("web", 6)).await;
    world.status_when("apps/Deployment", "web", |status| complete(status, 6)).await;
    world.delete("/Namespace", None, "shop").await;
    world
        .until("the namespace is gone", |snapshot| {
            snapshot
                .object(&kind("/Namespace"), &ObjectKey::cluster("shop"))
                .is_none()
                .then_some(())
        })
        .await;
    let all = world.store.range(RangeRequest::prefix("/registry/")).await.unwrap();
    let keys = all.kvs.iter().map(|kv| String::from_utf8_lossy(&kv.key).into_owned());
    let left: Vec<String> = keys.filter(|key| key.contains("/shop")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn the_pods_of_a_lost_node_are_replaced_elsewhere() {
    let world = World::new().await;
    for name in ["n1", "n2", "n3"] {
        world.node(name).await;
    }
    let node =
        NodeLifecycleOptions { grace: Duration::from_secs(6), evict_after: Duration::from_secs(4) };
    let _running = world.start(all(ControllerOptions::default().node(node)));
    let fleet = world.fleet(&["n1", "n2", "n3"]);
    world.create(deployment("web", 6)).await;
    world.status_when("apps/Deployment", "web", |status| complete(status, 6)).await;
    fleet.kill("n1");
    let on = |snapshot: &Snapshot, node: &str| crate::nodes::pods_on(snapshot, node).count();
    assert!(on(&world.settled().await, "n1") > 0);
    for _ in 0..10 {
        world.renew("n2").await;
        world.renew("n3").await;
        world.pass(Duration::from_secs(2)).await;
    }
    world
        .until("six serve on the others", |snapshot| {
            (on(snapshot, "n1") == 0 && serving(snapshot) == 6).then_some(())
        })
        .await;
}

#[tokio::test]
async fn controllers_go_on_where_the_new_leader_is() {
    use quorate_store::MemoryStore;
    use quorate_types::Term;
    let world = World::new().await;
    let _running = world.start(all(ControllerOptions::default()));
    let _fleet = world.fleet(&["n1"]);
    world.create(deployment("web", 3)).await;
    world.status_when("apps/Deployment", "web", |status| complete(status, 3)).await;
    for term in 2..6 {
        world.store.set_leadership(None, Term(term * 2));
        let replicas = i32::try_from(term).unwrap() + 2;
        world
            .edit("apps/Deployment", key("web"), |object| {
                crate::edit::set_field(object, &["spec", "replicas"], json!(replicas));
            })
            .await;
        world.store.set_leadership(Some(MemoryStore::MEMBER), Term(term * 2 + 1));
        world.status_when("apps/Deployment", "web", |status| complete(status, replicas)).await;
    }
    assert_eq!(pods(&world.settled().await).len(), 7);
}
