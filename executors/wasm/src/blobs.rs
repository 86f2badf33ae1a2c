//! Modules by their content: `blob://sha256:<64 hex digits>`.
//!
//! Place: the executor asks, whoever holds the bytes answers; the executor checks the digest itself,
//! so that nobody has to be believed.

use async_trait::async_trait;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Something that holds blobs.
#[async_trait]
pub trait Blobs: Send + Sync + fmt::Debug + 'static {
    /// The bytes whose SHA-256 is `digest` (64 lower-case hex digits), at most `limit` of them; `None`
    /// if it does not have them.
    ///
    /// # Errors
    /// It cannot tell: trying again may help.
    async fn read(&self, digest: &str, limit: u64) -> io::Result<Option<Vec<u8>>>;
}

/// Blobs as files of a directory, each named by its digest.
#[derive(Clone, Debug)]
pub struct BlobDir {
    dir: PathBuf,
}

impl BlobDir {
    /// The blobs of a directory.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }
}

#[async_trait]
impl Blobs for BlobDir {
    async fn read(&self, digest: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let path = self.dir.join(digest);
        let read = quorate_seams::spawn_blocking(move || crate::image::read_file(&path, limit));
        match read.await.unwrap_or_else(|| Err(io::Error::other("reading it panicked"))) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        }
    }
}
