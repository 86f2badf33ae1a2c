//! The shim's loop: waits for connections, reapers and output, and does what they ask for.

use super::conn::{ConnId, Conns};
use super::reaper::Report;
use super::setup::{Inherited, complain};
use super::task::{Active, Message, Task};
use super::{sweep, task};
use crate::launch::Launch;
use crate::records::{Records, Run, Stored};
use crate::wire::{Op, Refusal, Reply, Request, State, VERSION};
use quorate_executor::{ExitCause, ExitRecord, Stop, TaskId, rfc3339};
use quorate_seams::{SharedClock, SystemClock};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// How often to look again while what a dead reaper left is being killed.
const SWEEP_STEP: Duration = Duration::from_millis(10);

/// The shim.
#[derive(Debug)]
pub(super) struct Server {
    records: Records,
    listener: OwnedFd,
    inherited: Inherited,
    clock: SharedClock,
    conns: Conns,
    tasks: BTreeMap<TaskId, Task>,
    done: bool,
}

/// What a descriptor that is ready belongs to.
#[derive(Clone, Debug)]
enum Source {
    Listener,
    Conn(ConnId),
    Reaper(TaskId),
    Output(TaskId, usize),
}

impl Server {
    /// A shim over the records that an earlier one may have left.
    pub(super) fn new(
        records: Records,
        listener: OwnedFd,
        inherited: Inherited,
    ) -> io::Result<Self> {
        let mut tasks = BTreeMap::new();
        for id in records.list()? {
            let task = match records.load(&id)? {
                Some(Stored::Created(launch)) => Task::Created(launch),
                Some(Stored::Exited(record)) => Task::Exited(record),
                other => {
                    return Err(io::Error::other(format!("task {id} is not settled: {other:?}")));
                }
            };
            tasks.insert(id, task);
        }
        let (clock, conns) = (SystemClock::shared(), Conns::default());
        rustix::io::ioctl_fionbio(&listener, true)?;
        Ok(Self { records, listener, inherited, clock, conns, tasks, done: false })
    }

    /// Serves until it is told to shut down.
    pub(super) fn run(mut self) -> io::Result<()> {
        while !self.done {
            for source in self.ready()? {
                self.serve(source);
            }
            self.enforce_deadlines();
            self.sweep();
        }
        Ok(())
    }

    fn ready(&self) -> io::Result<Vec<Source>> {
        let (mut sources, mut fds) = (Vec::new(), Vec::new());
        if self.conns.has_room() {
            sources.push(Source::Listener);
            fds.push(PollFd::new(&self.listener, PollFlags::IN));
        }
        for (id, socket, unsent) in self.conns.sockets() {
            let flags = if unsent { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
            sources.push(Source::Conn(id));
            fds.push(PollFd::from_borrowed_fd(socket, flags));
        }
        for (id, task) in &self.tasks {
            let Task::Active(active) = task else { continue };
            if !active.orphaned {
                sources.push(Source::Reaper(id.clone()));
                fds.push(PollFd::new(&active.control, PollFlags::IN));
            }
            // Backwards: handling one may remove it, which moves those after it.
            for (at, pump) in active.pumps.iter().enumerate().rev() {
                sources.push(Source::Output(id.clone(), at));
                fds.push(PollFd::new(&pump.pipe, PollFlags::IN));
            }
        }
        match poll(&mut fds, self.patience().as_ref()) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(Vec::new()),
            Err(errno) => return Err(errno.into()),
        }
        let ready = fds.iter().zip(sources).filter(|(fd, _)| !fd.revents().is_empty());
        Ok(ready.map(|(_, source)| source).collect())
    }

    /// How long to wait at most; for ever while nothing is due.
    fn patience(&self) -> Option<Timespec> {
        let now = self.clock.now();
        let active = self.tasks.values().filter_map(|task| match task {
            Task::Active(active) => Some(active),
            _ => None,
        });
        let due = active.filter_map(|active| {
            let sweep = active.orphaned.then_some(SWEEP_STEP);
            sweep.or_else(|| active.deadline.map(|deadline| deadline - now))
        });
        due.min().and_then(|wait| Timespec::try_from(wait).ok())
    }

    fn serve(&mut self, source: Source) {
        match source {
            Source::Listener => self.conns.accept(&self.listener),
            Source::Conn(id) => {
                self.conns.flush(id);
                for request in self.conns.read(id) {
                    self.answer(id, request);
                }
            }
            Source::Reaper(id) => self.listen(&id),
            Source::Output(id, at) => {
                let stamp = self.stamp();
                if let Some(active) = self.tasks.get_mut(&id).and_then(Task::active) {
                    active.pump(at, &stamp);
                }
            }
        }
    }

    fn answer(&mut self, conn: ConnId, request: Result<Request, String>) {
        let reply = match request {
            Err(reason) => Some(Reply::Refused(Refusal::Malformed(reason))),
            Ok(Request { v, .. }) if v > VERSION => {
                Some(Reply::Refused(Refusal::Version { speaks: VERSION }))
            }
            Ok(Request { op, .. }) => self.perform(conn, op),
        };
        if let Some(reply) = reply {
            self.conns.reply(conn, &reply);
        }
    }

    /// Does what was asked; without an answer now, there will be one later.
    fn perform(&mut self, conn: ConnId, op: Op) -> Option<Reply> {
        Some(match op {
            Op::Create(launch) => self.create(launch),
            Op::Start(task) => return self.start(conn, &task),
            Op::Observe(task) => {
                Reply::State(self.tasks.get(&task).map_or(State::Absent, Task::state))
            }
            Op::Stop { task, how } => self.stop(&task, how),
            Op::Remove(task) => self.remove(&task),
            Op::List => {
                let states = self.tasks.iter().map(|(id, task)| (id.clone(), task.state()));
                Reply::States(states.collect())
            }
            Op::Subscribe => {
                self.conns.subscribe(conn);
                for task in self.tasks.keys() {
                    self.conns.reply(conn, &Reply::Changed(task.clone()));
                }
                return None;
            }
            Op::Shutdown => self.shutdown(),
        })
    }

    fn create(&mut self, launch: Launch) -> Reply {
        if !self.tasks.contains_key(&launch.id) {
            if let Err(error) = self.records.create(&launch) {
                return refused_io(format!("recording task {}", launch.id), &error);
            }
            self.tasks.insert(launch.id.clone(), Task::Created(launch));
        }
        Reply::Done
    }

    fn start(&mut self, conn: ConnId, id: &TaskId) -> Option<Reply> {
        let launch = match self.tasks.get_mut(id) {
            None => return Some(Reply::Refused(Refusal::Absent)),
            Some(Task::Exited(record)) => return Some(start_again(id, record)),
            Some(Task::Active(active)) => {
                let running = active.started.clone().map(Reply::Started);
                if running.is_none() {
                    active.waiting.push(conn);
                }
                return running;
            }
            Some(Task::Created(launch)) => launch.clone(),
        };
        // Noted before it happens: whoever finds this note knows that it may have happened.
        let run = Run { started_ms: self.now_ms(), process: None };
        if let Err(error) = self.records.run(id, run) {
            return Some(refused_io(format!("recording the start of {id}"), &error));
        }
        let command = launch.argv.join(" ");
        match Active::begin(launch, run, &self.inherited) {
            Ok(mut active) => {
                active.waiting.push(conn);
                self.tasks.insert(id.clone(), Task::Active(Box::new(active)));
                None
            }
            Err(reason) => {
                self.exited(id, task::start_failed(reason.clone(), self.now_ms()));
                Some(Reply::Refused(Refusal::Start { command, reason }))
            }
        }
    }

    fn stop(&mut self, id: &TaskId, how: Stop) -> Reply {
        let now = self.clock.now();
        if let Some(active) = self.tasks.get_mut(id).and_then(Task::active) {
            active.stop(how, now);
        }
        Reply::Done
    }

    fn remove(&mut self, id: &TaskId) -> Reply {
        match self.tasks.get(id) {
            None => return Reply::Done,
            Some(Task::Active(_)) => return Reply::Refused(Refusal::Runs(id.clone())),
            Some(_) => {}
        }
        if let Err(error) = self.records.remove(id) {
            return refused_io(format!("removing the records of {id}"), &error);
        }
        self.tasks.remove(id);
        Reply::Done
    }

    fn shutdown(&mut self) -> Reply {
        let running = self.tasks.iter().find(|(_, task)| matches!(task, Task::Active(_)));
        if let Some((id, _)) = running {
            return Reply::Refused(Refusal::Runs(id.clone()));
        }
        if let Err(error) = self.records.remove_all() {
            return refused_io(format!("removing {}", self.records.dir().display()), &error);
        }
        self.done = true;
        Reply::Done
    }

    /// Hears a reaper out.
    fn listen(&mut self, id: &TaskId) {
        while let Some(active) = self.tasks.get_mut(id).and_then(Task::active) {
            match active.receive() {
                Message::Nothing => return,
                Message::Report(Report::Failed(failure)) => active.has_failed(failure),
                Message::Report(Report::Started { pid }) => self.started(id, pid),
                Message::Report(Report::Ended(status)) => {
                    active.status = Some(status);
                    active.collect_reaper();
                    self.finish(id);
                }
                Message::Gone => {
                    active.collect_reaper();
                    active.orphaned = true;
                    return;
                }
            }
        }
    }

    fn started(&mut self, id: &TaskId, pid: i32) {
        let now_ms = self.now_ms();
        let Some(active) = self.tasks.get_mut(id).and_then(Task::active) else { return };
        let started = active.has_started(pid, now_ms);
        let (run, waiting) = (active.run, std::mem::take(&mut active.waiting));
        if let Err(error) = self.records.run(id, run) {
            complain(&format!("the process of {id} is not on record: {error}"));
        }
        for conn in waiting {
            self.conns.reply(conn, &Reply::Started(started.clone()));
        }
        self.conns.publish(&Reply::Changed(id.clone()));
    }

    /// A task has ended with all its descendants: tells everyone, once its record is durable.
    fn finish(&mut self, id: &TaskId) {
        let (stamp, now_ms) = (self.stamp(), self.now_ms());
        let Some(active) = self.tasks.get_mut(id).and_then(Task::active) else { return };
        let record = active.finish(&stamp, now_ms);
        let (command, waiting) = (active.command(), std::mem::take(&mut active.waiting));
        let refusal = match &record.cause {
            ExitCause::StartFailed(reason) => Refusal::Start { command, reason: reason.clone() },
            _ => Refusal::Exited(id.clone()),
        };
        self.exited(id, record);
        for conn in waiting {
            self.conns.reply(conn, &Reply::Refused(refusal.clone()));
        }
    }

    fn exited(&mut self, id: &TaskId, record: ExitRecord) {
        if let Err(error) = self.records.exit(id, &record) {
            // Told all the same: it is the truth, if only for as long as this process lives.
            complain(&format!("the exit of {id} is not on record: {error}"));
        }
        self.tasks.insert(id.clone(), Task::Exited(record));
        self.conns.publish(&Reply::Changed(id.clone()));
    }

    fn enforce_deadlines(&mut self) {
        let now = self.clock.now();
        for active in self.tasks.values_mut().filter_map(Task::active) {
            if active.deadline.is_some_and(|deadline| deadline <= now) {
                active.kill();
            }
        }
    }

    /// Does the work of reapers that died.
    fn sweep(&mut self) {
        for id in sweep::ended(&mut self.tasks) {
            self.finish(&id);
        }
    }

    fn now_ms(&self) -> i64 {
        self.clock.wall().as_millis()
    }

    fn stamp(&self) -> String {
        rfc3339(self.clock.wall().0)
    }
}

/// The answer to starting a task that has ended: the same as the first time if it never ran.
fn start_again(id: &TaskId, record: &ExitRecord) -> Reply {
    Reply::Refused(match &record.cause {
        ExitCause::StartFailed(reason) => {
            Refusal::Start { command: id.name.clone(), reason: reason.clone() }
        }
        _ => Refusal::Exited(id.clone()),
    })
}

fn refused_io(what: String, error: &io::Error) -> Reply {
    Reply::Refused(Refusal::Io { what, reason: error.to_string() })
}
