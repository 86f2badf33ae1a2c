//! Starting a pod's shim, at most one at a time.
//!
//! Place: called by the agent's side, on a blocking thread. The caller takes the pod's lock, settles
//! what a dead shim left behind, binds the socket and hands both descriptors to the shim, so that
//! the socket takes connections before the shim has even begun to run.
//!
//! Invariant: no `pre_exec`, no working directory, no user switch: std then starts the shim with
//! `posix_spawn`, whose cost does not grow with the agent's memory.

use crate::convert::unreachable;
use crate::lock::PodLock;
use crate::offline::settle;
use crate::records::{Records, SOCKET};
use crate::shim::MARKER;
use quorate_executor::Error;
use quorate_seams::Clock;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where a shim writes what went wrong inside it.
const ERRORS: &str = "shim.log";

/// Whether the pod has a shim now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ensured {
    Ready,
    /// A shim is gone, but what it held is not gone yet: try again soon.
    Dying,
}

/// Makes sure that a pod has a shim.
pub(crate) fn ensure(
    records: &Records,
    program: &Path,
    clock: &dyn Clock,
) -> Result<Ensured, Error> {
    let dir = records.dir();
    let Some(lock) = lock_or_make(dir)? else { return Ok(occupied(dir)) };
    let failed = |error| Error::io(format!("preparing {}", dir.display()), error);
    if settle(records, clock).map_err(failed)? > 0 {
        return Ok(Ensured::Dying);
    }
    let listener = bind(dir).map_err(failed)?;
    let errors = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(dir.join(ERRORS))
        .map_err(failed)?;
    launch(dir, program, listener, lock, errors)?;
    Ok(Ensured::Ready)
}

/// The lock is held: by a shim that listens, or by the reapers of one that is gone.
fn occupied(dir: &Path) -> Ensured {
    let connected = in_dir(dir).and_then(|(_held, path)| UnixStream::connect(path));
    if connected.is_ok() { Ensured::Ready } else { Ensured::Dying }
}

fn lock_or_make(dir: &Path) -> Result<Option<PodLock>, Error> {
    let failed = |error| Error::io(format!("locking {}", dir.display()), error);
    loop {
        match DirBuilder::new().mode(0o700).create(dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed(error));
            }
            _ => {}
        }
        match PodLock::take(dir) {
            // A shim that shut down has removed the directory just now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => return other.map_err(failed),
        }
    }
}

fn bind(dir: &Path) -> io::Result<UnixListener> {
    let (_held, path) = in_dir(dir)?;
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    UnixListener::bind(path)
}

/// A short path of the socket, whatever the length of the directory's: valid while the descriptor
/// is held.
pub(crate) fn in_dir(dir: &Path) -> io::Result<(File, PathBuf)> {
    let flags = i32::try_from(rustix::fs::OFlags::DIRECTORY.bits()).map_err(io::Error::other)?;
    let held = OpenOptions::new().read(true).custom_flags(flags).open(dir)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", held.as_raw_fd()));
    Ok((held, path))
}

fn launch(
    dir: &Path,
    program: &Path,
    listener: UnixListener,
    lock: PodLock,
    errors: File,
) -> Result<(), Error> {
    let status = Command::new(program)
        .arg0("quorate-shim")
        .arg(MARKER)
        .arg(dir)
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stdout(Stdio::from(lock.into_fd()))
        .stderr(Stdio::from(errors))
        .spawn()
        // What was spawned puts the shim into the background and ends at once.
        .and_then(|mut child| child.wait())
        .map_err(|error| {
            unreachable(format!("cannot start the shim {}: {error}", program.display()))
        })?;
    if status.success() {
        return Ok(());
    }
    let said = std::fs::read_to_string(dir.join(ERRORS)).unwrap_or_default();
    let said = said.lines().last().unwrap_or("it said nothing");
    Err(unreachable(format!("the shim {} ended with {status}: {said}", program.display())))
}
