//! The process between the shim and a task: subreaper of the task's descendants and nothing else.
//!
//! Every orphan of the task becomes its child, so descendants are attributed and found however they
//! daemonised. When the main process has ended, or when told to, it kills all that is left, and
//! reports the end only when nothing is. When the shim dies, its socket closes, and the reaper kills
//! everything as well.

use super::exec::{Program, Streams};
use super::setup::Inherited;
use super::sys;
use crate::procfs::kill_descendants;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, send, socketpair};
use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process_group, set_child_subreaper, wait,
};
use serde::{Deserialize, Serialize};
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// How often to look again while killed processes take their time to vanish.
const LOOK_AGAIN: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };

/// What the shim tells a reaper, one byte each.
pub(super) const TERMINATE: u8 = b'T';
pub(super) const KILL: u8 = b'K';

/// What a reaper tells the shim, one message each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Report {
    /// The program runs.
    Started { pid: i32 },
    /// The program could not be executed: the failure as it came through the pipe.
    Failed([u8; 5]),
    /// The main process has ended, and so has every descendant.
    Ended(Status),
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Status {
    pub(super) code: Option<i32>,
    pub(super) signal: Option<i32>,
}

impl From<WaitStatus> for Status {
    fn from(status: WaitStatus) -> Self {
        Self { code: status.exit_status(), signal: status.terminating_signal() }
    }
}

/// Forks the reaper of a task, which forks the task. The shim keeps the reaper's pid and its end of
/// the socket between them.
pub(super) fn fork(
    program: &Program,
    streams: Streams,
    inherited: &Inherited,
) -> io::Result<(Pid, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    match sys::fork()? {
        Some(pid) => Ok((pid, ours)),
        None => {
            let failed = Reaper::begin(program, streams, inherited, theirs).and_then(Reaper::run);
            sys::exit_now(i32::from(failed.is_err()))
        }
    }
}

struct Reaper {
    control: OwnedFd,
    children: OwnedFd,
    main: Pid,
    /// Closes once the program runs; gives the failure if it cannot.
    executing: Option<std::fs::File>,
    status: Option<Status>,
    terminate: bool,
    ending: bool,
    /// The shim is gone.
    alone: bool,
}

impl Reaper {
    fn begin(
        program: &Program,
        streams: Streams,
        inherited: &Inherited,
        control: OwnedFd,
    ) -> io::Result<Self> {
        let keep = [
            control.as_raw_fd(),
            inherited.lock.as_raw_fd(),
            streams.stdin.as_raw_fd(),
            streams.stdout.as_raw_fd(),
            streams.stderr.as_raw_fd(),
        ];
        sys::close_all_but(&keep)?;
        set_child_subreaper(Some(getpid()))?;
        let children = sys::child_events()?;
        let (reading, writing) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let parent = getpid();
        let Some(main) = sys::fork()? else {
            let failure = program.execute(&streams, parent);
            // Without a reader there is no reaper, and nobody to tell.
            let _ = rustix::io::write(&writing, &failure.encode());
            sys::exit_now(127)
        };
        // The task's alone from here on: the shim sees the end of output when the task is gone.
        drop(streams);
        let executing = Some(reading.into());
        let (status, terminate, ending, alone) = (None, false, false, false);
        Ok(Self { control, children, main, executing, status, terminate, ending, alone })
    }

    fn run(mut self) -> io::Result<()> {
        loop {
            let ready = self.wait_ready()?;
            if ready.executing {
                self.executed()?;
            }
            if ready.control {
                self.obey();
            }
            let childless = self.reap()?;
            if !self.ending {
                self.signal();
            } else if childless {
                return self.end();
            } else {
                kill_descendants(getpid().as_raw_nonzero().get(), &[]);
            }
        }
    }

    fn wait_ready(&self) -> io::Result<Ready> {
        let mut fds = vec![PollFd::new(&self.children, PollFlags::IN)];
        let control = (!self.alone).then(|| PollFd::new(&self.control, PollFlags::IN));
        let executing = self.executing.as_ref().map(|fd| PollFd::new(fd, PollFlags::IN));
        let executing_at = 1 + usize::from(control.is_some());
        fds.extend(control.into_iter().chain(executing));
        match poll(&mut fds, self.ending.then_some(&LOOK_AGAIN)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let ready = |at: usize| fds.get(at).is_some_and(|fd| !fd.revents().is_empty());
        Ok(Ready { control: !self.alone && ready(1), executing: ready(executing_at) })
    }

    /// The program runs, or it never will.
    fn executed(&mut self) -> io::Result<()> {
        let Some(mut pipe) = self.executing.take() else { return Ok(()) };
        let mut failure = [0; 5];
        let report = match pipe.read_exact(&mut failure) {
            Ok(()) => Report::Failed(failure),
            Err(_) => Report::Started { pid: self.main.as_raw_nonzero().get() },
        };
        self.report(&report)
    }

    fn obey(&mut self) {
        let mut order = [0];
        match rustix::io::read(&self.control, &mut order) {
            Ok(1) if order[0] == TERMINATE => self.terminate = true,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            Ok(1) => self.ending = true,
            _ => (self.alone, self.ending) = (true, true),
        }
    }

    /// Collects whoever has ended; whether no child is left.
    fn reap(&mut self) -> io::Result<bool> {
        let mut signals = [0; 512];
        // Only empties it: the children themselves say what happened.
        let _ = rustix::io::read(&self.children, &mut signals);
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == self.main => {
                    self.status = Some(status.into());
                    self.ending = true;
                }
                Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
                Ok(None) => return Ok(false),
                Err(rustix::io::Errno::CHILD) => return Ok(true),
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Passes the request to terminate on, once the program runs in its own process group. The main
    /// process is not reaped yet: its number cannot belong to anybody else.
    fn signal(&mut self) {
        if self.terminate && self.executing.is_none() {
            self.terminate = false;
            // It may have ended just now, which the next turn finds out.
            let _ = kill_process_group(self.main, Signal::TERM);
        }
    }

    fn end(mut self) -> io::Result<()> {
        self.executed()?;
        let status = self.status.unwrap_or(Status { code: None, signal: None });
        self.report(&Report::Ended(status))
    }

    fn report(&self, report: &Report) -> io::Result<()> {
        // A shim that is gone needs no report; the closed socket tells the reaper.
        let _ = send(self.control.as_fd(), &serde_json::to_vec(report)?, SendFlags::NOSIGNAL);
        Ok(())
    }
}

struct Ready {
    control: bool,
    executing: bool,
}
