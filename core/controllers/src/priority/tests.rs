use super::*;
use crate::testing::{World, kind, object, pod};
use std::sync::Arc;

fn class(name: &str, value: i64, default: bool) -> Object {
    object(json!({
        "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
        "metadata": { "name": name }, "value": value, "globalDefault": default,
        "preemptionPolicy": "Never",
    }))
}

#[tokio::test]
async fn a_pod_gets_the_priority_of_its_class_or_of_the_default() {
    let world = World::new().await;
    let objects = world.objects.clone().with_admission(Arc::new(Priorities));
    let make = async |name: &str, class: &str, priority: Option<i64>| {
        let mut pod = pod(name, "web");
        if !class.is_empty() {
            edit::set_field(&mut pod, &["spec", "priorityClassName"], json!(class));
        }
        if let Some(priority) = priority {
            edit::set_field(&mut pod, &["spec", "priority"], json!(priority));
        }
        objects.create(pod).await
    };
    let priority = |pod: &Object| pod.pointer("/spec/priority").and_then(Value::as_i64);
    assert_eq!(priority(&make("none", "", None).await.unwrap()), Some(0));
    world.create(class("high", 1000, false)).await;
    world.create(class("usual", 10, true)).await;
    world.create(class("usual-too", 20, true)).await;
    let high = make("high", "high", None).await.unwrap();
    assert_eq!(priority(&high), Some(1000));
    assert_eq!(high.pointer("/spec/preemptionPolicy"), Some(&json!("Never")));
    let usual = make("usual", "", None).await.unwrap();
    assert_eq!(priority(&usual), Some(10), "the lowest default");
    assert_eq!(usual.pointer("/spec/priorityClassName"), Some(&json!("usual")));
    let system = make("system", "system-node-critical", None).await.unwrap();
    assert_eq!(priority(&system), Some(2_000_001_000), "known before it is stored");
    let error = make("unknown", "lost", None).await.unwrap_err().to_string();
    assert!(error.contains("no PriorityClass with name lost"), "{error}");
    let error = make("other", "high", Some(5)).await.unwrap_err();
    assert_eq!(error.causes()[0].path, "spec.priority");
}

#[tokio::test]
async fn the_systems_classes_are_there_and_come_back() {
    let world = World::new().await;
    let _running = world.start(vec![Arc::new(SystemClasses)]);
    let names = |snapshot: &Snapshot| {
        let all = snapshot.objects(&kind("scheduling.k8s.io/PriorityClass"));
        let names: Vec<String> = all.map(|class| class.metadata.name.clone()).collect();
        (names == ["system-cluster-critical", "system-node-critical"]).then_some(())
    };
    world.until("both", names).await;
    world.delete("scheduling.k8s.io/PriorityClass", None, "system-node-critical").await;
    world.until("both again", names).await;
}
