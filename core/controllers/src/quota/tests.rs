use super::*;
use crate::testing::{World, kind, object, pod, replica_set};
use crate::{ControllerOptions, all};

fn quota(spec: Value) -> Object {
    object(json!({ "apiVersion": "v1", "kind": "ResourceQuota",
        "metadata": { "name": "small", "namespace": "shop" }, "spec": spec }))
}

fn requesting(name: &str, cpu: &str) -> Object {
    let mut pod = pod(name, "web");
    pod.body["spec"]["containers"][0]["resources"] = json!({ "requests": { "cpu": cpu } });
    pod
}

/// A world whose objects are counted.
async fn world(spec: Value) -> (World, quorate_reconcile::Running) {
    let mut world = World::new().await;
    world.objects = world.objects.clone().with_admission(Arc::new(Quotas));
    let running = world.start(vec![Arc::new(Usage)]);
    world.create(quota(spec)).await;
    world.status_when("/ResourceQuota", "small", |status| status["used"].is_object()).await;
    (world, running)
}

#[tokio::test]
async fn nothing_beyond_the_quota_is_created_and_what_goes_makes_room() {
    let (world, _running) =
        world(json!({ "hard": { "pods": "2", "requests.cpu": "1", "count/configmaps": "1" } }))
            .await;
    world.objects.create(requesting("a", "400m")).await.unwrap();
    let error = world.objects.create(requesting("b", "700m")).await.unwrap_err().to_string();
    let words = "exceeded quota: small, requested: requests.cpu=700m, used: requests.cpu=400m, \
                 limited: requests.cpu=1";
    assert!(error.contains(words), "{error}");
    world.objects.create(requesting("b", "600m")).await.unwrap();
    let error = world.objects.create(requesting("c", "0")).await.unwrap_err().to_string();
    assert!(error.contains("requested: pods=1, used: pods=2, limited: pods=2"), "{error}");
    let error = world.objects.create(pod("d", "web")).await.unwrap_err().to_string();
    assert!(error.contains("must specify requests.cpu"), "{error}");
    world.set_pod_status("a", json!({ "phase": "Succeeded" })).await;
    let freed = |status: &Value| status["used"]["pods"] == "1";
    let status = world.status_when("/ResourceQuota", "small", freed).await;
    assert_eq!(status["used"]["requests.cpu"], "600m");
    world.objects.create(requesting("c", "400m")).await.unwrap();
    world.delete("/Pod", Some("shop"), "b").await;
    world.delete("/Pod", Some("shop"), "c").await;
    world.status_when("/ResourceQuota", "small", |status| status["used"]["pods"] == "0").await;
    let map = |name: &str| {
        object(json!({ "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": name, "namespace": "shop" } }))
    };
    world.objects.create(map("one")).await.unwrap();
    assert!(world.objects.create(map("two")).await.is_err());
}

#[tokio::test]
async fn many_at_once_never_get_more_than_there_is() {
    let (world, _running) = world(json!({ "hard": { "pods": "5" } })).await;
    let create = |index: usize| {
        let objects = world.objects.clone();
        async move { objects.create(pod(&format!("p{index}"), "web")).await.is_ok() }
    };
    let mut made = 0;
    let tasks: Vec<_> = (0..12).map(|index| quorate_seams::spawn(create(index))).collect();
    for task in tasks {
        made += usize::from(task.join().await.unwrap_or(false));
    }
    let left = crate::testing::pods(&world.settled().await).len();
    assert_eq!((left, made), (5, 5));
    let batch = |count: usize| (0..count).map(|at| Change::Create(pod(&format!("q{at}"), "web")));
    world
        .delete(
            "/Pod",
            Some("shop"),
            &crate::testing::pods(&world.settled().await)[0].metadata.name,
        )
        .await;
    world.status_when("/ResourceQuota", "small", |status| status["used"]["pods"] == "4").await;
    let error = world.objects.commit(batch(2).collect()).await.unwrap_err().to_string();
    assert!(error.contains("exceeded quota"), "both count together: {error}");
    world.objects.commit(batch(1).collect()).await.unwrap();
}

#[tokio::test]
async fn a_scope_chooses_what_counts() {
    let (world, _running) =
        world(json!({ "hard": { "pods": "1" }, "scopes": ["BestEffort"] })).await;
    world.objects.create(requesting("a", "1")).await.unwrap();
    world.objects.create(pod("b", "web")).await.unwrap();
    assert!(world.objects.create(pod("c", "web")).await.is_err(), "it requests nothing");
    world.objects.create(requesting("d", "1")).await.unwrap();
}

#[tokio::test]
async fn a_set_that_is_refused_says_so_and_goes_on_when_there_is_room() {
    let mut world = World::new().await;
    world.objects = world.objects.clone().with_admission(Arc::new(Quotas));
    let _running = world.start(all(ControllerOptions::default()));
    world.create(quota(json!({ "hard": { "pods": "1" } }))).await;
    world.status_when("/ResourceQuota", "small", |status| status["used"].is_object()).await;
    world.create(replica_set("web", 2)).await;
    world.pods_when("one may be", |pods| pods.len() == 1).await;
    world
        .until("it says so", |snapshot| {
            let mut events = snapshot.objects_in(&kind("/Event"), "shop");
            events
                .any(|event| event.pointer("/reason") == Some(&json!("FailedCreate")))
                .then_some(())
        })
        .await;
    world
        .edit("/ResourceQuota", ObjectKey::namespaced("shop", "small"), |quota| {
            edit::set_field(quota, &["spec", "hard", "pods"], json!("3"));
        })
        .await;
    for _ in 0..40 {
        world.pass(std::time::Duration::from_secs(1)).await;
    }
    world.pods_when("both are made", |pods| pods.len() == 2).await;
}
