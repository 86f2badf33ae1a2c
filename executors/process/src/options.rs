//! What a process executor is told when it is made.

use std::path::PathBuf;
use std::time::Duration;

/// Settings of a [`crate::ProcessExecutor`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessOptions {
    /// Runtime directory of this node: one sub-directory per pod with socket, lock and records. It
    /// is created with mode 0700 and must belong to the agent's user. Its length does not matter:
    /// sockets are reached through `/proc/self/fd`, so the kernel's limit of 108 bytes never bites.
    pub dir: PathBuf,
    /// Local artefact directory: image `name:tag` is the executable file `<images>/<name>/<tag>`.
    /// `None` leaves only `file:///abs/path` images and absolute commands.
    pub images: Option<PathBuf>,
    /// The program that becomes the shim.
    pub shim: ShimCommand,
    /// How long to wait for a shim's answer before it counts as unreachable; 10 s unless changed.
    pub call_timeout: Duration,
}

impl ProcessOptions {
    /// Settings with a runtime directory, no artefact directory and a shim that is the running
    /// program itself.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            images: None,
            shim: ShimCommand::SelfExec,
            call_timeout: Duration::from_secs(10),
        }
    }
}

/// The program that becomes the shim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShimCommand {
    /// The running program: its `main` calls [`crate::maybe_shim`] first.
    SelfExec,
    /// Another program, `quorate-shim` for example: for hosts whose `main` is not theirs.
    Program(PathBuf),
}

impl ShimCommand {
    /// What to execute. The link in `/proc` stands for the running program even after its file was
    /// replaced by an upgrade.
    pub(crate) fn program(&self) -> PathBuf {
        match self {
            Self::SelfExec => PathBuf::from("/proc/self/exe"),
            Self::Program(path) => path.clone(),
        }
    }
}
