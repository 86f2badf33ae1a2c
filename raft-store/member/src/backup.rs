//! The store in one file or a directory, and a new cluster from such a backup.

use crate::data_dir::DataDir;
use crate::error::Error;
use crate::member::{Member, open_state};
use quorate_log::{Identity, RaftLog};
use quorate_mvcc::{Loader, Mvcc};
use quorate_raft::{ClusterMember, Restored};
use quorate_seams::{Seams, spawn_blocking};
use quorate_types::{ClusterId, MemberId};
use std::path::{Path, PathBuf};
use std::sync::mpsc;

impl Member {
    /// Writes everything that this member has applied to a new file, with a checksum over every
    /// piece; gives its size in bytes. Serving goes on meanwhile.
    ///
    /// # Errors
    /// The file exists or cannot be written; nothing is left behind then.
    pub async fn backup(&self, path: impl Into<PathBuf> + Send) -> Result<u64, Error> {
        let path = path.into();
        let written = self.inner.core.consensus().backup(&path).await;
        written.map_err(|source| Error::Backup { path, source })
    }

    /// Writes everything that this member has applied into a new directory, file by file, with a
    /// checksum over each; gives their size in bytes. Serving goes on meanwhile.
    ///
    /// # Errors
    /// The directory exists or cannot be written; nothing is left behind then.
    pub async fn backup_directory(&self, path: impl Into<PathBuf> + Send) -> Result<u64, Error> {
        let path = path.into();
        let written = self.inner.core.consensus().backup_directory(&path).await;
        written.map_err(|source| Error::Backup { path, source })
    }
}

/// Which member of which new cluster a backup becomes.
#[derive(Clone, Debug)]
pub struct Restore {
    /// The new cluster: an id of its own, so that members of the old one are never mistaken for
    /// members of the new one.
    pub cluster: ClusterId,
    /// The member whose directory is made.
    pub id: MemberId,
    /// All members of the new cluster. Restore the same file for each of them.
    pub members: Vec<ClusterMember>,
    /// Sizes of the raft log, as the member will be started with.
    pub log: quorate_log::Options,
}

/// Makes the directory of a member of a new cluster from a backup, file or directory; keys, revisions and leases are as
/// they were. Start every member with the cluster's id afterwards.
///
/// # Errors
/// It is no backup or is damaged, or the directory is in use or holds something. A directory
/// that was made in vain can be removed.
pub async fn restore(
    backup: impl Into<PathBuf> + Send,
    data_dir: impl Into<PathBuf> + Send,
    as_member: Restore,
    seams: Seams,
) -> Result<(), Error> {
    let (backup, data_dir) = (backup.into(), data_dir.into());
    aside(move || {
        let failed = |source| Error::Backup { path: backup.clone(), source };
        // Looked at before anything is made, so that a wrong file name makes nothing.
        std::fs::File::open(&backup).map_err(failed)?;
        fill(&data_dir, &as_member, &seams, |state, dir| {
            let (cluster, members) = (as_member.cluster, &as_member.members);
            let restored = quorate_raft::restore(&backup, state, &dir.transfer(), cluster, members);
            Ok(((), restored.map_err(failed)?))
        })
    })
    .await
}

/// Makes the directory of a member of a new cluster whose state is taken in from elsewhere: `load`
/// gets an empty state and fills it. Start every member with the cluster's id afterwards.
///
/// # Errors
/// [`Error::Load`] if `load` fails; the directory is in use or holds something. A directory that was
/// made in vain can be removed.
pub async fn restore_with<T: Send + 'static>(
    load: impl FnOnce(Loader<'_>) -> Result<T, LoadFailure> + Send + 'static,
    data_dir: impl Into<PathBuf> + Send,
    as_member: Restore,
    seams: Seams,
) -> Result<T, Error> {
    let data_dir = data_dir.into();
    aside(move || {
        fill(&data_dir, &as_member, &seams, |state, dir| {
            let failed = |source| Error::Load { path: data_dir.clone(), source };
            let empty = state.load().map_err(|error| failed(error.into()))?;
            let loaded = load(empty).map_err(failed)?;
            let founded = quorate_raft::found(state, as_member.cluster, &as_member.members);
            Ok((loaded, founded.map_err(Error::io(dir.state()))?))
        })
    })
    .await
}

/// Why a state could not be filled, in the words of what fills it.
pub type LoadFailure = Box<dyn std::error::Error + Send + Sync>;

async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    spawn_blocking(work).await.unwrap_or_else(|| {
        Err(Error::Options { reason: "restoring panicked; see the log".to_owned() })
    })
}

fn fill<T>(
    data_dir: &Path,
    to: &Restore,
    seams: &Seams,
    fill: impl FnOnce(&Mvcc, &DataDir) -> Result<(T, Restored), Error>,
) -> Result<T, Error> {
    if !to.members.iter().any(|member| member.id == to.id) {
        let reason = format!("members do not contain member {} itself: add it", to.id);
        return Err(Error::Options { reason });
    }
    if seams.disk.exists(data_dir) {
        let reason = "a backup is restored into a directory that does not exist yet".to_owned();
        return Err(Error::Damaged { path: data_dir.to_owned(), reason });
    }
    let dir = DataDir::open(&seams.disk, data_dir, to.cluster, to.id)?;
    let state = open_state(&dir.state(), quorate_mvcc::Options::default())?;
    let (filled, restored) = fill(&state, &dir)?;
    begin_log(&dir, to, &restored, seams)?;
    Ok(filled)
}

/// A log that goes on behind the restored state.
fn begin_log(dir: &DataDir, to: &Restore, from: &Restored, seams: &Seams) -> Result<(), Error> {
    let path = dir.log();
    let identity = Identity { cluster: to.cluster, member: to.id };
    let failed = |source| Error::Log { path: path.clone(), source };
    let with = quorate_log::Options { birth: seams.random.next_u64(), ..to.log };
    let log = RaftLog::open(seams.disk.clone(), &path, identity, with).map_err(failed)?;
    let (done, durable) = mpsc::channel();
    let told = done.clone();
    // A receiver that is gone has failed already.
    log.save_vote(from.vote.clone(), Box::new(move |result| drop(told.send(result))))
        .and_then(|()| log.purge(from.last, Box::new(move |result| drop(done.send(result)))))
        .map_err(failed)?;
    for result in durable {
        result.map_err(failed)?;
    }
    log.close();
    Ok(())
}
