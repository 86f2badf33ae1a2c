//! The application's own commands, applied atomically beside the key space.
//!
//! Place: an application that needs more than compare-and-write (counters, queues, allocators)
//! registers a [`Machine`] with every member of the cluster. A command travels through the log like
//! any other; when it is applied, the machine looks at the state and says which operations follow.
//! Its effects are ordinary keys: transactions, watches, snapshots, hashes and compaction cover
//! them, and there is nothing else to replicate.
//!
//! Invariants: a machine's answer depends on its arguments alone: no clock, no randomness, no
//! memory of its own, the same code on every member. What it returns is one transaction; if the
//! store refuses that, the command is refused and has no effect.
//!
//! ```
//! use bytes::Bytes;
//! use quorate_mvcc::{Machine, MachineEffects, MachineError, MachineView};
//! use quorate_store::Op;
//!
//! /// Hands out numbers, one after the other, per name.
//! #[derive(Debug)]
//! struct Tickets;
//!
//! impl Machine for Tickets {
//!     fn name(&self) -> &str {
//!         "tickets"
//!     }
//!
//!     fn apply(&self, state: &MachineView<'_>, name: Bytes) -> Result<MachineEffects, MachineError> {
//!         let key = [b"tickets/", &name[..]].concat();
//!         let last = state.get(&key)?.map_or(0, |kv| {
//!             String::from_utf8_lossy(&kv.value).parse::<u64>().unwrap_or(0)
//!         });
//!         let next = (last + 1).to_string();
//!         Ok(MachineEffects::answer(next.clone()).op(Op::put(key, next)))
//!     }
//! }
//! ```

use crate::db::View;
use crate::meta::Meta;
use crate::{Error, read};
use bytes::Bytes;
use quorate_store::{Error as Refusal, KeyValue, Op, RangeRequest, RangeResponse};
use quorate_types::{LogIndex, Revision, Term};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Commands of the application, see the module.
pub trait Machine: Send + Sync + fmt::Debug + 'static {
    /// Its name, the same on every member, one line, unique among the machines of a cluster.
    fn name(&self) -> &str;

    /// Decides what follows from a command. Called once per committed command on every member, in
    /// the order of the log, on equal states; and again when a log is replayed after a crash.
    ///
    /// # Errors
    /// [`MachineError::Refused`] for a command that is to have no effect;
    /// [`MachineError::State`] is passed on from the view and stops the member.
    fn apply(
        &self,
        state: &MachineView<'_>,
        command: Bytes,
    ) -> Result<MachineEffects, MachineError>;
}

/// Why a machine gives no effects.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MachineError {
    /// The command is refused: the caller gets [`Refusal::Refused`] with these words, the same from
    /// every member.
    #[error("{0}")]
    Refused(String),
    /// The state could not be read; the member must not go on.
    #[error(transparent)]
    State(#[from] Error),
}

/// What follows from a command: one transaction without conditions, and an answer to the caller.
#[derive(Clone, Debug, Default)]
pub struct MachineEffects {
    /// Operations, with the rules and limits of a transaction's branch.
    pub ops: Vec<Op>,
    /// The answer.
    pub answer: Bytes,
}

impl MachineEffects {
    /// An answer without an operation.
    #[must_use]
    pub fn answer(answer: impl Into<Bytes>) -> Self {
        Self { ops: Vec::new(), answer: answer.into() }
    }

    /// Adds an operation.
    #[must_use]
    pub fn op(mut self, op: Op) -> Self {
        self.ops.push(op);
        self
    }
}

/// The state just before a command, and the command's place in the log.
pub struct MachineView<'a> {
    pub(crate) view: &'a dyn View,
    pub(crate) meta: &'a Meta,
    pub(crate) index: LogIndex,
    pub(crate) term: Term,
}

impl MachineView<'_> {
    /// A key as it is now.
    ///
    /// # Errors
    /// The database failed.
    pub fn get(&self, key: &[u8]) -> Result<Option<KeyValue>, MachineError> {
        Ok(read::current(self.view, key)?.map(|current| current.kv))
    }

    /// Reads a range, now or at an old revision. Consistency is not asked: this is the very state
    /// that the command is applied to.
    ///
    /// # Errors
    /// The request is refused as [`crate::Mvcc::range`] would, or the database failed.
    pub fn range(&self, request: &RangeRequest) -> Result<RangeResponse, MachineError> {
        let at = read::check(request, self.meta)
            .map_err(|refusal| MachineError::Refused(refusal.to_string()))?;
        Ok(read::range(self.view, request, at, self.meta.revision)?)
    }

    /// The store's revision. A change that follows from the command is made at the next one.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.meta.revision
    }

    /// The command's place in the log: never the same for two commands but those of one batch.
    #[must_use]
    pub fn index(&self) -> LogIndex {
        self.index
    }

    /// Term of the leader that appended the command.
    #[must_use]
    pub fn term(&self) -> Term {
        self.term
    }
}

impl fmt::Debug for MachineView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MachineView").field("index", &self.index).finish_non_exhaustive()
    }
}

/// The machines of a member, by name.
#[derive(Clone, Debug, Default)]
pub struct Machines {
    by_name: Arc<BTreeMap<String, Arc<dyn Machine>>>,
}

impl Machines {
    /// Adds a machine; one of the same name is replaced.
    #[must_use]
    pub fn with(self, machine: Arc<dyn Machine>) -> Self {
        let mut by_name = BTreeMap::clone(&self.by_name);
        by_name.insert(machine.name().to_owned(), machine);
        Self { by_name: Arc::new(by_name) }
    }

    /// The machine of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Machine>> {
        self.by_name.get(name)
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}

/// A machine's refusal as the caller gets it.
pub(crate) fn refused(machine: &str, reason: String) -> Refusal {
    Refusal::Refused { machine: machine.to_owned(), reason }
}
