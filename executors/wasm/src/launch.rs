//! From a created task to a run: what all runs share, and how one is started.

use crate::control::Control;
use crate::engine::Host;
use crate::executor::KIND;
use crate::failure::Failure;
use crate::guest::{Common, surroundings};
use crate::limiter::Limiter;
use crate::options::WasmOptions;
use crate::output::Output;
use crate::program::Program;
use crate::programs::Programs;
use crate::quota::{Bucket, Metered, Spent};
use crate::run::{End, Run, attend};
use crate::tasks::{Running, Tasks};
use crate::ticker::Ticker;
use crate::{image, mounts};
use quorate_executor::{Error, Started, TaskId, TaskSpec};
use quorate_seams::{Seams, TaskSet, spawn_blocking};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::RwLock;

/// What calls and runs share.
pub(crate) struct Shared {
    pub(crate) options: WasmOptions,
    pub(crate) seams: Seams,
    pub(crate) host: Arc<Host>,
    pub(crate) programs: Programs,
    pub(crate) tasks: Tasks,
    pub(crate) ticker: Arc<Ticker>,
    /// Read while an end is noted, written to by who waits for that.
    pub(crate) noting: Arc<RwLock<()>>,
    /// Held as long as a run may go on.
    pub(crate) _lock: File,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Shared {
    /// The program of an image, compiled if need be.
    pub(crate) async fn program(self: &Arc<Self>, image: &str) -> Result<Arc<Program>, Failure> {
        let image = image::read(image::parse(image)?, &self.options).await?;
        let this = Arc::clone(self);
        let made = spawn_blocking(move || this.programs.of(&image)).await;
        made.unwrap_or_else(|| Err(Failure::Compile("the compiler panicked".to_owned())))
    }

    /// The program that a task runs: its command's, or else its image's.
    pub(crate) async fn program_of(
        self: &Arc<Self>,
        spec: &TaskSpec,
    ) -> Result<Arc<Program>, Failure> {
        let named = spec.command.first().unwrap_or(&spec.image);
        self.program(named).await
    }
}

/// What starts runs.
pub(crate) struct Launcher {
    pub(crate) shared: Arc<Shared>,
    pub(crate) runs: Arc<TaskSet>,
    pub(crate) handle: Handle,
}

impl Launcher {
    /// Starts a run of a task whose program is known, or says why there is none.
    pub(crate) fn launch(
        &self,
        task: &TaskId,
        program: Result<Arc<Program>, Failure>,
    ) -> Result<Started, Error> {
        let now_ms = self.shared.seams.clock.wall().as_millis();
        self.shared.tasks.launch(task, now_ms, |spec| {
            let program = program.map_err(|failure| {
                let named = spec.command.first().unwrap_or(&spec.image);
                format!("{named:?}: {failure}")
            })?;
            self.run(spec, program, now_ms)
        })
    }

    fn run(
        &self,
        spec: &TaskSpec,
        program: Arc<Program>,
        started_ms: i64,
    ) -> Result<Running, String> {
        if let Some(reason) = unsuited(&program, spec) {
            return Err(format!("executor {KIND} does not support {reason}"));
        }
        let shared = &self.shared;
        let output = Output::open(spec.log_path.clone(), shared.seams.clock.clone())
            .map_err(|error| format!("log {}: {error}", spec.log_path.display()))?;
        let preopens = mounts::open(&spec.mounts, &shared.tasks.records().staging(&spec.id))?;
        let wasi = surroundings(spec, &preopens, &output, &shared.options.network)?;
        let external_id = format!("wasm://{}", spec.id);
        let running = Running {
            started: Started { started_ms, pid: None, external_id },
            control: Arc::new(Control::new()),
            spent: Arc::default(),
            held: Arc::default(),
        };
        let limiter = Limiter::new(spec.resources.memory_bytes, Arc::clone(&running.held));
        let common = Common { limiter, control: Arc::clone(&running.control) };
        let run = Run { program, engine: shared.host.engine.clone(), wasi, common };
        let guest = self.metered(run, spec, &running.spent);
        self.spawn(spec.id.clone(), guest, &running, output);
        Ok(running)
    }

    fn metered(&self, run: Run, spec: &TaskSpec, spent: &Arc<Spent>) -> Metered<End> {
        let clock = self.shared.seams.clock.clone();
        let share = spec.resources.cpu_milli;
        Metered {
            inner: run.guest(),
            bucket: share.and_then(|milli| Bucket::new(milli, clock.now())),
            spent: Arc::clone(spent),
            clock,
            ticker: Arc::clone(&self.shared.ticker),
            rest: None,
        }
    }

    fn spawn(&self, task: TaskId, guest: Metered<End>, running: &Running, output: Arc<Output>) {
        let (shared, control) = (Arc::clone(&self.shared), Arc::clone(&running.control));
        let started_ms = running.started.started_ms;
        // A task set starts its tasks on the runtime of the thread that asks.
        let _on = self.handle.enter();
        self.runs.spawn(async move {
            let clock = shared.seams.clock.clone();
            let end = attend(guest, control, clock, output).await;
            let finished_ms = shared.seams.clock.wall().as_millis().max(started_ms);
            let record = end.record(started_ms, finished_ms);
            // Whoever closes the executor does so between two notes: what is not noted is lost.
            let Ok(noting) = Arc::clone(&shared.noting).try_read_owned() else { return };
            let note = move || {
                shared.tasks.exited(&task, record);
                drop(shared);
                drop(noting);
            };
            // Nobody is left to tell if this panics.
            let _ = spawn_blocking(note).await;
        });
    }
}

/// What a program cannot be given, if its task asks for that.
pub(crate) fn unsuited(program: &Program, spec: &TaskSpec) -> Option<&'static str> {
    let somewhere = spec.working_dir.as_deref().is_some_and(|dir| dir != Path::new("/"));
    let core = matches!(program, Program::Core(_));
    (core && somewhere).then_some("a working directory of a core module; use absolute paths")
}
