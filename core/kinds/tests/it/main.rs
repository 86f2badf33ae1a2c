//! The built-in kinds over the reference store.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use quorate_kinds::{Deployment, Namespace, Pod, registry};
use quorate_resources::{
    Action, Api, DeleteOptions, Error, Kind, Object, ObjectKey, Objects, Selector, manifest,
};
use quorate_seams::{ManualClock, Seams};
use quorate_store::MemoryStore;
use serde_json::{Value, json};
use std::sync::Arc;

const MANIFEST: &str = r#"
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: settings, namespace: shop }
data: { greeting: hello }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: shop }
spec:
  replicas: 6
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      runtimeClassName: process
      containers:
        - name: web
          command: ["/usr/bin/web", "--listen", "$(POD_IP):8080"]
          env:
            - name: GREETING
              valueFrom: { configMapKeyRef: { name: settings, key: greeting } }
            - name: POD_IP
              valueFrom: { fieldRef: { fieldPath: status.podIP } }
          ports: [{ name: http, containerPort: 8080 }]
          readinessProbe: { httpGet: { path: /ready, port: http } }
          resources:
            requests: { cpu: 50m, memory: 32Mi }
            limits: { memory: 64Mi }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec:
  selector: { app: web }
  ports: [{ port: 80, targetPort: http }]
"#;

fn objects() -> Objects {
    let seams = Seams { clock: ManualClock::new(), ..Seams::system() };
    Objects::new(MemoryStore::new(seams.clock.clone()), Arc::new(registry()), seams)
}

async fn shop() -> Objects {
    let objects = objects();
    objects.create(Object::new::<Namespace>(ObjectKey::cluster("shop"))).await.unwrap();
    objects
}

fn pod(name: &str) -> Object {
    let mut pod = Object::new::<Pod>(ObjectKey::namespaced("shop", name));
    let spec = json!({ "containers": [{ "name": "a", "image": "a:1" }], "terminationGracePeriodSeconds": 7 });
    pod.body.insert("spec".into(), spec);
    pod
}

fn set(mut object: Object, field: &str, name: &str, value: Value) -> Object {
    let fields = object.body.entry(field).or_insert_with(|| json!({}));
    fields[name] = value;
    object
}

#[tokio::test]
async fn an_ordinary_manifest_applies_and_applies_again_without_a_change() {
    let objects = objects();
    let first = manifest::apply(&objects, "web.yaml", MANIFEST).await.unwrap();
    assert!(first.iter().all(|one| one.action == Action::Created));
    let before = objects.store().status().revision;
    let second = manifest::apply(&objects, "web.yaml", MANIFEST).await.unwrap();
    assert!(second.iter().all(|one| one.action == Action::Unchanged), "{second:?}");
    assert_eq!(objects.store().status().revision, before);
    let api: Api<Deployment> = Api::new(objects.clone(), Some("shop"));
    let deployment = api.get("web").await.unwrap();
    assert_eq!(deployment.spec.replicas, Some(6));
    let scaled = MANIFEST.replace("replicas: 6", "replicas: 10");
    let third = manifest::apply(&objects, "web.yaml", &scaled).await.unwrap();
    let actions: Vec<Action> = third.iter().map(|one| one.action).collect();
    let same = Action::Unchanged;
    assert_eq!(actions, [same, same, Action::Configured, same]);
}

#[tokio::test]
async fn a_field_deep_in_a_template_is_named() {
    for (right, wrong, path, words) in [
        (
            "command: [\"/usr",
            "comand: [\"/usr",
            "spec.template.spec.containers[0].comand",
            "\"command\"",
        ),
        ("cpu: 50m", "cpu: 50q", "spec.template.spec.containers[0].resources.requests.cpu", "50q"),
        ("replicas: 6", "replicas: six", "spec.replicas", "i32"),
        (
            "containerPort: 8080",
            "containerPort: '8080'",
            "spec.template.spec.containers[0].ports[0].containerPort",
            "i32",
        ),
        (
            "labels: { app: web }",
            "labels: { app: 'w b' }",
            "spec.template.metadata.labels",
            "match",
        ),
    ] {
        let objects = objects();
        let bad = MANIFEST.replace(right, wrong);
        assert_ne!(bad, MANIFEST);
        let error = manifest::apply(&objects, "web.yaml", &bad).await.unwrap_err();
        let message = error.to_string();
        assert!(
            message.starts_with("web.yaml: document 3 (line 10): Deployment.apps shop/web"),
            "{message}"
        );
        assert_eq!(error.path(), Some(path), "{message}");
        assert!(message.contains(words), "{message}");
        assert_eq!(error.applied.len(), 2);
        let found =
            objects.list(&Deployment::group_kind(), None, &Selector::everything()).await.unwrap();
        assert_eq!(found.items, []);
    }
}

#[tokio::test]
async fn a_namespace_goes_once_its_finalizer_is_removed() {
    let objects = shop().await;
    let (kind, key) = (Namespace::group_kind(), ObjectKey::cluster("shop"));
    let made = objects.get(&kind, &key).await.unwrap();
    assert_eq!(made.pointer("/spec/finalizers"), Some(&json!(["kubernetes"])));
    assert_eq!(made.pointer("/status/phase"), Some(&json!("Active")));
    let deleted = objects.delete(&kind, &key, DeleteOptions::default()).await.unwrap();
    assert!(!deleted.is_removed());
    assert_eq!(deleted.object().pointer("/status/phase"), Some(&json!("Terminating")));
    let error = objects.create(pod("a")).await.unwrap_err();
    assert!(matches!(error, Error::NamespaceTerminating { .. }), "{error}");
    let emptied = set(deleted.object().clone(), "spec", "finalizers", json!([]));
    objects.update(emptied).await.unwrap();
    assert!(objects.get(&kind, &key).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn only_a_bound_pod_that_still_runs_is_deleted_gracefully() {
    let objects = shop().await;
    let kind = Pod::group_kind();
    let delete = async |name: &str| {
        let key = ObjectKey::namespaced("shop", name);
        objects.delete(&kind, &key, DeleteOptions::default()).await.unwrap()
    };
    objects.create(pod("unbound")).await.unwrap();
    assert!(delete("unbound").await.is_removed());
    let bound = objects.create(set(pod("bound"), "spec", "nodeName", json!("n1"))).await.unwrap();
    let marked = delete("bound").await;
    assert!(!marked.is_removed());
    assert_eq!(marked.object().metadata.deletion_grace_period_seconds, Some(7));
    let mut ended = set(bound, "status", "phase", json!("Succeeded"));
    ended.metadata.resource_version = None;
    objects.update_status(ended).await.unwrap();
    assert!(delete("bound").await.is_removed());
}

#[tokio::test]
async fn a_pod_is_bound_once() {
    let objects = shop().await;
    let made = objects.create(pod("a")).await.unwrap();
    let bound = objects.update(set(made, "spec", "nodeName", json!("n1"))).await.unwrap();
    let error = objects.update(set(bound, "spec", "nodeName", json!("n2"))).await.unwrap_err();
    assert_eq!(error.causes()[0].path, "spec.nodeName");
}

#[tokio::test]
async fn a_mistyped_status_is_refused() {
    let objects = shop().await;
    let made = objects.create(pod("a")).await.unwrap();
    let error = objects.update_status(set(made, "status", "podIP", json!(7))).await.unwrap_err();
    assert_eq!(error.causes()[0].path, "status.podIP");
}

#[tokio::test]
async fn a_config_map_has_no_status() {
    let objects = shop().await;
    let map = json!({ "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "a", "namespace": "shop" }, "status": {} });
    let error = objects.create(Object::from_value(map).unwrap()).await.unwrap_err();
    assert_eq!(error.causes()[0].path, "status");
}

#[test]
fn kinds_are_found_by_every_name() {
    let registry = registry();
    for (name, kind) in [
        ("deploy", "Deployment"),
        ("pods", "Pod"),
        ("Pod", "Pod"),
        ("svc", "Service"),
        ("endpointslices", "EndpointSlice"),
        ("deployments.apps", "Deployment"),
        ("ns", "Namespace"),
        ("sa", "ServiceAccount"),
        ("roles.rbac.authorization.k8s.io", "Role"),
        ("cj", "CronJob"),
        ("jobs.batch", "Job"),
        ("ds", "DaemonSet"),
        ("sts", "StatefulSet"),
        ("controllerrevisions", "ControllerRevision"),
        ("pdb", "PodDisruptionBudget"),
        ("hpa", "HorizontalPodAutoscaler"),
        ("pc", "PriorityClass"),
        ("quota", "ResourceQuota"),
        ("limits", "LimitRange"),
        ("pvc", "PersistentVolumeClaim"),
        ("pv", "PersistentVolume"),
        ("sc", "StorageClass"),
    ] {
        assert_eq!(registry.by_name(name).map(|info| info.kind.as_str()), Some(kind), "{name}");
    }
    assert_eq!(registry.kinds().count(), 31);
    let namespaced = |name| registry.by_name(name).unwrap().namespaced;
    assert_eq!((namespaced("nodes"), namespaced("services")), (false, true));
}
