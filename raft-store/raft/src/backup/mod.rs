//! Backups: the state in one file or in a directory, written while the member serves, and read back
//! into a new cluster. The formats are in the modules.
//!
//! Invariants: what has its final name is complete and synced; nothing that is there is overwritten;
//! a backup that is short, long or damaged is refused before anything is made of it.

mod directory;
mod file;

use crate::consensus::Consensus;
use crate::membership::{ClusterMember, Role, node_of};
use crate::scratch::Scratch;
use crate::snapshot::{Outgoing, Traffic, receive_in_place};
use crate::types::{Membership, Node, StoredMembership, Vote, log_id};
use crate::wire::{encode_membership, encode_vote};
use bytes::Bytes;
use futures::StreamExt;
use openraft::async_runtime::WatchReceiver;
use quorate_mvcc::{Applied, Mvcc};
use quorate_seams::spawn_blocking;
use quorate_types::{ClusterId, LogIndex, Term};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::Path;

/// Where a restored cluster begins: everything before it is in the restored state, and a member that
/// joins gets that state.
const FIRST: (u64, u64) = (1, 1);

impl Consensus {
    /// Writes what this member has applied to a new file; gives its size in bytes. Reads and writes
    /// go on meanwhile.
    ///
    /// # Errors
    /// The file exists or cannot be written, or the state cannot be read. There is no file of that
    /// name then that was not there before.
    pub async fn backup(&self, path: &Path) -> Result<u64, io::Error> {
        let mut frames = self.copy(path).await?.frames(&Traffic::default());
        let mut file = file::NewFile::create(path)?;
        while let Some(frame) = frames.next().await {
            let wrote = spawn_blocking(move || file.write(&frame).map(|()| file)).await;
            file = wrote.ok_or_else(panicked)??;
        }
        spawn_blocking(move || file.finish()).await.ok_or_else(panicked)?
    }

    /// Writes what this member has applied into a new directory, file by file as the state has them;
    /// gives their size in bytes. Reads and writes go on meanwhile.
    ///
    /// # Errors
    /// As for [`Consensus::backup`].
    pub async fn backup_directory(&self, path: &Path) -> Result<u64, io::Error> {
        let copied = self.copy(path).await?;
        let path = path.to_owned();
        spawn_blocking(move || directory::write(&copied, &path)).await.ok_or_else(panicked)?
    }

    async fn copy(&self, to: &Path) -> Result<Outgoing, io::Error> {
        if to.exists() {
            let reason = format!("{} exists: choose another name", to.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, reason));
        }
        let stopped = || io::Error::other("the member has stopped");
        let state = self.inner.state.upgrade().ok_or_else(stopped)?;
        let (scratch, sums) = (self.inner.scratch.clone(), self.inner.sums.clone());
        let vote = self.vote();
        let copied = spawn_blocking(move || Outgoing::copy(&state, &scratch, &sums, vote, 0)).await;
        copied.ok_or_else(panicked)?
    }

    fn vote(&self) -> Vote {
        self.inner.raft.metrics().borrow_watched().vote
    }
}

fn panicked() -> io::Error {
    io::Error::other("writing the backup panicked")
}

/// What a member of a restored cluster starts its log with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Everything up to here is in the state.
    pub last: quorate_log::LogId,
    /// The vote to save.
    pub vote: Bytes,
}

/// Reads a backup into an empty state and makes it the state of a new cluster with these members.
/// `scratch` is a directory on the state's file system that this may empty. Blocks.
///
/// # Errors
/// The file is no backup, is damaged or incomplete, or the state is not empty or cannot be written.
pub fn restore(
    backup: &Path,
    state: &Mvcc,
    scratch: &Path,
    cluster: ClusterId,
    members: &[ClusterMember],
) -> Result<Restored, io::Error> {
    if state.applied().index.is_some() {
        return Err(io::Error::other("the state to restore into is not empty"));
    }
    let scratch = Scratch::open(scratch)?;
    let copy = if backup.is_dir() {
        receive_in_place(directory::frames(backup)?, &scratch)?
    } else {
        receive_in_place(file::Frames::open(backup)?, &scratch)?
    };
    state.install(&copy.join("state")).map_err(io::Error::other)?;
    found(state, cluster, members)
}

/// Makes a filled state the state of a new cluster with these members. Blocks.
///
/// # Errors
/// The state cannot be written.
pub fn found(
    state: &Mvcc,
    cluster: ClusterId,
    members: &[ClusterMember],
) -> Result<Restored, io::Error> {
    let (term, index) = FIRST;
    let applied = Applied {
        index: Some(LogIndex(index)),
        term: Term(term),
        membership: encode_membership(&membership(members)?),
    };
    state.found(cluster, applied).map_err(io::Error::other)?;
    let last = quorate_log::LogId { term: Term(term), index: LogIndex(index) };
    let first = members.first().map_or(0, |member| member.id.0);
    Ok(Restored { last, vote: encode_vote(&Vote::new(term, first)) })
}

fn membership(members: &[ClusterMember]) -> Result<StoredMembership, io::Error> {
    let nodes: BTreeMap<u64, Node> =
        members.iter().map(|member| (member.id.0, node_of(member))).collect();
    let voters = members.iter().filter(|member| member.role == Role::Voter);
    let voters: BTreeSet<u64> = voters.map(|member| member.id.0).collect();
    let membership = Membership::new(vec![voters], nodes).map_err(io::Error::other)?;
    Ok(StoredMembership::new(Some(log_id(FIRST.0, FIRST.1)), membership))
}

/// Makes a name in a directory durable.
fn sync_parent(path: &Path) -> Result<(), io::Error> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

/// A name beside the final one, for what is not complete.
fn partial(path: &Path) -> std::path::PathBuf {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    partial.into()
}
