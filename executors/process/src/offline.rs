//! What can be said and done about a pod whose shim is gone.
//!
//! Place: the agent's side, on a blocking thread, holding the pod's lock. Invariant: a task that was
//! started counts as exited only once its process is proven to be gone.

use crate::convert;
use crate::lock::PodLock;
use crate::procfs::Process;
use crate::records::{Records, Stored, lost};
use quorate_executor::{Error, Found, Observed, TaskId};
use quorate_seams::Clock;
use rustix::process::Signal;
use std::io;

/// Settles every task that a dead shim left without an exit record, and says how many could not be
/// settled because their process still lives. Those are killed: their turn comes next time.
pub(crate) fn settle(records: &Records, clock: &dyn Clock) -> io::Result<usize> {
    let mut open = 0;
    for task in records.list()? {
        let started_ms = match records.load(&task)? {
            Some(Stored::Started(run)) => {
                if run.process.is_some_and(kill_if_alive) {
                    open += 1;
                    continue;
                }
                run.started_ms
            }
            Some(Stored::Lost) => 0,
            _ => continue,
        };
        records.exit(&task, &lost(started_ms, clock.wall().as_millis()))?;
    }
    Ok(open)
}

fn kill_if_alive((pid, ticks): (i32, u64)) -> bool {
    let alive = Process::lives(pid, ticks);
    if let Some(process) = Process::read(pid).filter(|process| alive && process.ticks == ticks) {
        process.signal(Signal::KILL);
    }
    alive
}

/// A pod without a shim.
pub(crate) enum Offline {
    /// Nobody supervises it: its records are the truth for as long as this is held.
    Settled { records: Records, lock: PodLock },
    /// There is no runtime directory.
    Gone,
    /// The shim is gone, but something that it held is not.
    Dying,
}

impl Offline {
    /// Takes a pod over.
    pub(crate) fn take(records: Records, clock: &dyn Clock) -> Result<Self, Error> {
        let failed = |error| Error::io(format!("reading {}", records.dir().display()), error);
        let lock = match PodLock::take(records.dir()) {
            Ok(Some(lock)) => lock,
            Ok(None) => return Ok(Self::Dying),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::Gone),
            Err(error) => return Err(failed(error)),
        };
        settle(&records, clock).map_err(failed)?;
        Ok(Self::Settled { records, lock })
    }

    /// The state of a task.
    pub(crate) fn observe(&self, task: &TaskId) -> Observed {
        match self {
            Self::Settled { records, .. } => match records.load(task) {
                Ok(stored) => convert::settled(stored, task),
                Err(error) => {
                    Observed::Unreachable(format!("reading the record of {task}: {error}"))
                }
            },
            Self::Gone => Observed::Absent,
            Self::Dying => Observed::Unreachable(dying()),
        }
    }

    /// Every task of the pod, as `tasks` lists them when nobody can be asked.
    pub(crate) fn found(&self, records: &Records) -> Result<Vec<Found>, Error> {
        let tasks = records
            .list()
            .map_err(|error| Error::io(format!("listing {}", records.dir().display()), error))?;
        Ok(tasks.into_iter().map(|task| Found { observed: self.observe(&task), task }).collect())
    }

    /// Nothing needs stopping once the supervision is over; while it is ending, everything is being
    /// killed anyway.
    pub(crate) fn remove(self, task: &TaskId) -> Result<(), Error> {
        match (self.observe(task), self) {
            (Observed::Absent, _) => Ok(()),
            (Observed::Created | Observed::Exited(_), Self::Settled { records, .. }) => {
                records.remove(task).map_err(|error| Error::io(format!("removing {task}"), error))
            }
            _ => Err(convert::unreachable(dying())),
        }
    }

    /// Removes the pod's runtime directory.
    pub(crate) fn remove_pod(self) -> Result<(), Error> {
        match self {
            Self::Gone => Ok(()),
            Self::Dying => Err(convert::unreachable(dying())),
            Self::Settled { records, lock } => {
                for task in records.list().unwrap_or_default() {
                    if matches!(records.load(&task), Ok(Some(Stored::Started(_)))) {
                        return Err(convert::runs(task));
                    }
                }
                let removed = records.remove_all();
                drop(lock);
                removed.map_err(|error| {
                    Error::io(format!("removing {}", records.dir().display()), error)
                })
            }
        }
    }
}

fn dying() -> String {
    "the pod's shim is gone and its tasks are being killed; observe again soon".to_owned()
}
