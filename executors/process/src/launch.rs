//! A task as the shim runs it: paths resolved, everything checked that can be checked before.
//!
//! Place: made by the agent's side from a `TaskSpec`, sent to the shim, kept in the task's record.

use quorate_executor::{Error, TaskId, TaskSpec};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Where a command without a slash is looked for when the task's environment has no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What to execute and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Launch {
    pub(crate) id: TaskId,
    /// Program and arguments; never empty.
    pub(crate) argv: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    /// `/` unless the specification names another: what a container's image has by default.
    pub(crate) cwd: PathBuf,
    pub(crate) log: PathBuf,
}

impl Launch {
    /// Resolves a specification whose image was found at `entry`; `None` for an empty image.
    pub(crate) fn resolve(spec: &TaskSpec, entry: Option<&Path>) -> Result<Self, Error> {
        let argv = argv(spec, entry)?;
        spec.check()?;
        check_mounts(spec)?;
        Ok(Self {
            id: spec.id.clone(),
            argv,
            env: spec.env.clone(),
            cwd: spec.working_dir.clone().unwrap_or_else(|| PathBuf::from("/")),
            log: spec.log_path.clone(),
        })
    }

    /// The file to execute: the command itself if it has a slash, otherwise the first executable
    /// file of the name in the task's own `PATH`.
    pub(crate) fn program(&self) -> Result<PathBuf, String> {
        let command = self.argv.first().map_or("", String::as_str);
        if command.contains('/') {
            return Ok(PathBuf::from(command));
        }
        let path = self.env.iter().rev().find(|(name, _)| name == "PATH");
        let path = path.map_or(DEFAULT_PATH, |(_, value)| value.as_str());
        path.split(':')
            .filter(|dir| dir.starts_with('/'))
            .map(|dir| Path::new(dir).join(command))
            .find(|file| is_executable(file))
            .ok_or_else(|| format!("no executable file of that name in PATH={path}"))
    }
}

/// Whether it is a file that this user may execute.
pub(crate) fn is_executable(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

fn argv(spec: &TaskSpec, entry: Option<&Path>) -> Result<Vec<String>, Error> {
    let mut argv = spec.command.clone();
    match (entry, argv.first()) {
        (Some(entry), None) => {
            let Some(text) = entry.to_str() else {
                return Err(
                    spec.invalid("image", "resolves to a path that is not UTF-8; rename it")
                );
            };
            argv.push(text.to_owned());
        }
        (None, Some(command)) if command.starts_with('/') => {}
        (None, _) => {
            let reason = "must start with an absolute path when the image is empty";
            return Err(spec.invalid("command", reason));
        }
        (Some(_), Some(_)) => {}
    }
    argv.extend(spec.args.iter().cloned());
    Ok(argv)
}

/// A process sees the host's files where they are: a mount that asks for just that needs no work.
fn check_mounts(spec: &TaskSpec) -> Result<(), Error> {
    let moved =
        spec.mounts.iter().find(|mount| mount.read_only || mount.host_path != mount.task_path);
    moved.map_or(Ok(()), |mount| {
        let what = format!(
            "mounting {} at {}; only a writable mount at its own path is visible to a plain process",
            mount.host_path.display(),
            mount.task_path.display()
        );
        Err(Error::Unsupported { executor: crate::executor::KIND, what })
    })
}
