//! An executor in a directory of its own, and tasks made of text.

use quorate_conformance::{Probe, ProbeError, Wasi, read_log};
use quorate_executor::{Executor, ExitRecord, Observed, Resources, Started, TaskId, TaskSpec};
use quorate_seams::{Clock, OsRandom, Random, Seams, SystemClock};
use quorate_types::Uid;
use quorate_wasm::{WasmExecutor, WasmOptions};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

/// How long something may take that has to come.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Bench {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) executor: Arc<WasmExecutor>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// An executor whose settings are changed.
    pub(crate) fn with(change: impl FnOnce(&mut WasmOptions)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut options = options(dir.path());
        change(&mut options);
        let executor = WasmExecutor::open(options, Seams::system()).unwrap();
        Self { dir, executor }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a module; its image.
    pub(crate) fn module(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        format!("file://{}", path.display())
    }

    /// The image of a module given as text.
    pub(crate) fn wat(&self, name: &str, text: &str) -> String {
        self.module(name, &wat::parse_str(text).unwrap())
    }

    /// A task of an image.
    pub(crate) fn task(&self, image: &str) -> TaskSpec {
        task(self.dir.path(), image)
    }

    pub(crate) async fn run(&self, spec: &TaskSpec) -> Started {
        self.executor.create(spec).await.unwrap();
        self.executor.start(&spec.id).await.unwrap()
    }

    /// Runs a task to its end.
    pub(crate) async fn run_out(&self, spec: &TaskSpec) -> ExitRecord {
        self.run(spec).await;
        self.exit(&spec.id).await
    }

    pub(crate) async fn exit(&self, task: &TaskId) -> ExitRecord {
        exit(&*self.executor, task).await
    }

    /// Waits until a task has said a line.
    pub(crate) async fn said(&self, spec: &TaskSpec, text: &str) {
        until(|| async { lines(spec).iter().any(|line| line == text).then_some(()) }).await;
    }
}

pub(crate) fn options(dir: &Path) -> WasmOptions {
    WasmOptions { pool: 64, threads: 2, ..WasmOptions::new(dir.join("wasm")) }
}

pub(crate) fn task(dir: &Path, image: &str) -> TaskSpec {
    let pod = Uid::from_random(OsRandom.next_u128());
    TaskSpec {
        log_path: dir.join(format!("{pod}.log")),
        id: TaskId { pod, name: "main".into(), attempt: 0 },
        namespace: "default".into(),
        pod_name: "test".into(),
        node: "node".into(),
        image: image.to_owned(),
        command: Vec::new(),
        args: Vec::new(),
        env: Vec::new(),
        working_dir: None,
        resources: Resources::default(),
        mounts: Vec::new(),
        pod_dir: dir.to_owned(),
    }
}

pub(crate) fn args(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// What a task has said, without stamps and names.
pub(crate) fn lines(spec: &TaskSpec) -> Vec<String> {
    read_log(&spec.log_path).unwrap().into_iter().map(|line| line.text).collect()
}

pub(crate) async fn exit(executor: &dyn Executor, task: &TaskId) -> ExitRecord {
    until(|| async {
        match executor.observe(task).await {
            Observed::Exited(record) => Some(record),
            _ => None,
        }
    })
    .await
}

/// Waits until there is an answer.
pub(crate) async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let clock = SystemClock::shared();
    let end = clock.now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(clock.now() < end, "it does not come");
        clock.sleep(Duration::from_millis(5)).await;
    }
}

/// The conformance probe as WebAssembly; `None`, and says so, where it cannot be built.
pub(crate) fn probe(form: Wasi) -> Option<&'static Probe> {
    static P1: OnceLock<Option<Probe>> = OnceLock::new();
    static P2: OnceLock<Option<Probe>> = OnceLock::new();
    let slot = if form == Wasi::P1 { &P1 } else { &P2 };
    let built = slot.get_or_init(|| match build(form) {
        Ok(probe) => Some(probe),
        Err(error) => {
            println!("SKIP: {error}");
            None
        }
    });
    built.as_ref()
}

/// Builds the probe once for all processes of these tests: the first one does, the others wait.
fn build(form: Wasi) -> Result<Probe, ProbeError> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(form.target());
    std::fs::create_dir_all(&dir).unwrap();
    let lock = File::create(dir.join("lock")).unwrap();
    lock.lock().unwrap();
    // The sources are within this program, so that what was built after it was built of them.
    let (program, built) = (std::env::current_exe().unwrap(), dir.join("built"));
    if let Ok(path) = std::fs::read_to_string(&built)
        && modified(&built) > modified(&program)
    {
        return Ok(Probe::at(path));
    }
    let probe = Probe::build_wasi(&dir, form)?;
    std::fs::write(&built, probe.path().to_str().unwrap()).unwrap();
    Ok(probe)
}

fn modified(path: &Path) -> SystemTime {
    path.metadata().unwrap().modified().unwrap()
}

/// A core module whose entry point does this.
pub(crate) fn start(body: &str) -> String {
    format!(r#"(module (memory (export "memory") 1) (func (export "_start") {body}))"#)
}

/// A core module that sleeps for an hour.
pub(crate) const SLEEPER: &str = r#"(module
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (i32.store (i32.const 16) (i32.const 1))
    (i64.store (i32.const 24) (i64.const 3600000000000))
    (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))"#;
