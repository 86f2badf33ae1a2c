//! What can go wrong with a foreign snapshot.

use std::io;
use std::path::PathBuf;

/// Why a snapshot cannot be read or taken in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The file is not as bbolt writes it.
    #[error("{}: {source}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: quorate_bolt::Error,
    },
    /// The file has no checksum.
    #[error(
        "{} has no checksum at its end: take it with `etcdctl snapshot save`, or skip the check for a file copied from a data directory",
        path.display()
    )]
    NoChecksum {
        /// The file.
        path: PathBuf,
    },
    /// The file is not as it was written.
    #[error("{} is damaged: its SHA-256 is {found}, it was written with {expected}", path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
        /// Of what is there.
        found: String,
        /// At the end of the file.
        expected: String,
    },
    /// It holds something that etcd would not write.
    #[error("{}: bucket `{bucket}`, key {key:02x?}: {reason}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// The bucket.
        bucket: &'static str,
        /// The key; empty for the bucket itself.
        key: Vec<u8>,
        /// What is wrong.
        reason: String,
    },
    /// The log of a data directory holds what its database does not.
    #[error(
        "{}: the database has applied entries up to {applied}, the log goes on to {committed} and changes data in entry {first}: start this etcd once more and stop it, or take a snapshot with `etcdctl snapshot save`",
        path.display()
    )]
    Lagging {
        /// The data directory.
        path: PathBuf,
        /// Up to where the database goes.
        applied: u64,
        /// Up to where the log is committed.
        committed: u64,
        /// The first entry that is missed.
        first: u64,
    },
    /// An etcd runs on the data directory.
    #[error("{} is in use: stop the etcd that runs on it, or take a snapshot with `etcdctl snapshot save`", path.display())]
    InUse {
        /// The data directory.
        path: PathBuf,
    },
    /// The log of a data directory cannot be read.
    #[error("{} at byte {offset}: {reason}", path.display())]
    Wal {
        /// The file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// The state cannot take it in.
    #[error("{}: {source}", path.display())]
    Load {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: quorate_member::LoadError,
    },
}
