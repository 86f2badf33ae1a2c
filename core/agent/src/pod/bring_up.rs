//! Bringing up one run: resolve, fill volumes, prepare, create, start.
//!
//! Invariants: every step is as good as done if it was done before, so that a run interrupted by the
//! agent's death is brought up again under the same identity. Only preparing can be cancelled: a
//! create or start that is under way is waited for, because its outcome must be known.

use super::CachedSources;
use crate::env::{Facts, resolve};
use crate::machine::Trouble;
use crate::node::Node;
use crate::volumes;
use quorate_executor::{Error, Resources, SharedExecutor, Started, TaskId, TaskSpec};
use quorate_kinds::k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use quorate_seams::spawn_blocking;
use quorate_types::Quantity;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;

/// How an attempt to bring up a run came out.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It runs.
    Started(Started),
    /// It could not be brought up, or nobody knows: look at the task.
    Trouble(Trouble),
    /// Called off before it was created.
    Cancelled,
}

/// One run to bring up.
#[derive(Clone, Debug)]
pub(super) struct BringUp {
    pub(super) node: Arc<Node>,
    pub(super) executor: SharedExecutor,
    pub(super) pod: Arc<Pod>,
    pub(super) task: TaskId,
    pub(super) pod_ip: IpAddr,
    pub(super) cancel: watch::Receiver<bool>,
}

impl BringUp {
    pub(super) async fn run(mut self) -> (TaskId, Outcome) {
        let task = self.task.clone();
        let outcome = self.steps().await.unwrap_or_else(|outcome| outcome);
        (task, outcome)
    }

    async fn steps(&mut self) -> Result<Outcome, Outcome> {
        let spec = self.resolve().await.map_err(|message| {
            Outcome::Trouble(Trouble { reason: "CreateContainerConfigError", message })
        })?;
        let cancelled = async {
            // The sender is gone only with the actor, which then drops this future too.
            let _ = self.cancel.wait_for(|cancelled| *cancelled).await;
        };
        tokio::select! {
            biased;
            () = cancelled => return Err(Outcome::Cancelled),
            prepared = self.executor.prepare(&spec.image) => prepared.map_err(failed)?,
        }
        self.executor.create(&spec).await.map_err(failed)?;
        self.executor.start(&self.task).await.map(Outcome::Started).map_err(failed)
    }

    /// Everything that the executor needs, with directories and volumes in place.
    async fn resolve(&self) -> Result<TaskSpec, String> {
        let snapshot = self.node.cache.snapshot();
        let namespace = self.pod.metadata.namespace.as_deref().unwrap_or_default();
        let sources = CachedSources { snapshot: &snapshot, namespace };
        let spec = self.pod.spec.as_ref().ok_or("pod has no spec")?;
        let container = container(spec, &self.task.name).ok_or("no such container")?;
        let resolved = resolve(&self.pod, container, &self.facts(), &sources)
            .map_err(|error| error.to_string())?;
        let pod_dir = self.node.pod_dir(&self.task.pod);
        let contents = volumes::contents(spec, &sources)?;
        let task = TaskSpec {
            id: self.task.clone(),
            namespace: namespace.to_owned(),
            pod_name: self.pod.metadata.name.clone().unwrap_or_default(),
            node: self.node.options.node_name.clone(),
            image: container.image.clone().unwrap_or_default(),
            command: resolved.command,
            args: resolved.args,
            env: resolved.env,
            working_dir: container.working_dir.clone().map(Into::into),
            resources: limits(container)?,
            mounts: volumes::mounts(&pod_dir, spec, container)?,
            log_path: self.node.log_path(&self.task),
            pod_dir: pod_dir.clone(),
        };
        let filled = spawn_blocking(move || {
            std::fs::create_dir_all(pod_dir.join("logs"))?;
            volumes::fill(&pod_dir, &contents)
        });
        match filled.await {
            Some(Ok(())) => Ok(task),
            Some(Err(error)) => Err(disk_trouble(&task.pod_dir, &error)),
            None => Err("filling the volumes failed, see the agent's log".to_owned()),
        }
    }

    fn facts(&self) -> Facts {
        let options = &self.node.options;
        Facts {
            node: options.node_name.clone(),
            host_ip: options.host_ip(),
            pod_ip: self.pod_ip,
            cpu: options.capacity.cpu,
            memory: options.capacity.memory,
        }
    }
}

fn disk_trouble(pod_dir: &Path, error: &std::io::Error) -> String {
    format!("pod directory {}: {error}; make room or make it writable", pod_dir.display())
}

fn container<'a>(spec: &'a PodSpec, name: &str) -> Option<&'a Container> {
    let mut all = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    all.find(|container| container.name == name)
}

fn limits(container: &Container) -> Result<Resources, String> {
    let limits = container.resources.as_ref().and_then(|resources| resources.limits.as_ref());
    let limit = |name: &str| {
        let text = limits.and_then(|limits| limits.get(name));
        text.map(|text| {
            text.0
                .parse::<Quantity>()
                .map_err(|error| format!("container {:?}: limits.{name}: {error}", container.name))
        })
        .transpose()
    };
    let positive = |value: i128| u64::try_from(value).ok();
    Ok(Resources {
        cpu_milli: limit("cpu")?.and_then(|cpu| positive(cpu.milli())),
        memory_bytes: limit("memory")?.and_then(|memory| positive(memory.units())),
        pids: None,
    })
}

/// An executor's error in the words of a container's status.
fn failed(error: Error) -> Outcome {
    let reason = match &error {
        Error::Artifact { .. } => "ErrImagePull",
        Error::Start { .. } => "RunContainerError",
        _ => "CreateContainerError",
    };
    Outcome::Trouble(Trouble { reason, message: error.to_string() })
}
