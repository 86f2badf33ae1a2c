//! One member and one node in a process that is driven by lines on standard input: for tests that
//! kill it.
//!
//! `host DATA_DIR` prints `ready`, then answers `apply FILE` with `applied N`, `pods` with one line
//! per container (`pod phase restarts pid-or-exit`) and `end`, `delete NAMESPACE` with `deleted`, and
//! ends in order with `quit`.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use quorate::kinds::{ContainerStatus, Namespace, Pod};
use quorate::resources::{DeleteOptions, Kind, Typed};
use quorate::types::ObjectKey;
use quorate::{Cluster, NodeTiming};
use std::error::Error;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};

const LIMIT: Duration = Duration::from_secs(60);

fn main() -> Result<(), Box<dyn Error>> {
    quorate::maybe_shim();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args().nth(1).ok_or("usage: host DATA_DIR")?;
    let timing = NodeTiming {
        heartbeat: Duration::from_secs(1),
        lease: Duration::from_secs(60),
        evict_after: Duration::from_secs(60),
    };
    let cluster = Cluster::builder().data_dir(dir).agents(1).node_timing(timing).start().await?;
    cluster.ready(LIMIT).await?;
    println!("ready");
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        match line.split_once(' ').unwrap_or((&line, "")) {
            ("apply", file) => {
                let applied = cluster.apply(file, &std::fs::read_to_string(file)?).await?;
                println!("applied {}", applied.len());
            }
            ("pods", _) => print_pods(&cluster),
            ("delete", name) => {
                let key = ObjectKey::cluster(name);
                let kind = Namespace::group_kind();
                let _ = cluster.objects().delete(&kind, &key, DeleteOptions::default()).await?;
                let gone = |s: &quorate::reconcile::Snapshot| {
                    s.object(&kind, &key).is_none().then_some(())
                };
                cluster.until(LIMIT, gone).await.ok_or("the namespace did not vanish")?;
                println!("deleted");
            }
            ("quit", _) => break,
            _ => println!("unknown command {line:?}"),
        }
    }
    cluster.shutdown().await?;
    Ok(())
}

fn print_pods(cluster: &Cluster) {
    for pod in cluster.snapshot().list::<Pod>() {
        for status in statuses(&pod) {
            let state = status.state.clone().unwrap_or_default();
            let what = match (state.terminated, &status.container_id) {
                (Some(ended), _) => format!("exit={}", ended.exit_code),
                (None, Some(id)) => format!("pid={}", id.trim_start_matches("process://")),
                (None, None) => "waiting".to_owned(),
            };
            let phase = pod.status.as_ref().and_then(|status| status.phase.clone());
            let phase = phase.unwrap_or_else(|| "none".to_owned());
            println!("{} {phase} {} {what}", pod.metadata().name, status.restart_count);
        }
    }
    println!("end");
}

fn statuses(pod: &Typed<Pod>) -> Vec<ContainerStatus> {
    let status = pod.status.as_ref().and_then(|status| status.container_statuses.clone());
    status.unwrap_or_default()
}
