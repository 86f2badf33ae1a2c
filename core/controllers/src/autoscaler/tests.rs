use super::replicas::{Groups, Load, by_pods, by_share, by_value};
use super::*;
use crate::testing::{World, deployment, kind, object, pods};
use quorate_kinds::HorizontalPodAutoscalerBehavior;
use quorate_reconcile::Snapshot;
use quorate_resources::timestamp;
use quorate_seams::Monotonic;
use quorate_types::Quantity;
use std::collections::BTreeSet;

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Pods that should use 0.5 each, with what they use.
fn load(used: &[(&str, f64)], all: &[&str]) -> Load {
    let each = |amount: f64| all.iter().map(|name| ((*name).to_owned(), amount)).collect();
    Load {
        used: used.iter().map(|(name, amount)| ((*name).to_owned(), *amount)).collect(),
        wanted: each(0.5),
        full: each(1.0),
    }
}

#[test]
fn replicas_follow_the_ratio_and_nobody_knows_better_about_those_without_figures() {
    let two = [("a", 1.0), ("b", 1.0)];
    let all = ["a", "b", "c", "d"];
    let groups = |ready: &[&str], unready: &[&str], missing: &[&str]| Groups {
        ready: set(ready),
        unready: set(unready),
        missing: set(missing),
    };
    let low = [("a", 0.1), ("b", 0.1)];
    let table = [
        ("twice the load", 2, load(&two, &all), groups(&["a", "b"], &[], &[]), 4),
        (
            "within the tolerance",
            2,
            load(&[("a", 0.54), ("b", 0.54)], &all),
            groups(&["a", "b"], &[], &[]),
            2,
        ),
        ("beyond it", 2, load(&[("a", 0.56), ("b", 0.56)], &all), groups(&["a", "b"], &[], &[]), 3),
        (
            "a fifth",
            4,
            load(&[("a", 0.1), ("b", 0.1), ("c", 0.1), ("d", 0.1)], &all),
            groups(&all, &[], &[]),
            1,
        ),
        (
            "unready ones dampen growth",
            4,
            load(&two, &all),
            groups(&["a", "b"], &["c", "d"], &[]),
            4,
        ),
        ("missing ones dampen growth", 3, load(&two, &all), groups(&["a", "b"], &[], &["c"]), 4),
        (
            "missing ones hold up shrinking",
            3,
            load(&low, &all),
            groups(&["a", "b"], &[], &["c"]),
            3,
        ),
        ("unready ones do not", 3, load(&low, &all), groups(&["a", "b"], &["c"], &[]), 1),
    ];
    for (what, current, load, groups, expected) in table {
        let found = by_pods(current, &load, &groups, TOLERANCE).unwrap();
        assert_eq!(found.replicas, expected, "{what}: {found:?}");
    }
    let nobody = groups(&[], &["a"], &[]);
    assert_eq!(by_pods(1, &load(&two, &all), &nobody, TOLERANCE), None, "no figure counts");
    assert_eq!(by_value(3, 3, 200.0, 100.0, TOLERANCE).replicas, 6);
    assert_eq!(by_value(3, 3, 105.0, 100.0, TOLERANCE).replicas, 3);
    assert_eq!(by_share(3, 100.0, 20.0, TOLERANCE).replicas, 5);
    assert_eq!(by_share(5, 104.0, 20.0, TOLERANCE).replicas, 5);
}

fn at(seconds: u64) -> Monotonic {
    Monotonic(Duration::from_secs(seconds))
}

fn behaviour(value: Value) -> HorizontalPodAutoscalerBehavior {
    serde_json::from_value(value).unwrap()
}

#[test]
fn up_is_quick_and_down_waits_for_five_minutes() {
    let mut memory = Memory::default();
    let mut step = |current, proposed, second| {
        let paced = pace(&mut memory, None, current, proposed, at(second));
        memory.changed(paced.replicas - current, at(second));
        paced.replicas
    };
    assert_eq!(step(2, 100, 0), 6, "four more are more than twice as many");
    assert_eq!(step(6, 100, 10), 6, "the period is not over");
    assert_eq!(step(6, 100, 15), 12, "twice as many");
    assert_eq!(step(12, 3, 30), 12, "100 were wanted lately");
    assert_eq!(step(12, 3, 310), 12, "300 seconds ago it was still so");
    assert_eq!(step(12, 3, 330), 3, "now nobody wants them any more");
}

#[test]
fn policies_bound_each_period() {
    let rules = behaviour(json!({
        "scaleDown": { "stabilizationWindowSeconds": 0, "selectPolicy": "Min", "policies": [
            { "type": "Pods", "value": 2, "periodSeconds": 60 },
            { "type": "Percent", "value": 50, "periodSeconds": 60 },
        ] },
        "scaleUp": { "stabilizationWindowSeconds": 60, "policies": [
            { "type": "Percent", "value": 50, "periodSeconds": 60 },
        ] },
    }));
    let mut memory = Memory::default();
    let mut step = |current, proposed, second| {
        let paced = pace(&mut memory, Some(&rules), current, proposed, at(second));
        memory.changed(paced.replicas - current, at(second));
        paced.replicas
    };
    assert_eq!(step(10, 1, 0), 8, "two at most, although half would be five");
    assert_eq!(step(8, 1, 30), 8, "in a minute");
    assert_eq!(step(8, 1, 60), 6);
    assert_eq!(step(6, 20, 70), 6, "less was wanted within the last minute");
    assert_eq!(step(6, 20, 121), 9, "half as many again");
    let off = behaviour(json!({ "scaleDown": { "selectPolicy": "Disabled" } }));
    let mut memory = Memory::default();
    for second in [0, 400, 800] {
        assert_eq!(pace(&mut memory, Some(&off), 5, 1, at(second)).replicas, 5);
    }
}

/// Figures as a test sets them.
#[derive(Debug, Default)]
struct Table(Mutex<BTreeMap<String, Quantity>>, Mutex<bool>);

#[async_trait]
impl Metrics for Table {
    async fn resource(
        &self,
        _: &str,
        _: &Selector,
        _: &str,
        _: Option<&str>,
    ) -> Result<BTreeMap<String, PodSample>, MetricsError> {
        if *self.1.lock().unwrap() {
            let (what, reason) = ("cpu".to_owned(), "away".to_owned());
            return Err(MetricsError::Unavailable { what, reason });
        }
        let sample = |value: &Quantity| PodSample { value: *value, time: i64::MAX / 2, window: 15 };
        let all = self.0.lock().unwrap();
        Ok(all.iter().map(|(name, value)| (name.clone(), sample(value))).collect())
    }
}

impl Table {
    fn all_use(&self, snapshot: &Snapshot, milli: i128) {
        let value = Quantity::from_milli(milli);
        *self.0.lock().unwrap() =
            pods(snapshot).iter().map(|pod| (pod.metadata.name.clone(), value)).collect();
    }
}

fn scaler(spec: Value) -> Object {
    let mut scaler = object(json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": { "name": "web", "namespace": "shop" },
        "spec": { "maxReplicas": 8, "scaleTargetRef": {
            "apiVersion": "apps/v1", "kind": "Deployment", "name": "web",
        } },
    }));
    for (name, value) in spec.as_object().unwrap() {
        edit::set_field(&mut scaler, &["spec", name.as_str()], value.clone());
    }
    scaler
}

/// Deployments whose pods request half a core, started long ago.
async fn world() -> World {
    let world = World::new().await;
    let mut web = deployment("web", 2);
    let container = json!([{ "name": "main", "image": "web:1",
        "resources": { "requests": { "cpu": "500m" } } }]);
    edit::set_field(&mut web, &["spec", "template", "spec", "containers"], container);
    world.create(web).await;
    world
}

fn controllers(table: Arc<Table>) -> Vec<Arc<dyn Reconciler>> {
    vec![
        Arc::new(crate::deployment::Deployments::default()),
        Arc::new(crate::replicaset::ReplicaSets::default()),
        autoscaler(table),
    ]
}

fn replicas(snapshot: &Snapshot) -> Option<i64> {
    let key = ObjectKey::namespaced("shop", "web");
    snapshot.object(&kind("apps/Deployment"), &key)?.pointer("/spec/replicas")?.as_i64()
}

/// The pods run, and have done so since long ago.
async fn settle(world: &World) {
    let _fleet = world.fleet(&["n1"]);
    world
        .until("all serve", |s| {
            (crate::testing::serving(s) == pods(s).len()
                && Some(i64::try_from(pods(s).len()).unwrap()) == replicas(s))
            .then_some(())
        })
        .await;
    for pod in pods(&world.settled().await) {
        let mut status = pod.body["status"].clone();
        status["startTime"] = json!(timestamp::from_unix(1_760_000_000));
        world.set_pod_status(&pod.metadata.name, status).await;
    }
    world.settled().await;
}

#[tokio::test]
async fn a_deployment_grows_with_its_load_and_shrinks_after_it() {
    let world = world().await;
    let table = Arc::new(Table::default());
    let _running = world.start(controllers(table.clone()));
    settle(&world).await;
    table.all_use(&world.settled().await, 800);
    world.create(scaler(json!({}))).await;
    world.until("four for 800m of 400m", |s| (replicas(s) == Some(4)).then_some(())).await;
    let status = world
        .status_when("autoscaling/HorizontalPodAutoscaler", "web", |s| s["desiredReplicas"] == 4)
        .await;
    assert_eq!(status["currentMetrics"][0]["resource"]["current"]["averageUtilization"], 160);
    settle(&world).await;
    table.all_use(&world.settled().await, 50);
    world.pass(Duration::from_secs(120)).await;
    assert_eq!(replicas(&world.settled().await), Some(4), "it waits");
    world.pass(Duration::from_secs(240)).await;
    world.until("one is enough", |s| (replicas(s) == Some(1)).then_some(())).await;
}

#[tokio::test]
async fn without_figures_nothing_is_done_and_it_says_so() {
    let world = world().await;
    let table = Arc::new(Table::default());
    *table.1.lock().unwrap() = true;
    let _running = world.start(controllers(table));
    world.create(scaler(json!({}))).await;
    let inactive = |status: &Value| {
        let conditions = status["conditions"].as_array();
        conditions.into_iter().flatten().any(|one| {
            one["type"] == "ScalingActive"
                && one["status"] == "False"
                && one["reason"] == "FailedGetMetric"
        })
    };
    world.status_when("autoscaling/HorizontalPodAutoscaler", "web", inactive).await;
    assert_eq!(replicas(&world.settled().await), Some(2));
    world
        .edit("autoscaling/HorizontalPodAutoscaler", ObjectKey::namespaced("shop", "web"), |one| {
            edit::set_field(one, &["spec", "minReplicas"], json!(3));
        })
        .await;
    world.until("but the bounds hold", |s| (replicas(s) == Some(3)).then_some(())).await;
}
