use super::*;
use crate::testing::{World, object};
use quorate_reconcile::Snapshot;
use quorate_resources::Object;
use serde_json::Value;
use std::sync::Arc;

fn role(name: &str, label: &str, gathers: Option<&str>, resource: &str) -> Object {
    let mut role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": { "name": name, "labels": { "to": label } },
        "rules": [{ "verbs": ["get"], "apiGroups": [""], "resources": [resource] }],
    });
    if let Some(gathers) = gathers {
        role["aggregationRule"] =
            json!({ "clusterRoleSelectors": [{ "matchLabels": { "to": gathers } }] });
    }
    object(role)
}

/// The resources of a role's rules.
fn resources(snapshot: &Snapshot, name: &str) -> Vec<Value> {
    let found = snapshot.object(&ClusterRole::group_kind(), &ObjectKey::cluster(name));
    let rules = found.and_then(|role| role.body.get("rules")?.as_array().cloned());
    let rules = rules.unwrap_or_default();
    rules.iter().map(|rule| rule["resources"][0].clone()).collect()
}

#[tokio::test]
async fn a_role_shows_what_it_gathers_through_steps_and_loses_what_goes() {
    let world = World::new().await;
    world.create(role("admin", "none", Some("admin"), "stale")).await;
    world.create(role("edit", "admin", Some("edit"), "stale")).await;
    world.create(role("pods", "edit", None, "pods")).await;
    world.create(role("roles", "admin", None, "roles")).await;
    world.create(role("others", "none", None, "nodes")).await;
    let _running = world.start(vec![Arc::new(ClusterRoles)]);
    let are = |snapshot: &Snapshot, wanted: &[&str]| {
        (resources(snapshot, "admin") == wanted).then_some(())
    };
    world.until("all is gathered", |s| are(s, &["pods", "roles"])).await;
    assert_eq!(resources(&world.settled().await, "others"), ["nodes"]);
    world.delete("rbac.authorization.k8s.io/ClusterRole", None, "pods").await;
    world.until("one is less", |s| are(s, &["roles"])).await;
}
