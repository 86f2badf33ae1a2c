//! What was done to containers: the part of a task's history that the engine does not keep.
//!
//! One small file per stopped container, written before the signal is sent and removed with the
//! container. A torn or missing note means that nothing is known to have been sent.

use quorate_executor::{Error, TaskId};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// What was done to a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    /// SIGTERM was sent, or was about to be.
    pub(crate) termed: bool,
    /// SIGKILL was sent, or was about to be.
    pub(crate) killed: bool,
    /// When its grace ends, as wall time in milliseconds since the Unix epoch: it is to outlive the
    /// agent, whose monotonic clock does not.
    pub(crate) grace_ends_ms: Option<i64>,
}

/// The notes of one node.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    dir: PathBuf,
}

impl Journal {
    /// The notes in a directory, which is made private to this user.
    pub(crate) fn open(dir: &Path) -> Result<Self, Error> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|error| Error::io(format!("making the directory {}", dir.display()), error))?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// The note of a task, if there is one.
    pub(crate) fn read(&self, task: &TaskId) -> Option<Note> {
        serde_json::from_slice(&fs::read(self.path(task)).ok()?).ok()
    }

    /// Adds to the note of a task.
    pub(crate) fn note(
        &self,
        task: &TaskId,
        change: impl FnOnce(&mut Note),
    ) -> Result<Note, Error> {
        let mut note = self.read(task).unwrap_or_default();
        change(&mut note);
        let path = self.path(task);
        let temporary = path.with_added_extension("new");
        let written = serde_json::to_vec(&note)
            .map_err(io::Error::from)
            .and_then(|bytes| fs::write(&temporary, bytes))
            .and_then(|()| fs::rename(&temporary, &path));
        written.map_err(|error| Error::io(format!("writing {}", path.display()), error))?;
        Ok(note)
    }

    /// Forgets a task.
    pub(crate) fn forget(&self, task: &TaskId) -> Result<(), Error> {
        let path = self.path(task);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io(format!("removing {}", path.display()), error))
            }
            _ => Ok(()),
        }
    }

    fn path(&self, task: &TaskId) -> PathBuf {
        self.dir.join(format!("{}.stop", crate::names::container(task)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::support::spec;

    #[test]
    fn notes_add_up_outlive_their_reader_and_go() {
        let dir = tempfile::tempdir().unwrap();
        let task = spec("web").id;
        let open = || Journal::open(&dir.path().join("notes")).unwrap();
        assert_eq!(open().read(&task), None);
        open().note(&task, |note| note.termed = true).unwrap();
        open().note(&task, |note| note.grace_ends_ms = Some(5)).unwrap();
        let expected = Note { termed: true, killed: false, grace_ends_ms: Some(5) };
        assert_eq!(open().read(&task), Some(expected));
        fs::write(open().path(&task), "{").unwrap();
        assert_eq!(open().read(&task), None, "a torn note says nothing");
        open().forget(&task).unwrap();
        open().forget(&task).unwrap();
        assert_eq!(fs::read_dir(dir.path().join("notes")).unwrap().count(), 0);
    }
}
