//! From a freshly started process to a shim.
//!
//! The agent hands over the listening socket as standard input, the pod's lock as standard output
//! and a file for complaints as standard error.

use super::server::Server;
use super::sys;
use crate::records::Records;
use quorate_types::Uid;
use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{chdir, getpid, set_child_subreaper, setsid};
use rustix::stdio::{dup2_stdin, dup2_stdout, stdin, stdout};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

/// How much the shim is preferred to live when memory runs out, where that is allowed.
const OOM_SCORE: &str = "-900";

/// What the shim and its forked processes share.
#[derive(Debug)]
pub(super) struct Inherited {
    /// The pod's lock, held until the last of them is gone.
    pub(super) lock: OwnedFd,
    /// The score that tasks get back.
    pub(super) oom_score: Option<String>,
}

/// Runs a shim in the background. Returns the exit code of the process that the agent waits for.
pub(super) fn run(dir: &Path) -> i32 {
    if !sys::is_single_threaded() {
        complain(
            "maybe_shim() must be the first statement of main: this process has threads already",
        );
        return 2;
    }
    match background(dir) {
        Ok(()) => 0,
        Err(error) => {
            complain(&format!("cannot become a shim for {}: {error}", dir.display()));
            2
        }
    }
}

/// Writes a line to the shim's file for complaints.
pub(super) fn complain(text: &str) {
    // There is nobody left to tell that the file for complaints does not take any.
    let _ = writeln!(io::stderr(), "{text}");
}

fn background(dir: &Path) -> io::Result<()> {
    if !rustix::net::sockopt::socket_acceptconn(stdin())? {
        return Err(io::Error::other("standard input is not a listening socket"));
    }
    let records = records(dir)?;
    if sys::fork()?.is_some() {
        return Ok(());
    }
    let result = serve(records);
    if let Err(error) = &result {
        complain(&format!("the shim ends: {error}"));
    }
    sys::exit_now(i32::from(result.is_err()));
}

fn records(dir: &Path) -> io::Result<Records> {
    let uid = dir.file_name().and_then(|name| name.to_str());
    let uid = uid.ok_or_else(|| io::Error::other("the runtime directory has no proper name"))?;
    Ok(Records::new(dir.to_owned(), Uid::from_stored(uid)))
}

fn serve(records: Records) -> io::Result<()> {
    setsid()?;
    let listener = fcntl_dupfd_cloexec(stdin(), 3)?;
    let lock = fcntl_dupfd_cloexec(stdout(), 3)?;
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    drop(null);
    sys::close_all_but(&[listener.as_raw_fd(), lock.as_raw_fd()])?;
    chdir("/")?;
    sys::ignore_signals();
    set_child_subreaper(Some(getpid()))?;
    let inherited = Inherited { lock, oom_score: protect() };
    Server::new(records, listener, inherited)?.run()
}

/// Asks the kernel to spare the shim; the former score if that changed anything.
fn protect() -> Option<String> {
    const FILE: &str = "/proc/self/oom_score_adj";
    let former = std::fs::read_to_string(FILE).ok()?;
    // Only the privileged may: without, tasks and shim are equals.
    std::fs::write(FILE, OOM_SCORE).ok().map(|()| former)
}
