//! The shim: the process that holds a pod's tasks while agents come and go.
//!
//! Place: runs in a process of its own, started by `ensure`, before any runtime or thread exists. It
//! is single-threaded and sleeps in `poll` until somebody wants something.
//!
//! Layout: `setup` becomes a shim, `server` is its loop, `task` what it holds per task, `conn` its
//! connections, `pump` output to log, `reaper` and `exec` the forked processes above and at a task,
//! `sweep` what happens when a reaper dies, `sys` the unsafe system calls.

mod conn;
mod exec;
mod pump;
mod reaper;
mod server;
mod setup;
mod sweep;
mod sys;
mod task;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// First argument of a process that is to become a shim; the second is the runtime directory.
pub(crate) const MARKER: &str = "quorate-shim";

static ARMED: AtomicBool = AtomicBool::new(false);

/// Becomes the shim and never returns if this process was started to be one; otherwise returns at
/// once. Call it as the first statement of `main`, before threads, runtimes and argument parsing:
/// the shim forks, and only a single-threaded process may.
pub fn maybe_shim() {
    ARMED.store(true, Ordering::Relaxed);
    let mut args = std::env::args_os().skip(1);
    if args.next().is_none_or(|marker| marker != MARKER) {
        return;
    }
    let Some(dir) = args.next() else { return };
    std::process::exit(setup::run(Path::new(&dir)));
}

/// Whether [`maybe_shim`] was called, so that this program can be re-executed as a shim.
pub(crate) fn is_armed() -> bool {
    ARMED.load(Ordering::Relaxed)
}
