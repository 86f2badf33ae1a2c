//! From the create of a pod to its status Running, through store, scheduler, agent, shim and back.

use crate::cluster::builder;
use crate::figure::{Figure, at};
use quorate::Cluster;
use quorate::kinds::Pod;
use quorate::resources::{DeleteOptions, Kind, Object};
use quorate::types::ObjectKey;
use std::error::Error;
use std::time::{Duration, Instant};

const PODS: usize = 100;
const LIMIT: Duration = Duration::from_secs(30);

pub(crate) async fn create_to_running() -> Result<Vec<Figure>, Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let cluster = builder(&dir, 1, 1).start().await?;
    cluster.ready(LIMIT).await?;
    let mut values = Vec::new();
    for number in 0..PODS {
        values.push(one(&cluster, &format!("bench-{number}")).await?);
    }
    cluster.shutdown().await?;
    values.sort_by(f64::total_cmp);
    let p99 = vec![at(&values, 0.99)];
    Ok(vec![
        Figure {
            name: "create to running, one process pod",
            unit: "ms",
            target: "p50 <= 30 ms",
            values,
        },
        Figure { name: "the same, p99", unit: "ms", target: "p99 <= 100 ms", values: p99 },
    ])
}

/// Milliseconds for one pod, which is deleted afterwards.
#[allow(clippy::disallowed_methods, reason = "benches measure real time")]
async fn one(cluster: &Cluster, name: &str) -> Result<f64, Box<dyn Error>> {
    let key = ObjectKey::namespaced("default", name);
    let start = Instant::now();
    cluster.objects().create(pod(name)?).await?;
    let running = cluster.until(LIMIT, |snapshot| {
        let pod = snapshot.get::<Pod>(&key)?;
        let phase = pod.status.as_ref()?.phase.clone()?;
        (phase == "Running").then_some(())
    });
    running.await.ok_or("the pod did not run")?;
    let took = start.elapsed().as_secs_f64() * 1000.0;
    let options = DeleteOptions { grace_seconds: Some(1), ..DeleteOptions::default() };
    let _ = cluster.objects().delete(&Pod::group_kind(), &key, options).await?;
    let gone = cluster.until(LIMIT, |snapshot| snapshot.get::<Pod>(&key).is_none().then_some(()));
    gone.await.ok_or("the pod did not go")?;
    Ok(took)
}

fn pod(name: &str) -> Result<Object, Box<dyn Error>> {
    let text = format!(
        r#"{{"apiVersion": "v1", "kind": "Pod",
            "metadata": {{"name": "{name}", "namespace": "default"}},
            "spec": {{"runtimeClassName": "process", "containers": [
                {{"name": "main", "image": "file:///bin/sleep", "args": ["3600"]}}]}}}}"#
    );
    let manifests = quorate::resources::manifest::parse("bench", &text);
    let document = manifests.into_iter().next().ok_or("no document")??;
    Ok(document.object)
}
