//! The executor: the contract's calls, each handed to the pod it concerns.

use crate::convert::unreachable;
use crate::feed::Feed;
use crate::launch::{Launch, is_executable};
use crate::options::{ProcessOptions, ShimCommand};
use crate::pod::Pod;
use crate::procfs::Process;
use crate::shim::{MARKER, is_armed};
use crate::{image, usage};
use async_trait::async_trait;
use futures::stream::BoxStream;
use quorate_executor::{
    Capabilities, Error, Event, Executor, Found, Health, Observed, Started, Stop, TaskId, TaskSpec,
    Usage, is_plain_name,
};
use quorate_seams::{Seams, spawn_blocking};
use quorate_types::Uid;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// The kind that `runtimeClassName` names.
pub(crate) const KIND: &str = "process";

/// Locks that keep this process's users of one pod's lock in order; pods share them by hash.
const TURNS: usize = 64;

/// Runs tasks as operating-system processes. See the crate's front page.
#[derive(Debug)]
pub struct ProcessExecutor {
    shared: Arc<Shared>,
    /// Not shared with the pods: its background tasks hold those, and must end with the executor.
    feed: Feed,
}

/// What all pods share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: ProcessOptions,
    pub(crate) seams: Seams,
    turns: Vec<Mutex<()>>,
}

impl Shared {
    /// The turn that this process's users of a pod's lock take: starting its shim, acting for it.
    pub(crate) fn turn(&self, pod: &Uid) -> &Mutex<()> {
        let mut hasher = DefaultHasher::new();
        pod.as_str().hash(&mut hasher);
        let slot = hasher.finish() % TURNS as u64;
        &self.turns[usize::try_from(slot).unwrap_or(0)]
    }
}

impl ProcessExecutor {
    /// An executor over a runtime directory, which is created if need be. Tasks that live there
    /// already are found by [`Executor::adopt`].
    ///
    /// # Errors
    /// [`Error::Io`] if the directory cannot be made private to this user; [`Error::Unreachable`] if
    /// the shim cannot be started: its program is missing, or it is the running program and that
    /// has not called [`crate::maybe_shim`].
    pub fn new(options: ProcessOptions, seams: Seams) -> Result<Arc<Self>, Error> {
        check_shim(&options.shim)?;
        let dir = private_dir(&options.dir)?;
        let options = ProcessOptions { dir, ..options };
        let feed = Feed::new(seams.clock.clone());
        let turns = (0..TURNS).map(|_| Mutex::new(())).collect();
        Ok(Arc::new(Self { shared: Arc::new(Shared { options, seams, turns }), feed }))
    }

    fn pod(&self, uid: &Uid) -> Pod {
        Pod::new(self.shared.clone(), uid.clone())
    }

    /// The pod of a task that may exist; a name that no task can have is absent.
    fn pod_of(&self, task: &TaskId) -> Option<Pod> {
        task.is_possible().then(|| self.pod(&task.pod))
    }

    fn ill(&self) -> Option<String> {
        let dir = &self.shared.options.dir;
        if let Err(error) = check_shim(&self.shared.options.shim) {
            return Some(error.to_string());
        }
        if i32::try_from(std::process::id()).ok().and_then(Process::read).is_none() {
            return Some("/proc is not readable; mount it".to_owned());
        }
        let writable = rustix::fs::access(dir, rustix::fs::Access::WRITE_OK);
        let reason = writable.err()?;
        Some(format!("runtime directory {}: {reason}; make it writable", dir.display()))
    }
}

#[async_trait]
impl Executor for ProcessExecutor {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.survives_agent = true;
        capabilities.contains_descendants = true;
        capabilities.exit_signals = true;
        capabilities.usage = true;
        capabilities
    }

    async fn health(&self) -> Health {
        self.ill().map_or(Health::Healthy, Health::Unhealthy)
    }

    async fn prepare(&self, image: &str) -> Result<(), Error> {
        image::resolve(image, self.shared.options.images.as_deref()).map(drop)
    }

    async fn create(&self, spec: &TaskSpec) -> Result<(), Error> {
        let entry = image::resolve(&spec.image, self.shared.options.images.as_deref())?;
        let launch = Launch::resolve(spec, entry.as_deref())?;
        let pod = self.pod(&spec.id.pod);
        pod.create(launch).await?;
        self.feed.watch(pod);
        Ok(())
    }

    async fn start(&self, task: &TaskId) -> Result<Started, Error> {
        let pod = self.pod_of(task).ok_or_else(|| Error::Absent(task.clone()))?;
        let started = pod.start(task).await;
        self.feed.watch(pod);
        started
    }

    async fn observe(&self, task: &TaskId) -> Observed {
        match self.pod_of(task) {
            Some(pod) => pod.observe(task).await,
            None => Observed::Absent,
        }
    }

    async fn stop(&self, task: &TaskId, how: Stop) -> Result<(), Error> {
        match self.pod_of(task) {
            Some(pod) => pod.stop(task, how).await,
            None => Ok(()),
        }
    }

    async fn remove(&self, task: &TaskId) -> Result<(), Error> {
        match self.pod_of(task) {
            Some(pod) => pod.remove(task).await,
            None => Ok(()),
        }
    }

    async fn remove_pod(&self, pod: &Uid) -> Result<(), Error> {
        if is_plain_name(pod.as_str(), 64) { self.pod(pod).shutdown().await } else { Ok(()) }
    }

    async fn adopt(&self) -> Result<Vec<Found>, Error> {
        let dir = &self.shared.options.dir;
        let failed = |error| Error::io(format!("listing {}", dir.display()), error);
        let mut found = Vec::new();
        for entry in std::fs::read_dir(dir).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let Some(uid) = name.to_str().filter(|name| is_plain_name(name, 64)) else { continue };
            let pod = self.pod(&Uid::from_stored(uid));
            self.feed.watch(pod.clone());
            found.extend(pod.list().await?);
        }
        Ok(found)
    }

    fn events(&self) -> BoxStream<'static, Event> {
        self.feed.events()
    }

    async fn usage(&self, task: &TaskId) -> Result<Usage, Error> {
        let pid = match self.observe(task).await {
            Observed::Running(started) => started.pid.and_then(|pid| i32::try_from(pid).ok()),
            Observed::Absent => return Err(Error::Absent(task.clone())),
            Observed::Unreachable(reason) => return Err(unreachable(reason)),
            _ => None,
        };
        let usage = spawn_blocking(move || pid.and_then(usage::of)).await.flatten();
        usage.ok_or_else(|| {
            let (field, reason) = ("state", "does not run".to_owned());
            Error::Invalid { task: task.clone(), field, reason }
        })
    }
}

fn check_shim(shim: &ShimCommand) -> Result<(), Error> {
    let reason = match shim {
        ShimCommand::Program(path) if is_executable(path) => return Ok(()),
        ShimCommand::Program(path) => {
            format!("the shim program {} is not an executable file; install it", path.display())
        }
        ShimCommand::SelfExec if is_armed() => return Ok(()),
        // Also what a re-executed host sees that forgot the call: it stops here, starting nothing.
        ShimCommand::SelfExec => format!(
            "the running program cannot become a shim ({MARKER}): call quorate_process::maybe_shim() \
             as the first statement of main, or name a program with ShimCommand::Program"
        ),
    };
    Err(unreachable(reason))
}

/// Makes a directory that only this user can enter; its absolute path.
fn private_dir(dir: &Path) -> Result<std::path::PathBuf, Error> {
    let failed = |what: &str| {
        let what = format!("{what} runtime directory {}", dir.display());
        move |error| Error::io(what, error)
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(failed("creating"))?;
    let dir = dir.canonicalize().map_err(failed("resolving"))?;
    let metadata = dir.metadata().map_err(failed("reading"))?;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        let foreign = std::io::Error::other("it belongs to another user; use one of your own");
        return Err(failed("using")(foreign));
    }
    if metadata.mode() & 0o077 != 0 {
        let private = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(&dir, private).map_err(failed("restricting"))?;
    }
    Ok(dir)
}
