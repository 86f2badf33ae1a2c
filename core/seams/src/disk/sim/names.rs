//! The simulated directory tree: names as processes see them and as they survive a power cut.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

/// A file whatever its name.
pub(super) type FileId = u64;

/// One change of names; a rename takes and gives at once, so that a crash never halves it.
#[derive(Clone, Debug)]
struct Change {
    take: Option<PathBuf>,
    give: Option<(PathBuf, FileId)>,
}

/// Directories are durable at once; files' names need a sync of their directory.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    dirs: BTreeSet<PathBuf>,
    seen: BTreeMap<PathBuf, FileId>,
    durable: BTreeMap<PathBuf, FileId>,
    pending: Vec<Change>,
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<PathBuf, FileId>) {
        if let Some(path) = &self.take {
            names.remove(path);
        }
        if let Some((path, id)) = &self.give {
            names.insert(path.clone(), *id);
        }
    }

    fn touches(&self, dir: &Path) -> bool {
        let given = self.give.as_ref().map(|(path, _)| path);
        self.take.iter().chain(given).any(|path| path.parent() == Some(dir))
    }
}

impl Names {
    pub(super) fn create_dir_all(&mut self, dir: &Path) {
        self.dirs.extend(dir.ancestors().map(Path::to_path_buf));
    }

    pub(super) fn find(&self, path: &Path) -> io::Result<FileId> {
        self.seen.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn create(&mut self, path: &Path, id: FileId) -> io::Result<()> {
        if self.seen.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.dir(path.parent().unwrap_or_else(|| Path::new("")))?;
        self.change(Change { take: None, give: Some((path.to_path_buf(), id)) });
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let id = self.find(from)?;
        self.dir(to.parent().unwrap_or_else(|| Path::new("")))?;
        self.change(Change { take: Some(from.to_path_buf()), give: Some((to.to_path_buf(), id)) });
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.find(path)?;
        self.change(Change { take: Some(path.to_path_buf()), give: None });
        Ok(())
    }

    pub(super) fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.dir(dir)?;
        let inside = self.seen.keys().filter(|path| path.parent() == Some(dir));
        let names = inside.filter_map(|path| path.file_name());
        Ok(names.map(|name| name.to_string_lossy().into_owned()).collect())
    }

    pub(super) fn exists(&self, path: &Path) -> bool {
        self.seen.contains_key(path) || self.dirs.contains(path)
    }

    pub(super) fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        self.dir(dir)?;
        let (due, rest): (Vec<_>, Vec<_>) =
            self.pending.drain(..).partition(|change| change.touches(dir));
        self.pending = rest;
        for change in due {
            change.apply(&mut self.durable);
        }
        Ok(())
    }

    pub(super) fn files(&self) -> impl Iterator<Item = FileId> {
        self.seen.values().copied()
    }

    pub(super) fn pending_len(&self) -> usize {
        self.pending.len()
    }

    pub(super) fn survivor(&self, mut keep: impl FnMut() -> bool) -> Self {
        let mut durable = self.durable.clone();
        for change in &self.pending {
            if keep() {
                change.apply(&mut durable);
            }
        }
        let seen = durable.clone();
        Self { dirs: self.dirs.clone(), seen, durable, pending: Vec::new() }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.pending.push(change);
    }

    fn dir(&self, dir: &Path) -> io::Result<()> {
        let known = dir.as_os_str().is_empty() || self.dirs.contains(dir);
        if known { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}
