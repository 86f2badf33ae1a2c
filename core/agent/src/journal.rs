//! The journal: one small file per pod that says which runs were begun and how they ended.
//!
//! Place: the pod's actor writes the record before it carries out the decision that changed it, so
//! that after the agent's death each step is either not done, or done and found again by the
//! executor under the task's identity.
//!
//! Invariants: a record is replaced whole (temporary file, rename): a reader sees the old or the new
//! one. Records are **not** synced to the medium, on purpose: the page cache outlives the agent,
//! which is all that the order above needs. After a crash of the machine no task of this node runs
//! any more, and executors answer for what they keep durably: a record that is missing, torn or
//! older than the executor's tasks is raised to them when the agent adopts (see `supervise`), so an
//! unsynced loss costs restart counts, never a second running task.

use crate::Error;
use crate::machine::PodRecord;
use quorate_seams::disk::{self, Open};
use quorate_seams::{SharedDisk, spawn_blocking};
use quorate_types::Uid;
use std::io;
use std::path::{Path, PathBuf};

/// The records of all pods on a node.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    disk: SharedDisk,
    dir: PathBuf,
}

impl Journal {
    /// Opens the journal in a directory, creating it if need be.
    pub(crate) fn open(disk: SharedDisk, dir: PathBuf) -> Result<Self, Error> {
        disk.create_dir_all(&dir).map_err(|source| Error::Io {
            what: "cannot create the journal's directory",
            path: dir.clone(),
            source,
        })?;
        Ok(Self { disk, dir })
    }

    /// All records that can be read. Those that cannot are put aside, with a warning.
    pub(crate) fn load(&self) -> Result<Vec<PodRecord>, Error> {
        let failed = |what, path: &Path| {
            let path = path.to_owned();
            move |source| Error::Io { what, path, source }
        };
        let names = self.disk.list(&self.dir).map_err(failed("cannot list", &self.dir))?;
        let mut records = Vec::new();
        for name in names.iter().filter(|name| name.ends_with(".json")) {
            let path = self.dir.join(name);
            let bytes = disk::read(&*self.disk, &path).map_err(failed("cannot read", &path))?;
            match serde_json::from_slice(&bytes) {
                Ok(record) => records.push(record),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "damaged record put aside");
                    let aside = path.with_extension("damaged");
                    self.disk.rename(&path, &aside).map_err(failed("cannot rename", &path))?;
                }
            }
        }
        Ok(records)
    }

    /// Replaces the record of a pod.
    pub(crate) async fn write(&self, record: &PodRecord) -> io::Result<()> {
        let bytes = serde_json::to_vec(record).map_err(io::Error::other)?;
        let (disk, path) = (self.disk.clone(), self.path(&record.uid));
        spawn_blocking(move || replace(&*disk, &path, &bytes))
            .await
            .unwrap_or_else(|| Err(io::Error::other("the thread that wrote the journal panicked")))
    }

    /// Removes the record of a pod; absent is success.
    pub(crate) async fn remove(&self, pod: &Uid) -> io::Result<()> {
        let (disk, path) = (self.disk.clone(), self.path(pod));
        let removed = spawn_blocking(move || disk.remove_file(&path)).await;
        match removed.unwrap_or(Ok(())) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn path(&self, pod: &Uid) -> PathBuf {
        self.dir.join(format!("{pod}.json"))
    }
}

fn replace(disk: &dyn disk::Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    if disk.exists(&temporary) {
        disk.remove_file(&temporary)?;
    }
    disk.open(&temporary, Open::CreateNew)?.write_at(0, &[bytes])?;
    disk.rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_seams::OsDisk;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    fn record(uid: &str) -> PodRecord {
        PodRecord {
            uid: Uid::from_stored(uid),
            namespace: "shop".into(),
            name: "web-0".into(),
            executor: "process".into(),
            pod_ip: Some([127, 10, 1, 2].into()),
            grace_seconds: 30,
            accepted_ms: 1,
            containers: BTreeMap::from([("main".into(), Default::default())]),
        }
    }

    #[tokio::test]
    async fn records_are_found_again_and_a_damaged_one_is_put_aside() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Journal::open(Arc::new(OsDisk), dir.path().join("journal")).unwrap();
        let journal = open();
        journal.write(&record("a")).await.unwrap();
        let changed = PodRecord { grace_seconds: 5, ..record("a") };
        journal.write(&changed).await.unwrap();
        journal.write(&record("b")).await.unwrap();
        journal.remove(&Uid::from_stored("b")).await.unwrap();
        journal.remove(&Uid::from_stored("b")).await.unwrap();
        std::fs::write(dir.path().join("journal/c.json"), b"\0\0\0").unwrap();
        assert_eq!(open().load().unwrap(), [changed]);
        assert!(dir.path().join("journal/c.damaged").exists());
    }
}
