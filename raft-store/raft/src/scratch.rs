//! Directories for state that is on its way out or in. They live beside the state, on the same file
//! system, so that files move by hard link and rename; whatever a crash left is removed at start.
//!
//! These files are the state database's own and go through `std::fs`, as the database does.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where temporary directories are made.
#[derive(Clone, Debug)]
pub(crate) struct Scratch {
    root: PathBuf,
    next: Arc<AtomicU64>,
}

impl Scratch {
    /// Empties the root.
    pub(crate) fn open(root: &Path) -> Result<Self, io::Error> {
        match std::fs::remove_dir_all(root) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => std::fs::create_dir_all(root)?,
        }
        Ok(Self { root: root.to_owned(), next: Arc::default() })
    }

    /// A new empty directory.
    pub(crate) fn dir(&self, purpose: &str) -> Result<ScratchDir, io::Error> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.root.join(format!("{purpose}-{number}"));
        std::fs::create_dir(&path)?;
        Ok(ScratchDir { path })
    }
}

/// A directory that is removed with its content when it is dropped.
#[derive(Debug)]
pub(crate) struct ScratchDir {
    path: PathBuf,
}

impl ScratchDir {
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for ScratchDir {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "temporary directory stays until the next start");
        }
    }
}
