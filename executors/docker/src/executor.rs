//! The executor: the contract's calls.

use crate::calls::{Calls, KIND, unreachable};
use crate::engine::{Client, Container, Enforced, Engine, Fault, Phase};
use crate::feed::Feed;
use crate::journal::Journal;
use crate::ladder::Ladder;
use crate::options::DockerOptions;
use crate::output::Outputs;
use crate::{blueprint, image, names, session, state};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt, iter};
use quorate_executor::{
    Capabilities, Error, Event, ExecSession, ExecSpec, Executor, Found, Health, Observed, Started,
    Stop, TaskId, TaskSpec, Usage,
};
use quorate_seams::{Seams, spawn_detached};
use quorate_types::Uid;
use std::sync::Arc;

/// Containers that are looked at at the same time.
const ABREAST: usize = 8;

/// Runs tasks as containers of a Docker Engine. See the crate's front page.
#[derive(Debug)]
pub struct DockerExecutor {
    shared: Arc<Shared>,
    feed: Feed,
    enforced: Enforced,
}

/// What calls that go on without their caller hold.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) calls: Calls,
    pub(crate) options: DockerOptions,
    pub(crate) journal: Journal,
    pub(crate) outputs: Outputs,
    pub(crate) ladder: Ladder,
    pub(crate) turns: crate::start::Turns,
}

impl DockerExecutor {
    /// An executor over the engine behind a socket. An engine that does not answer now may answer
    /// later: it is [`Health::Unhealthy`] meanwhile, and counts as enforcing no limits.
    ///
    /// # Errors
    /// [`Error::Io`] if the directory for notes cannot be made.
    pub async fn connect(options: DockerOptions, seams: Seams) -> Result<Arc<Self>, Error> {
        let engine = Arc::new(Client::new(options.socket.clone()));
        Self::over(engine, options, seams).await
    }

    pub(crate) async fn over(
        engine: Arc<dyn Engine>,
        options: DockerOptions,
        seams: Seams,
    ) -> Result<Arc<Self>, Error> {
        let journal = Journal::open(&options.dir)?;
        let calls = Calls { engine, clock: seams.clock, patience: options.call_timeout };
        let none = Enforced { cpu: false, memory: false, pids: false };
        let enforced = calls.ask(calls.engine.probe()).await.unwrap_or(none);
        let feed = Feed::start(calls.clone(), options.node.clone());
        let shared = Shared {
            outputs: Outputs::new(calls.clone()),
            ladder: Ladder::new(calls.clone(), journal.clone()),
            turns: crate::start::Turns::new(),
            calls,
            options,
            journal,
        };
        Ok(Arc::new(Self { shared: Arc::new(shared), feed, enforced }))
    }

    /// Takes the images of an archive that `docker save` wrote into the engine.
    ///
    /// # Errors
    /// [`Error::Artifact`] if it is no such archive; the engine cannot be used.
    pub async fn load(&self, archive: Bytes) -> Result<(), Error> {
        let load = self.shared.calls.engine.load(archive);
        self.take_in("an archive", load).await
    }

    /// Makes an image of a root file system's tar, started by `entrypoint`: what `docker import` does.
    ///
    /// # Errors
    /// [`Error::Artifact`] if the engine does not take it; the engine cannot be used.
    pub async fn import(
        &self,
        rootfs: Bytes,
        image: &str,
        entrypoint: &[String],
    ) -> Result<(), Error> {
        let import = self.shared.calls.engine.import(rootfs, image, entrypoint);
        self.take_in(image, import).await
    }

    /// Removes an image; one that is not there is removed already.
    ///
    /// # Errors
    /// [`Error::Artifact`] if a container uses it; the engine cannot be used.
    pub async fn remove_image(&self, image: &str) -> Result<(), Error> {
        let remove = self.shared.calls.engine.remove_image(image);
        match self.shared.calls.ask(remove).await {
            Ok(()) | Err(Fault::Missing(_)) => Ok(()),
            Err(Fault::Conflict(reason)) => Err(image::artifact(image, &reason)),
            Err(fault) => Err(unreachable(&format!("removing image {image}"), &fault)),
        }
    }

    async fn take_in(
        &self,
        what: &str,
        call: impl Future<Output = Result<(), Fault>>,
    ) -> Result<(), Error> {
        let shared = &self.shared;
        match shared.calls.ask_for(shared.options.pull_timeout, call).await {
            Ok(()) => Ok(()),
            Err(Fault::Lost(reason)) => {
                Err(unreachable(&format!("taking in {what}"), &Fault::Lost(reason)))
            }
            Err(fault) => Err(image::artifact(what, &fault.to_string())),
        }
    }
}

impl Shared {
    /// The container of a task, if it is one of ours.
    pub(crate) async fn find(&self, task: &TaskId) -> Result<Option<Container>, Fault> {
        if !task.is_possible() {
            return Ok(None);
        }
        let found = self.calls.ask(self.calls.engine.inspect(&names::container(task))).await?;
        Ok(found.filter(|found| names::task(&found.labels).as_ref() == Some(task)))
    }

    /// As above, in the contract's words.
    pub(crate) async fn look(&self, task: &TaskId) -> Result<Option<Container>, Error> {
        let found = self.find(task).await;
        found.map_err(|fault| unreachable(&format!("looking at task {task}"), &fault))
    }

    async fn observe(&self, task: &TaskId) -> Observed {
        match self.find(task).await {
            Err(fault) => Observed::Unreachable(fault.to_string()),
            Ok(None) => Observed::Absent,
            Ok(Some(container)) => self.told(task, &container).await,
        }
    }

    /// The state of a container, told once its output is where it has to be.
    async fn told(&self, task: &TaskId, container: &Container) -> Observed {
        if container.phase == Phase::Exited
            && let Err(fault) = self.drain(task, container).await
        {
            return Observed::Unreachable(format!("it has ended, but its output: {fault}"));
        }
        state::observed(container, self.journal.read(task))
    }

    async fn drain(&self, task: &TaskId, container: &Container) -> Result<(), Fault> {
        match names::log(&container.labels) {
            Some(path) => self.outputs.drain(task, path).await,
            None => Ok(()),
        }
    }

    /// Takes up what an earlier agent left: output to follow, a grace to keep.
    async fn take_up(&self, name: &str) -> Result<Option<Found>, Error> {
        let failed = |fault: Fault| unreachable(&format!("looking at container {name}"), &fault);
        let found = self.calls.ask(self.calls.engine.inspect(name)).await.map_err(failed)?;
        let Some(container) = found else { return Ok(None) };
        let Some(task) = names::task(&container.labels) else { return Ok(None) };
        if container.phase == Phase::Running {
            if let Some(path) = names::log(&container.labels) {
                self.outputs.follow(&task, path);
            }
            self.ladder.resume(&task);
        }
        let observed = self.told(&task, &container).await;
        Ok((observed != Observed::Absent).then_some(Found { task, observed }))
    }
}

#[async_trait]
impl Executor for DockerExecutor {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.survives_agent = true;
        capabilities.contains_descendants = true;
        capabilities.mounts = true;
        capabilities.exec = true;
        capabilities.usage = true;
        capabilities.limits_cpu = self.enforced.cpu;
        capabilities.limits_memory = self.enforced.memory;
        capabilities.limits_pids = self.enforced.pids;
        capabilities
    }

    async fn health(&self) -> Health {
        match self.shared.calls.ask(self.shared.calls.engine.probe()).await {
            Ok(_) => Health::Healthy,
            Err(fault) => {
                let socket = self.shared.options.socket.display();
                Health::Unhealthy(format!("{socket}: {fault}; is the engine running?"))
            }
        }
    }

    async fn prepare(&self, image: &str) -> Result<(), Error> {
        self.shared.prepare(image).await
    }

    async fn create(&self, spec: &TaskSpec) -> Result<(), Error> {
        let blueprint = blueprint::of(spec, &self.shared.options)?;
        self.shared.create(&spec.id, &blueprint).await
    }

    async fn start(&self, task: &TaskId) -> Result<Started, Error> {
        if !task.is_possible() {
            return Err(Error::Absent(task.clone()));
        }
        // Goes on although its caller may give up: whoever comes next waits for its end.
        let (shared, id) = (self.shared.clone(), task.clone());
        let started = spawn_detached(async move { shared.start(&id).await }).await;
        let stopped = |_| Fault::Lost("the agent's runtime is shutting down".to_owned());
        started.map_err(stopped).map_err(|fault| unreachable("starting a task", &fault))?
    }

    async fn observe(&self, task: &TaskId) -> Observed {
        self.shared.observe(task).await
    }

    async fn stop(&self, task: &TaskId, how: Stop) -> Result<(), Error> {
        match self.shared.look(task).await? {
            Some(Container { phase: Phase::Running, .. }) => {
                self.shared.ladder.stop(task, how).await
            }
            _ => Ok(()),
        }
    }

    async fn remove(&self, task: &TaskId) -> Result<(), Error> {
        let Some(container) = self.shared.look(task).await? else { return Ok(()) };
        if container.phase == Phase::Running {
            let (field, reason) = ("state", "still runs; stop it and wait for its exit first");
            return Err(Error::Invalid { task: task.clone(), field, reason: reason.to_owned() });
        }
        if container.phase == Phase::Exited {
            let drained = self.shared.drain(task, &container).await;
            drained.map_err(|fault| unreachable(&format!("reading output of {task}"), &fault))?;
        }
        self.shared.remove(task).await
    }

    /// A pod has nothing of its own on the engine.
    async fn remove_pod(&self, _pod: &Uid) -> Result<(), Error> {
        Ok(())
    }

    async fn adopt(&self) -> Result<Vec<Found>, Error> {
        let shared = &self.shared;
        let labels = [(names::NODE.to_owned(), shared.options.node.clone())];
        let listed = shared.calls.ask(shared.calls.engine.list(&labels)).await;
        let listed = listed.map_err(|fault| unreachable("listing containers", &fault))?;
        let looks = listed.into_iter().map(async |name| shared.take_up(&name).await);
        let found: Vec<_> = iter(looks).buffered(ABREAST).collect().await;
        found.into_iter().filter_map(Result::transpose).collect()
    }

    fn events(&self) -> BoxStream<'static, Event> {
        self.feed.events()
    }

    async fn exec(&self, task: &TaskId, exec: &ExecSpec) -> Result<ExecSession, Error> {
        self.shared.running(task).await?;
        let (calls, name) = (&self.shared.calls, names::container(task));
        let opened = calls.engine.exec(&name, &exec.command, exec.tty, exec.stdin);
        match calls.ask(opened).await {
            Ok(opened) => Ok(session::of(opened, calls.clone(), task.to_string(), exec.tty)),
            Err(Fault::Refused(reason)) => {
                let command = exec.command.join(" ");
                Err(Error::Start { task: task.clone(), command, reason })
            }
            Err(fault) => Err(unreachable(&format!("running a command in {task}"), &fault)),
        }
    }

    async fn usage(&self, task: &TaskId) -> Result<Usage, Error> {
        self.shared.running(task).await?;
        let calls = &self.shared.calls;
        let usage = calls.ask(calls.engine.usage(&names::container(task))).await;
        usage.map_err(|fault| unreachable(&format!("measuring task {task}"), &fault))
    }
}
