//! What is put to the test: how to open the executor, and what the kit can see of its tasks.

use futures::future::{BoxFuture, FutureExt};
use quorate_executor::{Error, SharedExecutor};
use quorate_seams::{SharedClock, SystemClock};
use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Makes a new executor value over the same state, as an agent that starts again does.
pub type Opener = Arc<dyn Fn() -> BoxFuture<'static, Result<SharedExecutor, Error>> + Send + Sync>;

/// Keeps an executor from its backend, and lets it through again.
pub trait Cut: Send + Sync + fmt::Debug {
    /// The backend no longer answers; what it runs goes on.
    fn cut(&self);
    /// It answers again.
    fn restore(&self);
}

/// An executor and its surroundings.
pub struct Subject {
    /// Makes the executor.
    pub open: Opener,
    /// The image whose entry point is the probe.
    pub image: String,
    /// The probe's path as a task sees it.
    pub program: PathBuf,
    /// An image of the right form that does not exist.
    pub missing_image: String,
    /// A directory of the host for logs and files of the tasks; each run of the kit wants its own.
    pub dir: PathBuf,
    /// How long to wait before something counts as never happening; 60 s unless changed.
    pub patience: Duration,
    /// Whether a mount of a host directory at its own path is visible to tasks.
    pub shares_files: bool,
    /// Whether tasks are processes of this machine, seen in `/proc`.
    pub shares_processes: bool,
    /// Whether ports that tasks listen on are ports of this machine.
    pub shares_network: bool,
    /// Whether tasks are programs of a Unix: they send signals, start children, have descriptors and a
    /// working directory. The probe does none of that as WebAssembly.
    pub unix: bool,
    /// A way to cut the backend off, if there is one.
    pub cut: Option<Arc<dyn Cut>>,
    /// The clock that waiting is measured by.
    pub clock: SharedClock,
}

impl Subject {
    /// A subject whose tasks are ordinary processes of this machine.
    #[must_use]
    pub fn new(
        open: Opener,
        image: impl Into<String>,
        program: &Path,
        dir: impl Into<PathBuf>,
    ) -> Self {
        Self {
            open,
            image: image.into(),
            program: program.to_owned(),
            missing_image: "file:///nonexistent/image".to_owned(),
            dir: dir.into(),
            patience: Duration::from_secs(60),
            shares_files: true,
            shares_processes: true,
            shares_network: true,
            unix: true,
            cut: None,
            clock: SystemClock::shared(),
        }
    }

    /// An opener of an ordinary closure.
    pub fn opener<F, Opening>(open: F) -> Opener
    where
        F: Fn() -> Opening + Send + Sync + 'static,
        Opening: Future<Output = Result<SharedExecutor, Error>> + Send + 'static,
    {
        Arc::new(move || open().boxed())
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (image, dir) = (&self.image, &self.dir);
        f.debug_struct("Subject").field("image", image).field("dir", dir).finish_non_exhaustive()
    }
}
