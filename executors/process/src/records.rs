//! What a pod's runtime directory remembers of its tasks.
//!
//! Place: written by the shim, or by the agent's side while it holds the pod's lock; read by both.
//! Per task: `<name>.<attempt>.task` (it exists; what to run), `.run` (it was started, written
//! before it is), `.exit` (it ended). The last is durable; the others need to outlive processes only,
//! so they cost no sync. The `.task` file names the boot: after a crash of the machine a task
//! without exit record counts as lost, whatever else the directory says.

use crate::launch::Launch;
use quorate_executor::{ExitCause, ExitRecord, TaskId};
use quorate_seams::disk::{OsDisk, replace};
use quorate_types::Uid;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Name of the socket in a pod's runtime directory.
pub(crate) const SOCKET: &str = "s";

/// The records of one pod.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    dir: PathBuf,
    pod: Uid,
}

/// That a task was started, or was about to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) started_ms: i64,
    /// The main process and its start time, once it runs.
    pub(crate) process: Option<(i32, u64)>,
}

/// What is known of a task from its records alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    Created(Launch),
    Started(Run),
    Exited(ExitRecord),
    /// It exists, but the machine crashed since or the record is torn: it does not run.
    Lost,
}

#[derive(Debug, Serialize, Deserialize)]
struct TaskFile {
    boot: String,
    launch: Launch,
}

impl Records {
    /// The records in a pod's runtime directory.
    pub(crate) fn new(dir: PathBuf, pod: Uid) -> Self {
        Self { dir, pod }
    }

    /// The runtime directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes a task known.
    pub(crate) fn create(&self, launch: &Launch) -> io::Result<()> {
        // A removal that was cut short may have left these.
        remove_if_there(&self.path(&launch.id, "run"))?;
        remove_if_there(&self.path(&launch.id, "exit"))?;
        let file = TaskFile { boot: boot()?, launch: launch.clone() };
        write(&self.path(&launch.id, "task"), &file)
    }

    /// Notes that a task is about to run, and again when it runs. Not replaced at once, to spare
    /// the start a rename: a torn note still says that it may have run.
    pub(crate) fn run(&self, task: &TaskId, run: Run) -> io::Result<()> {
        fs::write(self.path(task, "run"), serde_json::to_vec(&run)?)
    }

    /// Notes durably how a task ended.
    pub(crate) fn exit(&self, task: &TaskId, record: &ExitRecord) -> io::Result<()> {
        replace(&OsDisk, &self.path(task, "exit"), &serde_json::to_vec(record)?)
    }

    /// Forgets a task. The file that says that it exists goes first.
    pub(crate) fn remove(&self, task: &TaskId) -> io::Result<()> {
        ["task", "run", "exit"].iter().try_for_each(|kind| remove_if_there(&self.path(task, kind)))
    }

    /// What is known of a task; `None` if it does not exist.
    pub(crate) fn load(&self, task: &TaskId) -> io::Result<Option<Stored>> {
        let Some(bytes) = read(&self.path(task, "task"))? else { return Ok(None) };
        if let Some(record) = self.parse::<ExitRecord>(task, "exit")? {
            return Ok(Some(Stored::Exited(record)));
        }
        let Ok(file) = serde_json::from_slice::<TaskFile>(&bytes) else {
            return Ok(Some(Stored::Lost));
        };
        if file.boot != boot()? {
            return Ok(Some(Stored::Lost));
        }
        if !self.path(task, "run").exists() {
            return Ok(Some(Stored::Created(file.launch)));
        }
        Ok(Some(self.parse::<Run>(task, "run")?.map_or(Stored::Lost, Stored::Started)))
    }

    /// Every task that exists, in order of name; empty if there is no directory.
    pub(crate) fn list(&self) -> io::Result<Vec<TaskId>> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut tasks = Vec::new();
        for entry in entries {
            tasks.extend(entry?.file_name().to_str().and_then(|name| self.task_of(name)));
        }
        tasks.sort();
        Ok(tasks)
    }

    /// Removes the runtime directory with all that is in it. Whoever calls holds the lock.
    pub(crate) fn remove_all(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn path(&self, task: &TaskId, kind: &str) -> PathBuf {
        self.dir.join(format!("{}.{}.{kind}", task.name, task.attempt))
    }

    fn task_of(&self, file: &str) -> Option<TaskId> {
        let (name, attempt) = file.strip_suffix(".task")?.rsplit_once('.')?;
        Some(TaskId {
            pod: self.pod.clone(),
            name: name.to_owned(),
            attempt: attempt.parse().ok()?,
        })
    }

    /// A record, if it is there and whole.
    fn parse<T: DeserializeOwned>(&self, task: &TaskId, kind: &str) -> io::Result<Option<T>> {
        Ok(read(&self.path(task, kind))?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }
}

/// The record of a task whose end nobody saw.
pub(crate) fn lost(started_ms: i64, finished_ms: i64) -> ExitRecord {
    ExitRecord { code: None, signal: None, cause: ExitCause::ExecutorLost, started_ms, finished_ms }
}

fn boot() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Replaces a file at once, as far as processes can see.
fn write<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    let temporary = path.with_added_extension("new");
    fs::write(&temporary, serde_json::to_vec(value)?)?;
    fs::rename(&temporary, path)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture() -> (tempfile::TempDir, Records, Launch) {
        let dir = tempfile::tempdir().unwrap();
        let pod = Uid::from_random(7);
        let id = TaskId { pod: pod.clone(), name: "web.v1".into(), attempt: 3 };
        let launch = Launch {
            id,
            argv: vec!["/bin/true".into()],
            env: Vec::new(),
            cwd: "/".into(),
            log: "/tmp/log".into(),
        };
        let records = Records::new(dir.path().into(), pod);
        (dir, records, launch)
    }

    #[test]
    fn a_task_goes_from_created_over_started_to_exited_and_is_forgotten() {
        let (_dir, records, launch) = fixture();
        let id = launch.id.clone();
        assert_eq!(records.load(&id).unwrap(), None);
        records.create(&launch).unwrap();
        assert_eq!(records.list().unwrap(), std::slice::from_ref(&id));
        assert_eq!(records.load(&id).unwrap(), Some(Stored::Created(launch)));
        let run = Run { started_ms: 5, process: Some((9, 99)) };
        records.run(&id, run).unwrap();
        assert_eq!(records.load(&id).unwrap(), Some(Stored::Started(run)));
        records.exit(&id, &lost(5, 6)).unwrap();
        assert_eq!(records.load(&id).unwrap(), Some(Stored::Exited(lost(5, 6))));
        records.remove(&id).unwrap();
        assert_eq!(records.load(&id).unwrap(), None);
    }

    #[test]
    fn a_task_of_an_earlier_boot_or_with_a_torn_record_is_lost_never_created() {
        let (dir, records, launch) = fixture();
        let id = launch.id.clone();
        let path = dir.path().join("web.v1.3.task");
        records.create(&launch).unwrap();
        let text = fs::read_to_string(&path).unwrap().replace(&boot().unwrap(), "another");
        fs::write(&path, text).unwrap();
        assert_eq!(records.load(&id).unwrap(), Some(Stored::Lost));
        fs::write(&path, "").unwrap();
        assert_eq!(records.load(&id).unwrap(), Some(Stored::Lost));
        records.exit(&id, &lost(1, 2)).unwrap();
        assert_eq!(records.load(&id).unwrap(), Some(Stored::Exited(lost(1, 2))));
    }
}
