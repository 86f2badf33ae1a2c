use super::*;
use crate::testing::{World, deployment, object, pod};
use crate::{ControllerOptions, all};

#[test]
fn a_budget_comes_to_what_the_table_says() {
    // (minAvailable, maxUnavailable, pods, scale, healthy) -> (expected, desired, allowed)
    let none = Value::Null;
    let table = [
        (json!(2), none.clone(), 3, 9, 3, (3, 2, 1)),
        (json!(4), none.clone(), 3, 9, 3, (3, 4, 0)),
        (json!("50%"), none.clone(), 3, 5, 3, (5, 3, 0)),
        (json!("50%"), none.clone(), 5, 5, 5, (5, 3, 2)),
        (none.clone(), json!(1), 3, 3, 3, (3, 2, 1)),
        (none.clone(), json!(1), 3, 3, 2, (3, 2, 0)),
        (none.clone(), json!("10%"), 5, 5, 5, (5, 4, 1)),
        (none.clone(), json!(0), 5, 5, 5, (5, 5, 0)),
        (json!(0), none.clone(), 0, 0, 0, (0, 0, 0)),
        (none.clone(), none, 3, 3, 3, (0, 0, 0)),
    ];
    for (least, most, pods, scale, healthy, expected) in table {
        let mut spec = json!({ "minAvailable": least, "maxUnavailable": most });
        spec.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let counts =
            plan::counts(&serde_json::from_value(spec.clone()).unwrap(), pods, scale, healthy);
        assert_eq!((counts.expected, counts.desired, counts.allowed()), expected, "{spec}");
    }
}

fn budget(spec: &Value) -> Object {
    let mut budget = object(json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": { "name": "web", "namespace": "shop" },
        "spec": { "selector": { "matchLabels": { "app": "web" } } },
    }));
    for (name, value) in spec.as_object().unwrap() {
        edit::set_field(&mut budget, &["spec", name.as_str()], value.clone());
    }
    budget
}

#[tokio::test]
async fn a_budget_follows_its_pods_and_their_owner() {
    let world = World::new().await;
    let _running = world.start(all(ControllerOptions::default()));
    world.create(budget(&json!({ "maxUnavailable": 1 }))).await;
    world.create(deployment("web", 3)).await;
    let of = "policy/PodDisruptionBudget";
    let none = |status: &Value| status["expectedPods"] == 3 && status["disruptionsAllowed"] == 0;
    let starting = world.status_when(of, "web", none).await;
    assert_eq!(starting["conditions"][0]["status"], "False");
    let _fleet = world.fleet(&["n1"]);
    let one = world.status_when(of, "web", |status| status["disruptionsAllowed"] == 1).await;
    assert_eq!((&one["currentHealthy"], &one["desiredHealthy"]), (&json!(3), &json!(2)));
    world
        .edit("apps/Deployment", ObjectKey::namespaced("shop", "web"), |deployment| {
            edit::set_field(deployment, &["spec", "replicas"], json!(5));
        })
        .await;
    let grown = |status: &Value| status["desiredHealthy"] == 4 && status["disruptionsAllowed"] == 1;
    world.status_when(of, "web", grown).await;
}

#[tokio::test]
async fn pods_without_an_owner_allow_no_share() {
    let world = World::new().await;
    let _running = world.start(vec![Arc::new(Budgets)]);
    world.create(pod("alone", "web")).await;
    world.create(budget(&json!({ "maxUnavailable": 1 }))).await;
    let of = "policy/PodDisruptionBudget";
    let failed = |status: &Value| status["conditions"][0]["reason"] == "SyncFailed";
    world.status_when(of, "web", failed).await;
}
