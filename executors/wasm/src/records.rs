//! What the directory remembers of tasks, so that a new agent knows how the old one's ended.
//!
//! Per task, below a directory of its pod: `<name>.<attempt>.task` (it exists; what to run), `.run` (it
//! was started, written before it is), `.exit` (it ended; durable). The first two need to outlive the
//! process only, so they cost no sync; the `.task` file names the boot, and after a crash of the machine
//! a task without an exit record counts as lost, whatever else the directory says.

use quorate_executor::{ExitCause, ExitRecord, TaskId, TaskSpec, is_plain_name};
use quorate_seams::disk::{OsDisk, replace};
use quorate_types::Uid;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The records of all tasks.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    dir: PathBuf,
    boot: String,
}

/// What is known of a task from its records alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    Created(Box<TaskSpec>),
    Exited(ExitRecord),
    /// It was started, or nobody can tell; it does not run.
    Lost {
        started_ms: i64,
    },
}

#[derive(Debug, Serialize, Deserialize)]
struct TaskFile {
    boot: String,
    spec: TaskSpec,
}

#[derive(Debug, Serialize, Deserialize)]
struct RunFile {
    started_ms: i64,
}

impl Records {
    pub(crate) fn open(dir: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
        Ok(Self { dir, boot: boot.trim().to_owned() })
    }

    /// Makes a task known.
    pub(crate) fn create(&self, spec: &TaskSpec) -> io::Result<()> {
        fs::create_dir_all(self.pod_dir(&spec.id.pod))?;
        // A removal that was cut short may have left these.
        remove_if_there(&self.path(&spec.id, "run"))?;
        remove_if_there(&self.path(&spec.id, "exit"))?;
        let file = TaskFile { boot: self.boot.clone(), spec: spec.clone() };
        fs::write(self.path(&spec.id, "task"), serde_json::to_vec(&file)?)
    }

    /// Notes that a task is about to run.
    pub(crate) fn run(&self, task: &TaskId, started_ms: i64) -> io::Result<()> {
        fs::write(self.path(task, "run"), serde_json::to_vec(&RunFile { started_ms })?)
    }

    /// Notes durably how a task ended.
    pub(crate) fn exit(&self, task: &TaskId, record: &ExitRecord) -> io::Result<()> {
        replace(&OsDisk, &self.path(task, "exit"), &serde_json::to_vec(record)?)
    }

    /// Forgets a task. The file that says that it exists goes first.
    pub(crate) fn remove(&self, task: &TaskId) -> io::Result<()> {
        for kind in ["task", "run", "exit"] {
            remove_if_there(&self.path(task, kind))?;
        }
        match fs::remove_dir_all(self.staging(task)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Forgets a pod that has no task left.
    pub(crate) fn remove_pod(&self, pod: &Uid) -> io::Result<()> {
        match fs::remove_dir(self.pod_dir(pod)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
            other => other,
        }
    }

    /// A directory of a task's own, for what it finds mounted.
    pub(crate) fn staging(&self, task: &TaskId) -> PathBuf {
        self.path(task, "mounts")
    }

    /// Every task that exists, with what is known of it.
    pub(crate) fn list(&self) -> io::Result<Vec<(TaskId, Stored)>> {
        let mut found = Vec::new();
        for pod in fs::read_dir(&self.dir)? {
            let name = pod?.file_name();
            let Some(uid) = name.to_str().filter(|name| is_plain_name(name, 64)) else { continue };
            let pod = Uid::from_stored(uid);
            for entry in fs::read_dir(self.pod_dir(&pod))? {
                let name = entry?.file_name();
                let Some(task) = name.to_str().and_then(|name| task_of(&pod, name)) else {
                    continue;
                };
                let stored = self.load(&task)?;
                found.push((task, stored));
            }
        }
        Ok(found)
    }

    fn load(&self, task: &TaskId) -> io::Result<Stored> {
        // A torn record is none: the task is not running, and how it ended is unknown.
        if let Some(record) = read(&self.path(task, "exit"))? {
            return Ok(Stored::Exited(record));
        }
        let file: Option<TaskFile> = read(&self.path(task, "task"))?;
        let run = self.path(task, "run");
        if run.exists() {
            let run: Option<RunFile> = read(&run)?;
            return Ok(Stored::Lost { started_ms: run.map_or(0, |run| run.started_ms) });
        }
        Ok(match file {
            Some(file) if file.boot == self.boot => Stored::Created(Box::new(file.spec)),
            _ => Stored::Lost { started_ms: 0 },
        })
    }

    fn pod_dir(&self, pod: &Uid) -> PathBuf {
        self.dir.join(pod.as_str())
    }

    fn path(&self, task: &TaskId, kind: &str) -> PathBuf {
        self.pod_dir(&task.pod).join(format!("{}.{}.{kind}", task.name, task.attempt))
    }
}

/// The record of a task that was lost with what held it.
pub(crate) fn lost(started_ms: i64, finished_ms: i64) -> ExitRecord {
    let cause = ExitCause::ExecutorLost;
    ExitRecord { code: None, signal: None, cause, started_ms, finished_ms }
}

fn task_of(pod: &Uid, file: &str) -> Option<TaskId> {
    let (name, attempt) = file.strip_suffix(".task")?.rsplit_once('.')?;
    let attempt = attempt.parse().ok()?;
    is_plain_name(name, 128).then(|| TaskId { pod: pod.clone(), name: name.to_owned(), attempt })
}

/// A record; `None` if there is none, or a torn one.
fn read<T: serde::de::DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
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
    use quorate_executor::Resources;

    fn fixture() -> (tempfile::TempDir, Records, TaskSpec) {
        let dir = tempfile::tempdir().unwrap();
        let id = TaskId { pod: Uid::from_random(7), name: "web.v1".into(), attempt: 3 };
        let spec = TaskSpec {
            id,
            namespace: "default".into(),
            pod_name: "web".into(),
            node: "n".into(),
            image: "/a.wasm".into(),
            command: Vec::new(),
            args: Vec::new(),
            env: Vec::new(),
            working_dir: None,
            resources: Resources::default(),
            mounts: Vec::new(),
            log_path: "/tmp/log".into(),
            pod_dir: "/tmp".into(),
        };
        let records = Records::open(dir.path().join("tasks")).unwrap();
        (dir, records, spec)
    }

    fn only(records: &Records) -> Stored {
        let mut list = records.list().unwrap();
        assert_eq!(list.len(), 1);
        list.remove(0).1
    }

    #[test]
    fn a_task_goes_from_created_over_started_to_exited_and_is_forgotten() {
        let (_dir, records, spec) = fixture();
        assert_eq!(records.list().unwrap(), []);
        records.create(&spec).unwrap();
        assert_eq!(only(&records), Stored::Created(Box::new(spec.clone())));
        records.run(&spec.id, 5).unwrap();
        assert_eq!(only(&records), Stored::Lost { started_ms: 5 }, "nothing holds it");
        records.exit(&spec.id, &lost(5, 6)).unwrap();
        assert_eq!(records.list().unwrap(), [(spec.id.clone(), Stored::Exited(lost(5, 6)))]);
        records.remove(&spec.id).unwrap();
        assert_eq!(records.list().unwrap(), []);
        records.remove(&spec.id).unwrap();
        records.remove_pod(&spec.id.pod).unwrap();
        records.remove_pod(&spec.id.pod).unwrap();
    }

    #[test]
    fn what_is_torn_or_of_an_earlier_boot_is_lost_never_created() {
        let (_dir, records, spec) = fixture();
        records.create(&spec).unwrap();
        let path = records.path(&spec.id, "task");
        let text = fs::read_to_string(&path).unwrap().replace(&records.boot, "another");
        fs::write(&path, text).unwrap();
        assert_eq!(only(&records), Stored::Lost { started_ms: 0 });
        fs::write(&path, "").unwrap();
        assert_eq!(only(&records), Stored::Lost { started_ms: 0 });
        fs::write(records.path(&spec.id, "run"), "{").unwrap();
        assert_eq!(only(&records), Stored::Lost { started_ms: 0 });
    }
}
