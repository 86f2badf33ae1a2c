use super::*;
use crate::testing::{World, object, pod};
use std::sync::Arc;

fn range(limits: Value) -> Object {
    object(json!({ "apiVersion": "v1", "kind": "LimitRange",
        "metadata": { "name": "bounds", "namespace": "shop" }, "spec": { "limits": limits } }))
}

async fn made(limits: Value, resources: Value) -> Result<Object, String> {
    let world = World::new().await;
    world.create(range(limits)).await;
    let mut pod = pod("a", "web");
    pod.body["spec"]["containers"][0]["resources"] = resources;
    let objects = world.objects.clone().with_admission(Arc::new(Limits));
    objects.create(pod).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn what_is_left_out_is_filled_in() {
    let limits = json!([{ "type": "Container", "default": { "cpu": "2", "memory": "1Gi" },
        "defaultRequest": { "cpu": "500m" } }]);
    let pod = made(limits, json!({ "limits": { "cpu": "1" } })).await.unwrap();
    let resources = pod.pointer("/spec/containers/0/resources").unwrap();
    assert_eq!(resources["limits"], json!({ "cpu": "1", "memory": "1Gi" }), "what is said stays");
    assert_eq!(resources["requests"]["cpu"], "1", "the own limit is requested");
}

#[tokio::test]
async fn what_is_out_of_bounds_is_refused() {
    let bounds = |kind: &str| {
        json!([{ "type": kind, "min": { "cpu": "250m" }, "max": { "cpu": "1" },
            "maxLimitRequestRatio": { "cpu": "2" } }])
    };
    let cpu = |request: &str, limit: &str| json!({ "requests": { "cpu": request }, "limits": { "cpu": limit } });
    {
        let kind = "Pod";
        assert!(made(bounds(kind), cpu("500m", "1")).await.is_ok());
        for (resources, words) in [
            (cpu("100m", "200m"), "minimum cpu usage per Pod is 250m, but request is 100m"),
            (cpu("1", "2"), "maximum cpu usage per Pod is 1, but limit is 2"),
            (cpu("250m", "1"), "ratio per Pod is 2"),
            (json!({}), "no limit is specified"),
        ] {
            let error = made(bounds(kind), resources).await.unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
    let error = made(bounds("Container"), cpu("100m", "100m")).await.unwrap_err();
    assert!(error.contains("per Container is 250m"), "{error}");
}
