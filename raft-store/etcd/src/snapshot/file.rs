//! A snapshot file, or the database of a data directory.

use super::error::Error;
use super::schema::{KEY, META, STORAGE_VERSION, decode_revision};
use quorate_bolt::{Bucket, Database, Item};
use quorate_types::Revision;
use ring::digest::{Context, SHA256};
use std::fs::{File, TryLockError};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Bytes of a SHA-256 behind a snapshot.
const CHECKSUM: u64 = 32;
/// A database is as long as whole pages, and so as whole sectors.
const SECTOR: u64 = 512;

/// Takes the key and the value of a pair.
pub(super) type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<(), Error> + 'a;

/// An etcd's data in one file, opened to be read.
#[derive(Debug)]
pub struct SnapshotFile {
    pub(super) path: PathBuf,
    pub(super) database: Database<File>,
    /// The data directory that it lies in.
    pub(super) data_dir: Option<PathBuf>,
}

/// What is in a snapshot, in the words of `etcdutl snapshot status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotStatus {
    /// CRC-32C of all names, keys and values.
    pub hash: u32,
    /// The revision of the last change.
    pub revision: Revision,
    /// Pairs in all buckets.
    pub total_keys: u64,
    /// Bytes of all pages.
    pub total_bytes: u64,
    /// The version of the storage, which etcd writes since 3.6; empty before.
    pub version: String,
}

impl SnapshotFile {
    /// Opens what `etcdctl snapshot save` has written, and checks its checksum.
    ///
    /// # Errors
    /// There is no checksum or a wrong one, or the file is no bbolt file.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        check(&path)?;
        Self::open_unchecked(path)
    }

    /// Opens a file that may have no checksum, such as a copy of a data directory's database.
    ///
    /// # Errors
    /// The file is no bbolt file.
    pub fn open_unchecked(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let file = File::open(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
        Self::of(file, path)
    }

    fn of(file: File, path: PathBuf) -> Result<Self, Error> {
        let database = Database::open(file);
        let database = database.map_err(|source| Error::Format { path: path.clone(), source })?;
        Ok(Self { path, database, data_dir: None })
    }

    /// Opens the database of a data directory, which no etcd can use while this is open.
    ///
    /// # Errors
    /// The directory has no database, an etcd runs on it, or the database is no bbolt file.
    pub fn open_data_dir(dir: impl Into<PathBuf>) -> Result<Self, Error> {
        let dir = dir.into();
        let path = dir.join("member").join("snap").join("db");
        let failed = |source| Error::Io { path: path.clone(), source };
        let file = File::open(&path).map_err(failed)?;
        // etcd holds an exclusive lock of the same kind.
        match file.try_lock_shared() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::InUse { path: dir }),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        Ok(Self { data_dir: Some(dir), ..Self::of(file, path)? })
    }

    /// Reads all of it and tells what there is.
    ///
    /// # Errors
    /// Something in it does not make sense.
    pub fn status(&self) -> Result<SnapshotStatus, Error> {
        let mut status = SnapshotStatus {
            hash: 0,
            revision: Revision::NONE,
            total_keys: 0,
            total_bytes: self.database.bytes(),
            version: String::new(),
        };
        for (name, bucket) in self.buckets()? {
            status.hash = crc32c::crc32c_append(status.hash, &name);
            self.visit(&bucket, &mut |key, value| {
                status.hash = crc32c::crc32c_append(status.hash, key);
                status.hash = crc32c::crc32c_append(status.hash, value);
                status.total_keys += 1;
                if name == KEY.as_bytes() {
                    status.revision = decode_revision(key)
                        .ok_or_else(|| self.content(KEY, key, "it is no revision"))?;
                } else if name == META.as_bytes() && key == STORAGE_VERSION {
                    status.version = String::from_utf8_lossy(value).into_owned();
                }
                Ok(())
            })?;
        }
        Ok(status)
    }

    /// The outermost buckets. An etcd has a handful; a file with very many is no etcd's.
    fn buckets(&self) -> Result<Vec<(Vec<u8>, Bucket)>, Error> {
        const MOST: usize = 1000;
        let failed = |source| self.format(source);
        let mut buckets = Vec::new();
        let mut scan = self.database.scan(&self.database.root()).map_err(failed)?;
        while let Some(item) = scan.next_item().map_err(failed)? {
            match item {
                Item::Bucket(name, bucket) if buckets.len() < MOST => {
                    buckets.push((name.to_vec(), bucket));
                }
                Item::Bucket(name, _) => {
                    return Err(self.content("", name, "there are too many buckets"));
                }
                Item::Value(key, _) => {
                    return Err(self.content("", key, "there is a value outside of all buckets"));
                }
            }
        }
        Ok(buckets)
    }

    /// Visits the pairs of a bucket that may be missing.
    pub(super) fn each(&self, name: &'static str, visit: &mut Visit<'_>) -> Result<(), Error> {
        let found = self.database.bucket(name.as_bytes()).map_err(|source| self.format(source))?;
        found.map_or(Ok(()), |bucket| self.visit(&bucket, visit))
    }

    fn visit(&self, bucket: &Bucket, visit: &mut Visit<'_>) -> Result<(), Error> {
        let failed = |source| self.format(source);
        let mut scan = self.database.scan(bucket).map_err(failed)?;
        while let Some(item) = scan.next_item().map_err(failed)? {
            match item {
                Item::Value(key, value) => visit(key, value)?,
                Item::Bucket(key, _) => {
                    return Err(self.content("", key, "there is a bucket inside another"));
                }
            }
        }
        Ok(())
    }

    fn format(&self, source: quorate_bolt::Error) -> Error {
        Error::Format { path: self.path.clone(), source }
    }

    pub(super) fn content(
        &self,
        bucket: &'static str,
        key: &[u8],
        reason: impl Into<String>,
    ) -> Error {
        let (path, key, reason) = (self.path.clone(), key.to_vec(), reason.into());
        Error::Content { path, bucket, key, reason }
    }
}

/// Compares a file with the SHA-256 at its end.
fn check(path: &Path) -> Result<(), Error> {
    let failed = |source| Error::Io { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    if length % SECTOR != CHECKSUM {
        return Err(Error::NoChecksum { path: path.to_owned() });
    }
    let mut digest = Context::new(&SHA256);
    let mut rest = length - CHECKSUM;
    let mut buffer = vec![0; 1024 * 1024];
    while rest > 0 {
        let most = usize::try_from(rest).unwrap_or(usize::MAX).min(buffer.len());
        file.read_exact(&mut buffer[..most]).map_err(failed)?;
        digest.update(&buffer[..most]);
        rest -= most as u64;
    }
    let mut expected = [0; 32];
    file.read_exact(&mut expected).map_err(failed)?;
    let found = digest.finish();
    if found.as_ref() != expected {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let (found, expected) = (hex(found.as_ref()), hex(&expected));
        return Err(Error::Checksum { path: path.to_owned(), found, expected });
    }
    Ok(())
}
