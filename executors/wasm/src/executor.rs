//! The executor: the contract's calls.

use crate::aot::Cache;
use crate::engine::Host;
use crate::launch::{Launcher, Shared, unsuited};
use crate::mounts;
use crate::options::WasmOptions;
use crate::programs::Programs;
use crate::records::Records;
use crate::runtime::Guests;
use crate::tasks::{Start, Tasks};
use crate::ticker::Ticker;
use async_trait::async_trait;
use futures::stream::BoxStream;
use quorate_executor::{
    Capabilities, Error, Event, Executor, Found, Health, Observed, Started, Stop, TaskId, TaskSpec,
    Usage, is_plain_name,
};
use quorate_seams::{Seams, TaskSet, spawn_blocking};
use quorate_types::Uid;
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

/// The kind that `runtimeClassName` names.
pub(crate) const KIND: &str = "wasm";

/// Runs tasks as WebAssembly. See the crate's front page.
#[derive(Debug)]
pub struct WasmExecutor {
    shared: Arc<Shared>,
    /// The runs; dropped before the threads that they are on.
    runs: Arc<TaskSet>,
    guests: Guests,
}

impl WasmExecutor {
    /// An executor over a directory, which is made if need be. Tasks that an earlier one left running
    /// are gone with it, and from now on told as lost. Blocks while it reads the directory.
    ///
    /// # Errors
    /// [`Error::Unreachable`] if another executor uses the directory or the machine cannot run
    /// WebAssembly, [`Error::Io`] if the directory cannot be used.
    pub fn open(options: WasmOptions, seams: Seams) -> Result<Arc<Self>, Error> {
        let failed = |error| Error::io(format!("using {}", options.dir.display()), error);
        private_dir(&options.dir).map_err(failed)?;
        let lock = lock(&options)?;
        let host = Host::new(options.pool).map_err(|error| unreachable(format!("{error:#}")))?;
        let host = Arc::new(host);
        let (dir, limit) = (options.dir.join("programs"), options.cache_bytes);
        let cache = Cache::open(dir, &options.node, host.fingerprint(), limit)?;
        let programs = Programs::new(Arc::clone(&host), cache);
        let records = Records::open(options.dir.join("tasks")).map_err(failed)?;
        let tasks = Tasks::open(records, seams.clock.wall().as_millis()).map_err(failed)?;
        let ticker = Arc::new(Ticker::start(&host.engine).map_err(failed)?);
        let guests = Guests::start(options.threads).map_err(failed)?;
        let noting = Arc::default();
        let shared = Shared { options, seams, host, programs, tasks, ticker, noting, _lock: lock };
        Ok(Arc::new(Self { shared: Arc::new(shared), runs: Arc::default(), guests }))
    }

    /// Whether instances come from a pool; without one each costs system calls of its own.
    #[must_use]
    pub fn is_pooled(&self) -> bool {
        self.shared.host.pooled
    }

    /// Ends all tasks and waits until none runs. They are not told as exited here: whoever opens the
    /// directory next finds them lost, as after a crash.
    pub async fn close(&self) {
        self.runs.stop().await;
        // A note that was begun is not taken back.
        drop(self.shared.noting.write().await);
    }

    fn launcher(&self) -> Result<Launcher, Error> {
        let handle = self.guests.handle();
        let handle = handle.ok_or_else(|| unreachable("it has been closed".to_owned()))?;
        Ok(Launcher { shared: Arc::clone(&self.shared), runs: Arc::clone(&self.runs), handle })
    }
}

/// Makes a directory that only this user can enter.
fn private_dir(dir: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let meta = dir.metadata()?;
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other("it belongs to another user; use one of your own"));
    }
    if meta.mode() & 0o077 != 0 {
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Takes the directory for this executor alone.
fn lock(options: &WasmOptions) -> Result<File, Error> {
    let path = options.dir.join("lock");
    let shown = path.display();
    let file = File::create(&path).map_err(|error| Error::io(format!("opening {shown}"), error))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(unreachable(format!(
            "another executor uses {}; give each its own directory",
            options.dir.display()
        ))),
        Err(error) => Err(Error::io(format!("locking {shown}"), io::Error::from(error))),
    }
}

fn unreachable(reason: String) -> Error {
    Error::Unreachable { executor: KIND, reason }
}

#[async_trait]
impl Executor for WasmExecutor {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.limits_cpu = true;
        capabilities.limits_memory = true;
        capabilities.mounts = true;
        // Guests have no processes to leave behind, and no signals to be mistaken for codes.
        capabilities.contains_descendants = true;
        capabilities.exit_signals = true;
        capabilities.usage = true;
        capabilities
    }

    async fn health(&self) -> Health {
        let dir = &self.shared.options.dir;
        let writable = rustix::fs::access(dir, rustix::fs::Access::WRITE_OK);
        writable.map_or_else(
            |error| {
                let dir = dir.display();
                Health::Unhealthy(format!("directory {dir}: {error}; make it writable"))
            },
            |()| Health::Healthy,
        )
    }

    async fn prepare(&self, image: &str) -> Result<(), Error> {
        let program = self.shared.program(image).await;
        program.map(drop).map_err(|failure| failure.of_image(image))
    }

    async fn create(&self, spec: &TaskSpec) -> Result<(), Error> {
        spec.check()?;
        mounts::check(spec)?;
        let program = if spec.image.is_empty() && !spec.command.is_empty() {
            None
        } else {
            let program = self.shared.program(&spec.image).await;
            Some(program.map_err(|failure| failure.of_image(&spec.image))?)
        };
        if let Some(reason) = program.as_deref().and_then(|program| unsuited(program, spec)) {
            return Err(Error::Unsupported { executor: KIND, what: reason.to_owned() });
        }
        // The command's program is looked for at the start, as every executor does.
        let program = program.filter(|_| spec.command.is_empty());
        let (shared, spec) = (Arc::clone(&self.shared), spec.clone());
        done(spawn_blocking(move || shared.tasks.create(&spec, program)).await)
    }

    async fn start(&self, task: &TaskId) -> Result<Started, Error> {
        let waiting = match self.shared.tasks.start(task)? {
            Start::Done(started) => return Ok(started),
            Start::Due(waiting) => waiting,
        };
        let program = match waiting.program {
            Some(program) => Ok(program),
            None => self.shared.program_of(&waiting.spec).await,
        };
        let program = match program {
            Err(failure) if failure.is_transient() => {
                return Err(failure.of_image(&waiting.spec.image));
            }
            other => other,
        };
        let (launcher, task) = (self.launcher()?, task.clone());
        done(spawn_blocking(move || launcher.launch(&task, program)).await)
    }

    async fn observe(&self, task: &TaskId) -> Observed {
        self.shared.tasks.observe(task)
    }

    async fn stop(&self, task: &TaskId, how: Stop) -> Result<(), Error> {
        if let Some(running) = self.shared.tasks.running(task) {
            running.control.stop(how, self.shared.seams.clock.now());
        }
        Ok(())
    }

    async fn remove(&self, task: &TaskId) -> Result<(), Error> {
        let (shared, task) = (Arc::clone(&self.shared), task.clone());
        done(spawn_blocking(move || shared.tasks.remove(&task)).await)
    }

    async fn remove_pod(&self, pod: &Uid) -> Result<(), Error> {
        if !is_plain_name(pod.as_str(), 64) {
            return Ok(());
        }
        let (shared, pod) = (Arc::clone(&self.shared), pod.clone());
        done(spawn_blocking(move || shared.tasks.remove_pod(&pod)).await)
    }

    async fn adopt(&self) -> Result<Vec<Found>, Error> {
        Ok(self.shared.tasks.list())
    }

    fn events(&self) -> BoxStream<'static, Event> {
        self.shared.tasks.events()
    }

    async fn usage(&self, task: &TaskId) -> Result<Usage, Error> {
        match self.shared.tasks.running(task) {
            Some(running) => {
                let (cpu_us, memory_bytes) = (running.spent.micros(), running.held.bytes());
                Ok(Usage { cpu_us, memory_bytes, pids: 1 })
            }
            None if self.shared.tasks.observe(task) == Observed::Absent => {
                Err(Error::Absent(task.clone()))
            }
            None => {
                let (field, reason) = ("state", "does not run".to_owned());
                Err(Error::Invalid { task: task.clone(), field, reason })
            }
        }
    }
}

/// The answer of a piece of blocking work.
fn done<T>(answer: Option<Result<T, Error>>) -> Result<T, Error> {
    answer.unwrap_or_else(|| Err(unreachable("a call panicked".to_owned())))
}
