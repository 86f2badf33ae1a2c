//! A task as the shim holds it.

use super::conn::ConnId;
use super::exec::{Failure, Program, Streams};
use super::pump::{Flow, Log, Pump};
use super::reaper::{self, Report, Status};
use super::setup::Inherited;
use crate::launch::Launch;
use crate::procfs::Process;
use crate::records::{Run, lost};
use crate::wire::State;
use quorate_executor::{ExitCause, ExitRecord, Started, Stop};
use quorate_seams::Monotonic;
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;

/// A task.
#[derive(Debug)]
pub(super) enum Task {
    Created(Launch),
    Active(Box<Active>),
    Exited(ExitRecord),
}

/// A task that has been started and has not been reported as ended.
#[derive(Debug)]
pub(super) struct Active {
    launch: Launch,
    pub(super) run: Run,
    pub(super) started: Option<Started>,
    /// Connections that wait for the answer to their start.
    pub(super) waiting: Vec<ConnId>,
    /// When grace ends, once it has begun.
    pub(super) deadline: Option<Monotonic>,
    /// The reaper died: the shim does its work.
    pub(super) orphaned: bool,
    pub(super) reaper: Pid,
    pub(super) control: OwnedFd,
    pub(super) pumps: Vec<Pump>,
    log: Log,
    failure: Option<String>,
    pub(super) status: Option<Status>,
}

/// What a reaper's socket has to say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    Report(Report),
    /// Nothing now.
    Nothing,
    /// The reaper is gone.
    Gone,
}

impl Task {
    /// The state that the agent is told.
    pub(super) fn state(&self) -> State {
        match self {
            Self::Created(_) => State::Created,
            Self::Active(active) => active.started.clone().map_or(State::Created, State::Running),
            Self::Exited(record) => State::Exited(record.clone()),
        }
    }

    /// The running task, if it is one.
    pub(super) fn active(&mut self) -> Option<&mut Active> {
        if let Self::Active(active) = self { Some(active) } else { None }
    }
}

impl Active {
    /// Forks the task's processes. The error says why nothing was started.
    pub(super) fn begin(launch: Launch, run: Run, inherited: &Inherited) -> Result<Self, String> {
        let program = Program::find(&launch, inherited)?;
        let log = Log::open(&launch.log)
            .map_err(|error| format!("log file {}: {error}", launch.log.display()))?;
        let failed = |error: io::Error| format!("making its pipes and processes: {error}");
        let (out, stdout) = pipe("stdout").map_err(failed)?;
        let (err, stderr) = pipe("stderr").map_err(failed)?;
        let stdin = OpenOptions::new().read(true).open("/dev/null").map_err(failed)?;
        let streams = Streams { stdin, stdout, stderr };
        let (reaper, control) = reaper::fork(&program, streams, inherited).map_err(failed)?;
        Ok(Self {
            launch,
            run,
            started: None,
            waiting: Vec::new(),
            deadline: None,
            orphaned: false,
            reaper,
            control,
            pumps: vec![out, err],
            log,
            failure: None,
            status: None,
        })
    }

    /// The next message of the reaper.
    pub(super) fn receive(&self) -> Message {
        let mut buffer = [0; 256];
        match recv(&self.control, &mut buffer, RecvFlags::empty()) {
            Err(Errno::AGAIN | Errno::INTR) => Message::Nothing,
            Ok((length @ 1.., _)) => {
                serde_json::from_slice(&buffer[..length]).map_or(Message::Gone, Message::Report)
            }
            Ok(_) | Err(_) => Message::Gone,
        }
    }

    /// The program runs.
    pub(super) fn has_started(&mut self, pid: i32, now_ms: i64) -> Started {
        let process = Process::read(pid).map(|process| (pid, process.ticks));
        self.run = Run { started_ms: now_ms, process };
        let external_id = format!("process://{pid}");
        let started = Started { started_ms: now_ms, pid: u32::try_from(pid).ok(), external_id };
        self.started = Some(started.clone());
        started
    }

    /// The program cannot be executed; the reaper reports the end next.
    pub(super) fn has_failed(&mut self, failure: [u8; 5]) {
        self.failure = Some(Failure::decode(failure).text(&self.launch));
    }

    /// Begins to stop it. The nearer end of grace counts.
    pub(super) fn stop(&mut self, how: Stop, now: Monotonic) {
        match how {
            Stop::Kill => self.kill(),
            Stop::Graceful { grace } => {
                if self.deadline.is_none() {
                    self.order(reaper::TERMINATE);
                }
                let end = now + grace;
                self.deadline = Some(self.deadline.map_or(end, |deadline| deadline.min(end)));
            }
        }
    }

    /// Kills it and all its descendants.
    pub(super) fn kill(&mut self) {
        self.deadline = None;
        self.order(reaper::KILL);
    }

    /// Moves output; pumps whose stream has ended are dropped.
    pub(super) fn pump(&mut self, at: usize, stamp: &str) {
        if let Some(pump) = self.pumps.get_mut(at)
            && pump.turn(&mut self.log, stamp) == Flow::Ended
        {
            self.pumps.remove(at);
        }
    }

    /// Collects the reaper. It has nothing left to do, or is gone already: it cannot take long.
    pub(super) fn collect_reaper(&mut self) {
        // It is a child not waited for yet, so its number is its own.
        let _ = kill_process(self.reaper, Signal::KILL);
        while let Err(Errno::INTR) = waitpid(Some(self.reaper), WaitOptions::empty()) {}
    }

    /// What is recorded of it, after its last output went to the log.
    pub(super) fn finish(&mut self, stamp: &str, now_ms: i64) -> ExitRecord {
        for mut pump in self.pumps.drain(..) {
            pump.drain(&mut self.log, stamp);
        }
        if let Some(reason) = self.failure.take() {
            return start_failed(reason, now_ms);
        }
        match self.status {
            Some(Status { code, signal }) if code.is_some() || signal.is_some() => ExitRecord {
                code,
                signal,
                cause: ExitCause::Normal,
                started_ms: self.run.started_ms,
                finished_ms: now_ms,
            },
            _ => lost(self.run.started_ms, now_ms),
        }
    }

    /// The command as people read it.
    pub(super) fn command(&self) -> String {
        self.launch.argv.join(" ")
    }

    fn order(&self, order: u8) {
        // A reaper that is stopped could not obey. One that is gone needs no orders: its socket
        // tells the shim, which kills what it left.
        if !self.orphaned {
            let _ = kill_process(self.reaper, Signal::CONT);
            let _ = send(&self.control, &[order], SendFlags::NOSIGNAL);
        }
    }
}

/// The record of a task that never ran.
pub(super) fn start_failed(reason: String, now_ms: i64) -> ExitRecord {
    let cause = ExitCause::StartFailed(reason);
    ExitRecord { code: None, signal: None, cause, started_ms: 0, finished_ms: now_ms }
}

fn pipe(stream: &'static str) -> io::Result<(Pump, OwnedFd)> {
    let (reading, writing) = pipe_with(PipeFlags::CLOEXEC)?;
    fcntl_setfl(&reading, OFlags::NONBLOCK)?;
    Ok((Pump::new(File::from(reading), stream), writing))
}
