//! The data directory: whose it is, and that only one process uses it.
//!
//! Layout: `identity` (text: format, cluster, member), `lock`, `log/`, `state/`, `transfer/`.
//! Invariants: a directory that is not ours or not understood is left exactly as it is.

use crate::error::Error;
use quorate_seams::{SharedDisk, disk};
use quorate_types::{ClusterId, MemberId};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

const FORMAT: &str = "quorate-member 1";

/// A data directory that this process owns until the value is dropped.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Takes the directory for a member; makes it the member's if it is new.
    pub(crate) fn open(
        disk: &SharedDisk,
        path: &Path,
        cluster: ClusterId,
        member: MemberId,
    ) -> Result<Self, Error> {
        disk.create_dir_all(path).map_err(Error::io(path))?;
        let lock = lock(path)?;
        let dir = Self { path: path.to_owned(), _lock: lock };
        let file = path.join("identity");
        if disk.exists(&file) {
            let bytes = disk::read(&**disk, &file).map_err(Error::io(&file))?;
            dir.check(&String::from_utf8_lossy(&bytes), cluster, member)?;
        } else if disk.exists(&dir.log()) || disk.exists(&dir.state()) {
            let reason = "it holds a log or a state, but no file `identity`".to_owned();
            return Err(Error::Damaged { path: dir.path, reason });
        } else {
            let text = format!("{FORMAT}\ncluster {cluster}\nmember {member}\n");
            disk::replace(&**disk, &file, text.as_bytes()).map_err(Error::io(&file))?;
        }
        Ok(dir)
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path.join("state")
    }

    pub(crate) fn transfer(&self) -> PathBuf {
        self.path.join("transfer")
    }

    fn check(&self, text: &str, cluster: ClusterId, member: MemberId) -> Result<(), Error> {
        let path = self.path.clone();
        let (found_cluster, found_member) = parse(&path, text)?;
        if (found_cluster, found_member) == (cluster, member) {
            Ok(())
        } else {
            Err(Error::Foreign { path, found_cluster, found_member, cluster, member })
        }
    }
}

/// Whose a data directory is; `None` if nobody has used it yet.
///
/// # Errors
/// It cannot be read, or was written by another version.
pub fn owner(disk: &SharedDisk, path: &Path) -> Result<Option<(ClusterId, MemberId)>, Error> {
    let file = path.join("identity");
    if !disk.exists(&file) {
        return Ok(None);
    }
    let bytes = disk::read(&**disk, &file).map_err(Error::io(&file))?;
    parse(path, &String::from_utf8_lossy(&bytes)).map(Some)
}

fn parse(path: &Path, text: &str) -> Result<(ClusterId, MemberId), Error> {
    let path = path.to_owned();
    let mut lines = text.lines();
    let found = lines.next().unwrap_or_default();
    if found != FORMAT {
        let (found, expected) = (format!("{found:?}"), format!("{FORMAT:?}"));
        return Err(Error::Format { path, found, expected });
    }
    let mut number = |name: &str| {
        let line = lines.next()?.strip_prefix(name)?;
        line.strip_prefix(' ')?.parse::<u64>().ok()
    };
    let (Some(found_cluster), Some(found_member)) = (number("cluster"), number("member")) else {
        let reason = "its file `identity` cannot be read".to_owned();
        return Err(Error::Damaged { path, reason });
    };
    Ok((ClusterId(found_cluster), MemberId(found_member)))
}

/// The operating system lets go of the lock when the process ends, however it ends.
fn lock(path: &Path) -> Result<File, Error> {
    let file = path.join("lock");
    let mut options = File::options();
    let lock = options.create(true).truncate(false).write(true).open(&file);
    let lock = lock.map_err(Error::io(&file))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(Error::io(file)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_seams::Seams;

    const CLUSTER: ClusterId = ClusterId(7);
    const MEMBER: MemberId = MemberId(1);

    fn open(path: &Path, cluster: ClusterId, member: MemberId) -> Result<DataDir, Error> {
        DataDir::open(&Seams::system().disk, path, cluster, member)
    }

    #[test]
    fn a_directory_is_taken_once_and_only_by_its_member() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("data");
        let held = open(&path, CLUSTER, MEMBER).unwrap();
        assert!(matches!(open(&path, CLUSTER, MEMBER), Err(Error::InUse { .. })));
        drop(held);
        drop(open(&path, CLUSTER, MEMBER).unwrap());
        let before = std::fs::read(path.join("identity")).unwrap();
        for (cluster, member) in [(ClusterId(8), MEMBER), (CLUSTER, MemberId(2))] {
            let error = open(&path, cluster, member).unwrap_err();
            assert!(matches!(error, Error::Foreign { .. }), "{error}");
            assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        }
        assert_eq!(std::fs::read(path.join("identity")).unwrap(), before);
    }

    #[test]
    fn other_versions_and_ownerless_data_are_refused_untouched() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("identity"), "quorate-member 9\n").unwrap();
        assert!(matches!(open(root.path(), CLUSTER, MEMBER), Err(Error::Format { .. })));
        std::fs::write(root.path().join("identity"), format!("{FORMAT}\ncluster x\n")).unwrap();
        assert!(matches!(open(root.path(), CLUSTER, MEMBER), Err(Error::Damaged { .. })));
        std::fs::remove_file(root.path().join("identity")).unwrap();
        std::fs::create_dir(root.path().join("log")).unwrap();
        assert!(matches!(open(root.path(), CLUSTER, MEMBER), Err(Error::Damaged { .. })));
        assert!(!root.path().join("identity").exists());
    }
}
