//! Backups: the state in one file, written while the member serves, and read back into a new cluster.
//!
//! ```text
//! "quorate backup 1\n"   what it is
//! frame*                 u32 length (little-endian), then a frame of a snapshot transfer: one header,
//!                        chunks with a CRC-32C each, one end
//! ```
//!
//! Invariants: a file under its final name is complete and synced; nothing that is there is
//! overwritten; a file that is short, long or damaged is refused before anything is made of it.

use crate::consensus::Consensus;
use crate::membership::{ClusterMember, Role};
use crate::scratch::Scratch;
use crate::snapshot::{Outgoing, receive_in_place};
use crate::types::{Membership, Node, StoredMembership, Vote, log_id};
use crate::wire::{Frame, encode_membership, encode_vote};
use bytes::Bytes;
use futures::StreamExt;
use openraft::async_runtime::WatchReceiver;
use quorate_mvcc::{Applied, Mvcc};
use quorate_seams::spawn_blocking;
use quorate_types::{ClusterId, LogIndex, Term};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

const MAGIC: &[u8] = b"quorate backup 1\n";
/// No frame is longer: a chunk is 1 MiB, a header lists the state's files.
const FRAME_BYTES: u32 = 64 * 1024 * 1024;

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
        if path.exists() {
            let reason = format!("{} exists: choose another name", path.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, reason));
        }
        let stopped = || io::Error::other("the member has stopped");
        let state = self.inner.state.upgrade().ok_or_else(stopped)?;
        let (scratch, vote) = (self.inner.scratch.clone(), self.vote());
        let copied = spawn_blocking(move || Outgoing::copy(&state, &scratch, vote, 0)).await;
        let mut frames = copied.ok_or_else(panicked)??.frames();
        let mut file = NewFile::create(path)?;
        while let Some(frame) = frames.next().await {
            let wrote = spawn_blocking(move || file.write(&frame).map(|()| file)).await;
            file = wrote.ok_or_else(panicked)??;
        }
        spawn_blocking(move || file.finish()).await.ok_or_else(panicked)?
    }

    fn vote(&self) -> Vote {
        self.inner.raft.metrics().borrow_watched().vote
    }
}

fn panicked() -> io::Error {
    io::Error::other("writing the backup panicked")
}

/// A backup on its way to its name.
struct NewFile {
    path: PathBuf,
    partial: PathBuf,
    file: File,
    written: u64,
    complete: bool,
}

impl NewFile {
    fn create(path: &Path) -> Result<Self, io::Error> {
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let mut file = File::create(&partial)?;
        file.write_all(MAGIC)?;
        let written = MAGIC.len() as u64;
        Ok(Self { path: path.to_owned(), partial, file, written, complete: false })
    }

    fn write(&mut self, frame: &Bytes) -> Result<(), io::Error> {
        self.complete = matches!(Frame::decode(frame.clone()), Ok(Frame::End));
        let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
        self.file.write_all(&length.to_le_bytes())?;
        self.file.write_all(frame)?;
        self.written += 4 + u64::from(length);
        Ok(())
    }

    fn finish(self) -> Result<u64, io::Error> {
        if !self.complete {
            return Err(io::Error::other("the state could not be read to its end; see the log"));
        }
        self.file.sync_all()?;
        // Unlike a rename, a link does not replace what appeared there meanwhile.
        std::fs::hard_link(&self.partial, &self.path)?;
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or_else(|| Path::new(".")))?.sync_all()?;
        Ok(self.written)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.partial) {
            tracing::warn!(path = %self.partial.display(), %error, "partial backup not removed");
        }
    }
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
    let copy = receive_in_place(Frames::open(backup)?, &scratch)?;
    state.install(&copy.join("state")).map_err(io::Error::other)?;
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
    let nodes: BTreeMap<u64, Node> = members
        .iter()
        .map(|member| (member.id.0, Node { addr: member.addr.clone(), birth: 0 }))
        .collect();
    let voters = members.iter().filter(|member| member.role == Role::Voter);
    let voters: BTreeSet<u64> = voters.map(|member| member.id.0).collect();
    let membership = Membership::new(vec![voters], nodes).map_err(io::Error::other)?;
    Ok(StoredMembership::new(Some(log_id(FIRST.0, FIRST.1)), membership))
}

/// The frames of a backup file.
struct Frames {
    file: BufReader<File>,
    ended: bool,
}

impl Frames {
    fn open(path: &Path) -> Result<Self, io::Error> {
        let mut file = BufReader::new(File::open(path)?);
        let mut magic = [0; MAGIC.len()];
        let read = file.read_exact(&mut magic);
        if read.is_err() || magic != MAGIC {
            let reason = format!("{} is no backup of this format", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        Ok(Self { file, ended: false })
    }

    fn frame(&mut self) -> Result<Bytes, String> {
        let mut length = [0; 4];
        self.file.read_exact(&mut length).map_err(|error| format!("the backup: {error}"))?;
        let length = u32::from_le_bytes(length);
        if length > FRAME_BYTES {
            return Err(format!("the backup is damaged: a frame of {length} bytes"));
        }
        let mut frame = vec![0; length as usize];
        self.file.read_exact(&mut frame).map_err(|error| format!("the backup: {error}"))?;
        Ok(frame.into())
    }
}

impl Iterator for Frames {
    type Item = Result<Bytes, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let frame = self.frame();
        self.ended = frame.is_err();
        Some(frame)
    }
}
