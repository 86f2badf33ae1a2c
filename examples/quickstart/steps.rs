//! The steps of the demo. Each does one thing to the cluster, waits until the effect is observed, and
//! answers with what it saw; waiting is bounded, and what was missing is said.

use crate::leftovers;
use crate::report::{Failure, seconds};
use crate::traffic::{Tally, Traffic};
use crate::workspace::Workspace;
use crate::writes::Writes;
use quorate::kinds::{Deployment, Pod, Service};
use quorate::reconcile::Snapshot;
use quorate::resources::{DeleteOptions, Kind, Object, Typed};
use quorate::types::{MemberId, ObjectKey, Selector};
use quorate::{Cluster, NodeTiming};
use serde_json::json;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const NAMESPACE: &str = "quickstart";
const REPLICAS: usize = 6;
const LIMIT: Duration = Duration::from_secs(60);
const MANIFESTS: [(&str, &str); 3] = [
    ("01-namespace.yaml", include_str!("manifests/01-namespace.yaml")),
    ("02-config.yaml", include_str!("manifests/02-config.yaml")),
    ("03-hello.yaml", include_str!("manifests/03-hello.yaml")),
];

type Step<T = ()> = Result<(T, String), Failure>;

pub(crate) struct Demo {
    cluster: Cluster,
    root: PathBuf,
    images: PathBuf,
    traffic: Option<Traffic>,
    lost_member: Option<MemberId>,
    lost_node: Option<String>,
}

impl Demo {
    pub(crate) async fn form(workspace: &Workspace) -> Step<Self> {
        let cluster = Cluster::builder()
            .data_dir(workspace.data())
            .members(3)
            .agents(3)
            .images(workspace.images())
            .node_timing(NodeTiming {
                heartbeat: Duration::from_millis(500),
                lease: Duration::from_secs(2),
                evict_after: Duration::from_millis(500),
            })
            .start()
            .await?;
        cluster.ready(LIMIT).await?;
        let (root, images) = (workspace.root().to_owned(), workspace.images());
        let leader = cluster.leader().map_or_else(|| "nobody".to_owned(), |id| id.to_string());
        let demo =
            Self { cluster, root, images, traffic: None, lost_member: None, lost_node: None };
        Ok((demo, format!("3 members, member {leader} leads, 3 nodes are ready")))
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) async fn apply(&mut self) -> Step {
        let mut applied = Vec::new();
        for (file, text) in MANIFESTS {
            applied.extend(self.cluster.apply(file, text).await?);
        }
        let names: Vec<String> = applied
            .iter()
            .map(|one| format!("{}/{}", one.object.kind, one.object.metadata.name))
            .collect();
        done(names.join(", "))
    }

    pub(crate) async fn pods_run(&mut self) -> Step {
        self.wait("6 ready pods", |snapshot| {
            (ready_pods(snapshot).len() == REPLICAS).then_some(())
        })
        .await?;
        let pods = ready_pods(&self.cluster.snapshot());
        let nodes: BTreeSet<_> = pods.iter().filter_map(node_of).collect();
        done(format!("{} pods on {} nodes", pods.len(), nodes.len()))
    }

    pub(crate) async fn all_answer(&mut self) -> Step {
        let address = self.service_address()?;
        let traffic = Traffic::start(address);
        let seen = observe("answers of all replicas", || {
            let tally = traffic.peek();
            (tally.pods.len() >= REPLICAS).then_some(tally)
        })
        .await?;
        self.traffic = Some(traffic);
        done(format!("{} replicas answer at {address}", seen.pods.len()))
    }

    pub(crate) async fn kill_process(&mut self) -> Step {
        let pods = ready_pods(&self.cluster.snapshot());
        let victim = pods.first().ok_or_else(|| Failure::from("no pod runs"))?;
        let (name, pid) = (victim.metadata().name.clone(), pid_of(victim)?);
        let before = restarts(victim);
        signal_kill(pid)?;
        let key = victim.metadata().key();
        self.wait("its restart", |snapshot| {
            let pod = snapshot.get::<Pod>(&key)?;
            (restarts(&pod) > before && is_ready(&pod)).then_some(())
        })
        .await?;
        let tally = self.take_traffic()?;
        done(format!("process {pid} of pod {name} replaced; {}", describe(&tally)))
    }

    pub(crate) async fn kill_leader(&mut self) -> Step {
        let leader = self.cluster.leader().ok_or_else(|| Failure::from("nobody leads"))?;
        self.take_traffic()?;
        let writes = Writes::start(self.cluster.store());
        observe("writes", || (writes.acknowledged() >= 50).then_some(())).await?;
        self.cluster.kill_member(leader).await?;
        let at_kill = writes.acknowledged();
        observe("writes to go on", || (writes.acknowledged() >= at_kill + 50).then_some(()))
            .await?;
        let verdict = writes.finish().await?;
        let tally = self.take_traffic()?;
        if verdict.lost > 0 {
            return Err(Failure::from(format!("{} acknowledged writes lost", verdict.lost)));
        }
        if tally.failed > 0 || tally.answered == 0 {
            return Err(Failure::from(format!(
                "requests did not keep flowing: {}",
                describe(&tally)
            )));
        }
        self.lost_member = Some(leader);
        let gap = seconds(verdict.longest_gap);
        done(format!(
            "member {leader} killed, writes resumed after {gap}, {} acknowledged, 0 lost, {} unknown; {}",
            verdict.acknowledged,
            verdict.unknown,
            describe(&tally)
        ))
    }

    pub(crate) async fn restart_member(&mut self) -> Step {
        let member = self.lost_member.take().ok_or_else(|| Failure::from("no member is down"))?;
        self.cluster.restart_member(member).await?;
        done(format!("member {member} has caught up"))
    }

    pub(crate) async fn kill_node(&mut self) -> Step {
        let pods = ready_pods(&self.cluster.snapshot());
        let node = pods.iter().find_map(node_of).ok_or_else(|| Failure::from("no pod runs"))?;
        let there = pods.iter().filter(|pod| node_of(pod).as_deref() == Some(&node)).count();
        self.cluster.kill_node(&node).await?;
        let gone = node.clone();
        self.wait("its pods on other nodes", |snapshot| {
            let pods = ready_pods(snapshot);
            let elsewhere = pods.iter().all(|pod| node_of(pod).as_deref() != Some(&gone));
            (pods.len() == REPLICAS && elsewhere).then_some(())
        })
        .await?;
        let tally = self.settle_traffic().await?;
        self.lost_node = Some(node.clone());
        done(format!("{node} gone with {there} pods, replaced on the others; {}", describe(&tally)))
    }

    pub(crate) async fn restart_node(&mut self) -> Step {
        let node = self.lost_node.take().ok_or_else(|| Failure::from("no node is down"))?;
        self.cluster.restart_node(&node).await?;
        self.cluster.ready(LIMIT).await?;
        done(format!("{node} is ready again and has cleaned up after itself"))
    }

    pub(crate) async fn scale(&mut self) -> Step {
        for replicas in [10, 4] {
            self.edit(|deployment| deployment.body["spec"]["replicas"] = json!(replicas)).await?;
            self.wait(&format!("{replicas} pods"), |snapshot| {
                let settled =
                    ready_pods(snapshot).len() == replicas && pods(snapshot).len() == replicas;
                settled.then_some(())
            })
            .await?;
        }
        let tally = self.take_traffic()?;
        no_failure(&tally)?;
        done(describe(&tally))
    }

    pub(crate) async fn roll_out(&mut self) -> Step {
        self.take_traffic()?;
        self.edit(|deployment| {
            let containers = &mut deployment.body["spec"]["template"]["spec"]["containers"];
            containers[0]["image"] = json!("hello:2.0");
        })
        .await?;
        self.wait("only pods of version 2.0", |snapshot| {
            let all = pods(snapshot);
            let new = all.iter().filter(|pod| image_of(pod) == Some("hello:2.0") && is_ready(pod));
            (all.len() == 4 && new.count() == 4).then_some(())
        })
        .await?;
        let tally = self.take_traffic()?;
        no_failure(&tally)?;
        let last = observe("answers of version 2.0", || {
            let tally = self.traffic.as_ref().map(Traffic::peek).unwrap_or_default();
            (tally.answered >= 20).then_some(tally)
        })
        .await?;
        if last.versions.keys().any(|version| version != "2.0") {
            return Err(Failure::from(format!("old version still answers: {:?}", last.versions)));
        }
        done(format!("{}, by version {:?}", describe(&tally), tally.versions))
    }

    pub(crate) async fn delete_namespace(&mut self) -> Step {
        self.traffic = None;
        let kind = quorate::kinds::Namespace::group_kind();
        let key = ObjectKey::cluster(NAMESPACE);
        let _ = self.cluster.objects().delete(&kind, &key, DeleteOptions::default()).await?;
        self.wait("the namespace to vanish", |snapshot| {
            snapshot.object(&kind, &key).is_none().then_some(())
        })
        .await?;
        let processes = leftovers::processes_of(&self.images)?;
        let directories = leftovers::pod_directories(&self.cluster.nodes_dir())?;
        let objects = leftovers::keys_mentioning(&self.cluster.store(), NAMESPACE).await?;
        if processes.is_empty() && directories.is_empty() && objects.is_empty() {
            return done("no process, no directory, no object left".to_owned());
        }
        let text = format!("left behind: {processes:?} {directories:?} {objects:?}");
        Err(Failure::from(text))
    }

    pub(crate) async fn shut_down(self) -> Result<(), Failure> {
        Ok(self.cluster.shutdown().await?)
    }

    pub(crate) fn service_address(&self) -> Result<SocketAddr, Failure> {
        let key = ObjectKey::namespaced(NAMESPACE, "hello");
        let service = self.cluster.snapshot().get::<Service>(&key);
        let spec = service.as_ref().and_then(|service| service.spec.as_ref());
        let ip = spec.and_then(|spec| spec.cluster_ip.as_ref()).and_then(|ip| ip.parse().ok());
        let ip = ip.ok_or_else(|| Failure::from("the Service has no address"))?;
        Ok(SocketAddr::new(ip, 8080))
    }

    async fn edit(&self, change: impl Fn(&mut Object)) -> Result<(), Failure> {
        let (kind, key) = (Deployment::group_kind(), ObjectKey::namespaced(NAMESPACE, "hello"));
        loop {
            let mut deployment = self.cluster.objects().get(&kind, &key).await?;
            change(&mut deployment);
            match self.cluster.objects().update(deployment).await {
                Err(error) if error.is_conflict() => {}
                settled => return Ok(settled.map(|_| ())?),
            }
        }
    }

    async fn wait<T>(
        &self,
        what: &str,
        condition: impl FnMut(&Snapshot) -> Option<T>,
    ) -> Result<T, Failure> {
        let seen = self.cluster.until(LIMIT, condition).await;
        seen.ok_or_else(|| {
            let pods = pods(&self.cluster.snapshot());
            let states: Vec<String> = pods.iter().map(summary).collect();
            Failure::from(format!("waited 60 s for {what}; pods: {}", states.join(", ")))
        })
    }

    fn take_traffic(&self) -> Result<Tally, Failure> {
        let traffic = self.traffic.as_ref().ok_or_else(|| Failure::from("no traffic yet"))?;
        Ok(traffic.take())
    }

    /// Takes what was counted, then waits until requests succeed again without a failure.
    async fn settle_traffic(&self) -> Result<Tally, Failure> {
        let counted = self.take_traffic()?;
        observe("requests without failures", || {
            let tally = self.traffic.as_ref().map(Traffic::peek).unwrap_or_default();
            if tally.failed > 0 {
                self.traffic.as_ref().map(Traffic::take);
            }
            (tally.failed == 0 && tally.answered >= 20).then_some(())
        })
        .await?;
        self.take_traffic()?;
        Ok(counted)
    }
}

fn done(text: String) -> Step {
    Ok(((), text))
}

/// Looks until something is there, for at most a minute.
#[allow(clippy::disallowed_methods, reason = "the demo observes the cluster from outside")]
async fn observe<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T, Failure> {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if start.elapsed() > LIMIT {
            return Err(Failure::from(format!("waited 60 s for {what}")));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn pods(snapshot: &Snapshot) -> Vec<Typed<Pod>> {
    snapshot.select::<Pod>(NAMESPACE, &Selector::from_labels([("app", "hello")]))
}

fn ready_pods(snapshot: &Snapshot) -> Vec<Typed<Pod>> {
    pods(snapshot).into_iter().filter(is_ready).collect()
}

fn is_ready(pod: &Typed<Pod>) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready =
        conditions.is_some_and(|all| all.iter().any(|c| c.type_ == "Ready" && c.status == "True"));
    ready && !pod.metadata().is_deleting()
}

fn node_of(pod: &Typed<Pod>) -> Option<String> {
    pod.spec.as_ref()?.node_name.clone()
}

fn image_of(pod: &Typed<Pod>) -> Option<&str> {
    pod.spec.as_ref()?.containers.first()?.image.as_deref()
}

fn restarts(pod: &Typed<Pod>) -> i32 {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
    statuses.into_iter().flatten().map(|status| status.restart_count).sum()
}

fn pid_of(pod: &Typed<Pod>) -> Result<u32, Failure> {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
    let id = statuses.into_iter().flatten().find_map(|status| status.container_id.clone());
    let pid =
        id.as_deref().and_then(|id| id.strip_prefix("process://")).and_then(|id| id.parse().ok());
    pid.ok_or_else(|| Failure::from(format!("pod has no process id: {id:?}")))
}

fn signal_kill(pid: u32) -> Result<(), Failure> {
    let status = std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status()?;
    if status.success() { Ok(()) } else { Err(Failure::from(format!("kill {pid}: {status}"))) }
}

fn summary(pod: &Typed<Pod>) -> String {
    let phase = pod.status.as_ref().and_then(|status| status.phase.clone());
    let node = node_of(pod).unwrap_or_else(|| "no node".to_owned());
    let metadata = pod.metadata();
    let going = if metadata.is_deleting() { ", deleting" } else { "" };
    format!("{} ({}, {node}{going})", metadata.name, phase.unwrap_or_else(|| "no phase".to_owned()))
}

fn describe(tally: &Tally) -> String {
    let because = tally.last_failure.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    format!("{} requests answered, {} failed{because}", tally.answered, tally.failed)
}

fn no_failure(tally: &Tally) -> Result<(), Failure> {
    if tally.failed == 0 && tally.answered > 0 {
        return Ok(());
    }
    Err(Failure::from(format!("requests failed: {}", describe(tally))))
}
