//! A reconciler for a kind of one's own, without pods, nodes or disk.
//!
//! Shows: a kind as a plain serde type, a reconciler that writes status, waiting for a condition.
//! Next: `quickstart`, the whole cluster.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use quorate::Cluster;
use quorate::reconcile::{Context, Error, Next, Reconciler, Watch};
use quorate::resources::{Change, Kind, KindInfo};
use quorate::types::ObjectKey;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// A robot wants arms.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Robot {
    metadata: Value,
    spec: RobotSpec,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<RobotStatus>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct RobotSpec {
    arms: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct RobotStatus {
    mounted: u32,
}

impl Kind for Robot {
    const GROUP: &'static str = "example.dev";
    const VERSION: &'static str = "v1";
    const KIND: &'static str = "Robot";
    const PLURAL: &'static str = "robots";
    const NAMESPACED: bool = true;
}

/// Mounts one arm per pass until the robot has all of them.
#[derive(Debug)]
struct Workshop;

#[async_trait::async_trait]
impl Reconciler for Workshop {
    fn name(&self) -> &'static str {
        "workshop"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::own(Robot::group_kind())]
    }

    async fn reconcile(&self, cx: &Context, key: &ObjectKey) -> Result<Next, Error> {
        let Some(robot) = cx.snapshot().get::<Robot>(key) else { return Ok(Next::Done) };
        let mounted = robot.status.as_ref().map_or(0, |status| status.mounted);
        if mounted < robot.spec.arms {
            let mut object = (*robot.object).clone();
            object.body.insert("status".to_owned(), json!({ "mounted": mounted + 1 }));
            let old = Some(robot.object.clone());
            cx.commit(vec![Change::UpdateStatus { object, old }]).await?;
        }
        Ok(Next::Done)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = Cluster::builder()
        .kind(KindInfo::of::<Robot>())
        .reconciler(Workshop)
        .bare()
        .start()
        .await?;
    let manifest = "apiVersion: example.dev/v1\nkind: Robot\nmetadata: {name: r2, namespace: default}\nspec: {arms: 3}\n";
    cluster.apply("robot.yaml", manifest).await?;
    let key = ObjectKey::namespaced("default", "r2");
    let mounted = cluster.until(Duration::from_secs(10), |snapshot| {
        let mounted = snapshot.get::<Robot>(&key)?.status.as_ref()?.mounted;
        (mounted == 3).then_some(mounted)
    });
    println!("mounted {:?} arms", mounted.await.unwrap_or(0));
    cluster.shutdown().await?;
    Ok(())
}
