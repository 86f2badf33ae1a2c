//! The directory of a state: which format it has and which database in it is the active one.
//!
//! Place: below [`super::RocksDb`]; pure file handling, knows nothing of the engine.
//!
//! Invariants: a directory without our mark that holds anything is left alone; a state is
//! active from the atomic rename of the pointer file on, so that a crash at any point leaves the
//! old state or the new one. What is not active is removed by the next open.
//!
//! ```text
//! FORMAT          the mark: "quorate-state 1"
//! ACTIVE          the pointer: "state-000001"
//! state-000001/   the database
//! ```

use crate::Error;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

const MARK: &str = "quorate-state 1\n";

/// A directory that holds one active state.
#[derive(Debug)]
pub(super) struct Place {
    root: PathBuf,
}

impl Place {
    /// Opens the directory, creating and marking it if it is new.
    pub(super) fn open(root: &Path) -> Result<Self, Error> {
        fs::create_dir_all(root).map_err(Error::io("create the directory", root))?;
        let place = Self { root: root.to_owned() };
        match place.text("FORMAT")? {
            Some(mark) if mark == MARK => {}
            Some(mark) => return Err(place.foreign(format!("has format {:?}", mark.trim()))),
            None if place.is_new()? => place.publish("FORMAT", MARK)?,
            None => return Err(place.foreign("holds something else".into())),
        }
        if place.text("ACTIVE")?.is_none() {
            place.publish("ACTIVE", &format!("{}\n", name(1)))?;
        }
        place.number()?;
        Ok(place)
    }

    /// The active state's directory; it may not exist yet.
    pub(super) fn active(&self) -> Result<PathBuf, Error> {
        Ok(self.root.join(name(self.number()?)))
    }

    /// The directory for the state that comes after the active one.
    pub(super) fn next(&self) -> Result<PathBuf, Error> {
        Ok(self.root.join(name(self.number()? + 1)))
    }

    /// Makes the state in [`Place::next`] the active one.
    pub(super) fn advance(&self) -> Result<(), Error> {
        self.publish("ACTIVE", &format!("{}\n", name(self.number()? + 1)))
    }

    /// Removes states that are not active: of an installation that a crash cut short.
    pub(super) fn sweep(&self) -> Result<(), Error> {
        let active = self.active()?;
        for entry in self.entries()? {
            let path = entry.path();
            let is_state = entry.file_name().to_string_lossy().starts_with("state-");
            if is_state && path != active {
                fs::remove_dir_all(&path).map_err(Error::io("remove the old state", &path))?;
            }
        }
        Ok(())
    }

    fn number(&self) -> Result<u64, Error> {
        let text = self.text("ACTIVE")?.unwrap_or_default();
        text.trim()
            .strip_prefix("state-")
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| self.foreign(format!("has a damaged pointer file ACTIVE: {text:?}")))
    }

    /// Whether nothing is in it but what a crash while marking it may have left.
    fn is_new(&self) -> Result<bool, Error> {
        Ok(self.entries()?.iter().all(|entry| entry.file_name() == "FORMAT.new"))
    }

    fn entries(&self) -> Result<Vec<fs::DirEntry>, Error> {
        fs::read_dir(&self.root)
            .and_then(Iterator::collect)
            .map_err(Error::io("list the directory", &self.root))
    }

    fn text(&self, file: &str) -> Result<Option<String>, Error> {
        let path = self.root.join(file);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", path)(error)),
        }
    }

    /// Writes a file as a whole or not at all.
    fn publish(&self, file: &str, text: &str) -> Result<(), Error> {
        let path = self.root.join(file);
        let new = self.root.join(format!("{file}.new"));
        let write = || {
            let mut out = File::create(&new)?;
            out.write_all(text.as_bytes())?;
            out.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(&self.root)?.sync_all()
        };
        write().map_err(Error::io("write", &path))
    }

    fn foreign(&self, found: String) -> Error {
        Error::Format { path: self.root.clone(), found, expected: MARK.trim().into() }
    }
}

fn name(number: u64) -> String {
    format!("state-{number:06}")
}

/// Moves a directory and syncs everything in it, so that a pointer to it can be published.
pub(super) fn adopt(from: &Path, to: &Path) -> Result<(), Error> {
    if to.exists() {
        fs::remove_dir_all(to).map_err(Error::io("remove the unfinished state", to))?;
    }
    fs::rename(from, to).map_err(Error::io("move the received state from", from))?;
    let sync = || {
        for entry in fs::read_dir(to)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                File::open(entry.path())?.sync_all()?;
            }
        }
        File::open(to)?.sync_all()?;
        to.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
    };
    sync().map_err(Error::io("sync the received state in", to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_directory_with_other_files_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("thesis.txt"), "years of work").unwrap();
        let error = Place::open(dir.path()).unwrap_err();
        assert!(error.to_string().contains("holds something else"), "{error}");
        assert_eq!(listing(dir.path()), ["thesis.txt"]);
    }

    #[test]
    fn a_directory_of_another_version_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("FORMAT"), "quorate-state 7\n").unwrap();
        let error = Place::open(dir.path()).unwrap_err();
        assert!(error.to_string().contains("quorate-state 7"), "{error}");
        assert_eq!(listing(dir.path()), ["FORMAT"]);
    }

    #[test]
    fn a_crash_before_the_pointer_moves_rolls_back_and_after_it_finishes() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::open(dir.path()).unwrap();
        let old = place.active().unwrap();
        let new = place.next().unwrap();
        fs::create_dir(&old).unwrap();
        fs::create_dir(&new).unwrap();

        let reopened = Place::open(dir.path()).unwrap();
        reopened.sweep().unwrap();
        assert_eq!(reopened.active().unwrap(), old);
        assert!(old.exists() && !new.exists(), "an installation without pointer is undone");

        fs::create_dir(&new).unwrap();
        place.advance().unwrap();
        let reopened = Place::open(dir.path()).unwrap();
        reopened.sweep().unwrap();
        assert_eq!(reopened.active().unwrap(), new);
        assert!(new.exists() && !old.exists(), "the replaced state is removed");
    }
}
