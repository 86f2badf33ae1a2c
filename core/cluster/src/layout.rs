//! The data directory: what lies where, and the file that says whose it is.
//!
//! ```text
//! <data>/cluster.json      format version, cluster id, number of members, loopback range
//! <data>/members/<id>/     raft log and state of a member
//! <data>/nodes/<name>/     journal, logs and runtime files of a node
//! ```
//!
//! Invariant: a directory of another format or another shape of cluster is refused and left alone.

use crate::Error;
use quorate_network::LoopbackRange;
use quorate_seams::{Seams, disk};
use quorate_types::{ClusterId, MemberId};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const FORMAT: u32 = 1;

/// What `cluster.json` records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    format: u32,
    pub(crate) cluster: ClusterId,
    pub(crate) members: u64,
    loopback_octet: u8,
}

impl Identity {
    pub(crate) fn new(seams: &Seams, members: u64, range: LoopbackRange) -> Self {
        let cluster = ClusterId(seams.random.next_u64());
        Self { format: FORMAT, cluster, members, loopback_octet: range.octet() }
    }

    pub(crate) fn range(&self) -> LoopbackRange {
        LoopbackRange::new(self.loopback_octet)
    }
}

/// Paths below the data directory.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    pub(crate) fn member(&self, id: MemberId) -> PathBuf {
        self.root.join("members").join(id.to_string())
    }

    pub(crate) fn nodes(&self) -> PathBuf {
        self.root.join("nodes")
    }

    fn file(&self) -> PathBuf {
        self.root.join("cluster.json")
    }

    /// What the directory says it is; `None` if it is new.
    pub(crate) fn read(&self, seams: &Seams, members: u64) -> Result<Option<Identity>, Error> {
        let path = self.file();
        if !seams.disk.exists(&path) {
            return self.check_unused(seams).map(|()| None);
        }
        let bytes = disk::read(&*seams.disk, &path).map_err(|source| io(&path, source))?;
        let refuse = |reason: String| Error::Layout { path: path.clone(), reason };
        let identity: Identity = serde_json::from_slice(&bytes).map_err(|error| {
            refuse(format!("not written by this program ({error}): choose another directory"))
        })?;
        if identity.format != FORMAT {
            let found = identity.format;
            return Err(refuse(format!(
                "has format {found}, this program reads format {FORMAT}: use the version that wrote it"
            )));
        }
        if identity.members != members {
            let found = identity.members;
            return Err(refuse(format!(
                "holds a cluster of {found} members, {members} were asked for: ask for {found}, or choose another directory"
            )));
        }
        Ok(Some(identity))
    }

    pub(crate) fn write(&self, seams: &Seams, identity: &Identity) -> Result<(), Error> {
        let path = self.file();
        seams.disk.create_dir_all(&self.root).map_err(|source| io(&self.root, source))?;
        let text = serde_json::to_vec_pretty(identity)
            .map_err(|error| Error::Layout { path: path.clone(), reason: error.to_string() })?;
        disk::replace(&*seams.disk, &path, &text).map_err(|source| io(&path, source))
    }

    /// A directory without `cluster.json` must not hold members: they would be somebody else's.
    fn check_unused(&self, seams: &Seams) -> Result<(), Error> {
        let members = self.root.join("members");
        if seams.disk.exists(&members) {
            let reason =
                "holds members but no cluster.json: restore that file, or choose another directory";
            return Err(Error::Layout { path: members, reason: reason.to_owned() });
        }
        Ok(())
    }
}

fn io(path: &Path, source: std::io::Error) -> Error {
    Error::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_another_shape_or_format_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (layout, seams) = (Layout::new(dir.path()), Seams::system());
        assert_eq!(layout.read(&seams, 3).unwrap(), None);
        let identity = Identity::new(&seams, 3, LoopbackRange::new(20));
        layout.write(&seams, &identity).unwrap();
        assert_eq!(layout.read(&seams, 3).unwrap(), Some(identity));
        let error = layout.read(&seams, 1).unwrap_err().to_string();
        assert!(error.contains("cluster of 3 members"), "{error}");
        for (text, expected) in [("{}", "choose another directory"), ("", "choose another")] {
            std::fs::write(layout.file(), text).unwrap();
            let error = layout.read(&seams, 3).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("cluster.json"), "{error}");
            assert_eq!(std::fs::read_to_string(layout.file()).unwrap(), text);
        }
        layout.write(&seams, &Identity { format: 9, ..identity }).unwrap();
        let error = layout.read(&seams, 3).unwrap_err().to_string();
        assert!(error.contains("format 9"), "{error}");
    }

    #[test]
    fn members_without_their_identity_are_not_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("members")).unwrap();
        let error = Layout::new(dir.path()).read(&Seams::system(), 1).unwrap_err().to_string();
        assert!(error.contains("no cluster.json"), "{error}");
    }
}
