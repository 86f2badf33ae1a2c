//! The lock that proves a pod unsupervised.
//!
//! Place: the agent's side takes it to start a shim or to act in place of a dead one; a started shim
//! inherits it, and so do its reapers. The kernel frees it when the last of them is gone, however
//! they died; no pid is compared and no file trusted.

use rustix::fs::{FlockOperation, flock, fstat};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

/// Name of the lock file in a pod's runtime directory.
pub(crate) const NAME: &str = "lock";

/// Proof that nobody else supervises the pod, for as long as it is held.
///
/// Dropping it unlocks explicitly: a program that this process is just starting on another thread
/// has a copy of every descriptor until it executes, and closing ours alone would leave it locked.
#[derive(Debug)]
pub(crate) struct PodLock(Option<File>);

impl PodLock {
    /// Takes the lock of a runtime directory; `None` if somebody holds it. `NotFound` if there is no
    /// such directory.
    pub(crate) fn take(dir: &Path) -> io::Result<Option<Self>> {
        loop {
            let file =
                OpenOptions::new().create(true).truncate(false).write(true).open(dir.join(NAME))?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
                Err(errno) => return Err(errno.into()),
            }
            // A shim that shut down between open and lock has removed the file: that lock means
            // nothing, the next look finds another file or no directory.
            if fstat(&file)?.st_nlink > 0 {
                return Ok(Some(Self(Some(file))));
            }
        }
    }

    /// The lock as a descriptor to hand over, still locked.
    pub(crate) fn into_fd(mut self) -> OwnedFd {
        self.0.take().expect("taken only here and by drop").into()
    }
}

impl Drop for PodLock {
    fn drop(&mut self) {
        if let Some(file) = &self.0 {
            // Cannot fail on a descriptor that is locked; closing it unlocks in the end anyway.
            let _ = flock(file, FlockOperation::Unlock);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_at_a_time_and_free_after_it_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let held = PodLock::take(dir.path()).unwrap();
        assert!(held.is_some());
        assert!(PodLock::take(dir.path()).unwrap().is_none());
        drop(held);
        assert!(PodLock::take(dir.path()).unwrap().is_some());
    }

    #[test]
    fn it_is_free_at_once_even_if_a_copy_of_its_descriptor_lives_on() {
        let dir = tempfile::tempdir().unwrap();
        let held = PodLock::take(dir.path()).unwrap().unwrap();
        let copy = held.0.as_ref().unwrap().try_clone().unwrap();
        drop(held);
        assert!(PodLock::take(dir.path()).unwrap().is_some());
        drop(copy);
    }

    #[test]
    fn it_stays_locked_in_the_hands_of_another() {
        let dir = tempfile::tempdir().unwrap();
        let handed = PodLock::take(dir.path()).unwrap().unwrap().into_fd();
        assert!(PodLock::take(dir.path()).unwrap().is_none());
        drop(handed);
    }

    #[test]
    fn without_a_directory_it_is_not_found() {
        let dir = tempfile::tempdir().unwrap();
        let error = PodLock::take(&dir.path().join("gone")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
