//! Compiled programs on disk, so that a restart need not compile.
//!
//! A compiled program is machine code: whoever can change one can run anything in the agent. So each
//! entry begins with an HMAC-SHA256, keyed by a file that only this user can read, over the entry's
//! bytes, the module's digest, the engine's fingerprint and the node's name. An entry that another node,
//! another version or another hand has written does not match, is removed, and the module is compiled.
//! The bytes that are checked are the ones that are run: they are read once, into memory.
//!
//! Whoever can read the key can forge entries. It lies in the executor's directory (mode 0700) in a
//! file of mode 0600, and is refused if others can read it; deleting it makes every entry worthless
//! and costs a compilation each.

use crate::program::Kind;
use quorate_executor::Error;
use quorate_seams::disk::{OsDisk, replace};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, utimensat};
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 32;

/// Version of the entries' form.
const FORM: &[u8] = b"quorate-wasm compiled program 1\0";

/// The entries of one engine's fingerprint.
#[derive(Debug)]
pub(crate) struct Cache {
    dir: PathBuf,
    key: hmac::Key,
    node: String,
    fingerprint: String,
    limit: u64,
}

impl Cache {
    /// The cache in a directory, which is made if need be, as its key is.
    ///
    /// # Errors
    /// The operating system refuses, or others can read the key.
    pub(crate) fn open(
        dir: PathBuf,
        node: &str,
        fingerprint: String,
        limit: u64,
    ) -> Result<Self, Error> {
        let at = dir.join("key");
        let failed = |error| Error::io(format!("the key {}", at.display()), error);
        fs::create_dir_all(&dir).map_err(failed)?;
        let key = key(&at).map_err(failed)?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        Ok(Self { dir, key, node: node.to_owned(), fingerprint, limit })
    }

    /// The compiled program of a module; `None` if there is none that this cache has written.
    pub(crate) fn load(&self, kind: Kind, digest: &str) -> Option<Vec<u8>> {
        let path = self.path(kind, digest);
        let mut entry = fs::read(&path).ok()?;
        let signed = entry.split_at_checked(TAG_BYTES);
        let genuine = signed.is_some_and(|(tag, code)| {
            hmac::verify(&self.key, &self.message(kind, digest, code), tag).is_ok()
        });
        if !genuine {
            // If it stays it is refused again.
            let _ = fs::remove_file(&path);
            return None;
        }
        touch(&path);
        entry.drain(..TAG_BYTES);
        Some(entry)
    }

    /// Keeps a compiled program, if the disk takes it; otherwise it is compiled again some day.
    pub(crate) fn store(&self, kind: Kind, digest: &str, code: &[u8]) {
        let tag = hmac::sign(&self.key, &self.message(kind, digest, code));
        let entry = [tag.as_ref(), code].concat();
        if replace(&OsDisk, &self.path(kind, digest), &entry).is_ok() {
            self.prune();
        }
    }

    fn path(&self, kind: Kind, digest: &str) -> PathBuf {
        self.dir.join(format!("{digest}.{}.{}", kind.name(), &self.fingerprint[..16]))
    }

    /// What is authenticated: every part behind its length, so that none can pass for another.
    fn message(&self, kind: Kind, digest: &str, code: &[u8]) -> Vec<u8> {
        let parts = [self.node.as_str(), kind.name(), digest, &self.fingerprint].map(str::as_bytes);
        let mut message = FORM.to_vec();
        for part in parts.into_iter().chain([code]) {
            message.extend_from_slice(&(part.len() as u64).to_le_bytes());
            message.extend_from_slice(part);
        }
        message
    }

    /// Removes the entries that were used longest ago until the rest is within the limit.
    fn prune(&self) {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let mut files: Vec<_> = entries
            .filter(|entry| entry.file_name() != "key")
            .filter_map(|entry| Some((entry.path(), entry.metadata().ok()?)))
            .collect();
        files.sort_by_key(|(_, meta)| std::cmp::Reverse((meta.mtime(), meta.mtime_nsec())));
        let mut total = 0;
        for (path, meta) in files {
            total += meta.len();
            if total > self.limit {
                // If it stays the next entry makes another attempt.
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// Marks an entry as used; one that cannot be marked is pruned too early.
fn touch(path: &Path) {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let times = Timestamps { last_access: now, last_modification: now };
    let _ = utimensat(CWD, path, &times, AtFlags::empty());
}

/// The node's key; made if there is none.
fn key(path: &Path) -> io::Result<Vec<u8>> {
    if !path.exists() {
        let mut key = [0; KEY_BYTES];
        let drawn = SystemRandom::new().fill(&mut key);
        drawn.map_err(|_| io::Error::other("the system gives no randomness"))?;
        let temporary = path.with_extension("tmp");
        let mut options = fs::OpenOptions::new();
        let mut file =
            options.create(true).truncate(true).write(true).mode(0o600).open(&temporary)?;
        file.write_all(&key)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
    }
    let meta = fs::metadata(path)?;
    let mine = meta.uid() == rustix::process::geteuid().as_raw() && meta.mode() & 0o077 == 0;
    if !mine {
        return Err(io::Error::other(
            "others can read it, or own it; delete it: every program is then compiled anew",
        ));
    }
    let key = fs::read(path)?;
    let whole = key.len() == KEY_BYTES;
    whole.then_some(key).ok_or_else(|| io::Error::other("it is damaged; delete it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn open(dir: &Path, node: &str, fingerprint: &str, limit: u64) -> Cache {
        let fingerprint = fingerprint.repeat(16);
        Cache::open(dir.to_owned(), node, fingerprint, limit).unwrap()
    }

    #[test]
    fn what_was_stored_is_loaded_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let cache = open(dir.path(), "n1", "f", 1 << 20);
        assert_eq!(cache.load(Kind::Core, "d1"), None);
        cache.store(Kind::Core, "d1", b"code");
        assert_eq!(cache.load(Kind::Core, "d1").unwrap(), b"code");
        assert_eq!(open(dir.path(), "n1", "f", 9).load(Kind::Core, "d1").unwrap(), b"code");
        // Under another name it is another's.
        fs::copy(cache.path(Kind::Core, "d1"), cache.path(Kind::Core, "d2")).unwrap();
        assert_eq!(cache.load(Kind::Core, "d2"), None);
        fs::copy(cache.path(Kind::Core, "d1"), cache.path(Kind::Component, "d1")).unwrap();
        assert_eq!(cache.load(Kind::Component, "d1"), None);
        assert_eq!(open(dir.path(), "n2", "f", 9).load(Kind::Core, "d1"), None, "another node's");
        assert_eq!(cache.load(Kind::Core, "d1"), None, "it was removed");
    }

    #[test]
    fn a_changed_byte_anywhere_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let cache = open(dir.path(), "n1", "f", 1 << 20);
        cache.store(Kind::Core, "d", b"code");
        let path = cache.path(Kind::Core, "d");
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&path, &changed).unwrap();
            assert_eq!(cache.load(Kind::Core, "d"), None, "byte {at}");
            assert!(!path.exists(), "it is removed");
        }
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(cache.load(Kind::Core, "d"), None, "{length} bytes");
        }
        fs::write(&path, &whole).unwrap();
        assert_eq!(cache.load(Kind::Core, "d").unwrap(), b"code");
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let cache = open(dir.path(), "n1", "f", 1 << 20);
        cache.store(Kind::Core, "d", b"code");
        let key = dir.path().join("key");
        assert_eq!(fs::metadata(&key).unwrap().mode() & 0o777, 0o600);
        fs::set_permissions(&key, PermissionsExt::from_mode(0o640)).unwrap();
        let refused = Cache::open(dir.path().into(), "n1", "f".repeat(16), 9).unwrap_err();
        assert!(refused.to_string().contains("others can read it"), "{refused}");
        fs::remove_file(&key).unwrap();
        assert_eq!(open(dir.path(), "n1", "f", 9).load(Kind::Core, "d"), None, "another key");
    }

    #[test]
    fn the_oldest_entries_make_room() {
        let dir = tempfile::tempdir().unwrap();
        let cache = open(dir.path(), "n1", "f", 250);
        for (at, digest) in ["d1", "d2", "d3"].iter().enumerate() {
            cache.store(Kind::Core, digest, &[0; 68]);
            let time = Timespec { tv_sec: 1000 + i64::try_from(at).unwrap(), tv_nsec: 0 };
            let times = Timestamps { last_access: time, last_modification: time };
            utimensat(CWD, cache.path(Kind::Core, digest), &times, AtFlags::empty()).unwrap();
        }
        cache.store(Kind::Core, "d4", &[0; 68]);
        let there: Vec<_> = ["d1", "d2", "d3", "d4"]
            .into_iter()
            .filter(|digest| cache.path(Kind::Core, digest).exists())
            .collect();
        assert_eq!(there, ["d3", "d4"]);
    }
}
