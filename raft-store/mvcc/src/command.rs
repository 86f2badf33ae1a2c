//! What goes into the state and what comes out: entries, commands and replies.
//!
//! Place: the vocabulary shared with the raft glue and the member. Encodings are in `codec`.

use bytes::Bytes;
use quorate_auth::{AuthChange, Caller};
use quorate_store::{Error, LeaseGranted, Txn, TxnResponse};
use quorate_types::{LeaseId, LogIndex, MemberId, Revision, Term};

/// How far the log has been applied; stored in the same atomic write as the data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Last applied entry; `None` before the first.
    pub index: Option<LogIndex>,
    /// Its term.
    pub term: Term,
    /// The last applied membership, opaque: its format is the raft glue's. Empty before the first.
    pub membership: Bytes,
}

/// Why the cluster serves less than it could.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum AlarmKind {
    /// A member's state is larger than its quota. While it is raised, transactions that put a key
    /// in any branch and new leases are refused with [`Error::NoSpace`].
    NoSpace,
}

/// An alarm, replicated: raised for one member, it holds for the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alarm {
    /// The member that has the problem.
    pub member: MemberId,
    /// Which problem.
    pub kind: AlarmKind,
}

/// One request to the replicated state, as a log entry carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Runs a transaction.
    Txn(Txn),
    /// Forgets what was overwritten before a revision.
    Compact {
        /// The oldest revision that can still be read afterwards.
        revision: Revision,
    },
    /// Creates a lease.
    LeaseGrant {
        /// Its id; [`LeaseId::NONE`] takes the index of the entry, or the next free id after it.
        id: LeaseId,
        /// Its time to live in seconds, from 1 to
        /// [`quorate_types::limits::MAX_LEASE_TTL_SECONDS`].
        ttl_seconds: i64,
    },
    /// Ends leases and deletes all their keys in one revision.
    LeaseRevoke {
        /// Which. Unknown ones are ignored if there are several; a single unknown one is refused as
        /// [`Error::LeaseNotFound`].
        ids: Vec<LeaseId>,
    },
    /// Records how much of their time leases have left, so that a new leader does not give them the
    /// whole of it again. Unknown leases are ignored.
    LeaseCheckpoint {
        /// Each lease and its remaining seconds; zero for its whole time to live.
        remaining: Vec<(LeaseId, i64)>,
    },
    /// Raises an alarm, or disarms it.
    Alarm {
        /// Raise, otherwise disarm.
        raise: bool,
        /// Which one.
        alarm: Alarm,
    },
    /// The application's own command, for one of its [`crate::Machine`]s.
    Custom {
        /// The machine's name.
        machine: String,
        /// What it is told.
        body: Bytes,
    },
    /// Changes users and roles.
    Auth(AuthChange),
    /// A command on behalf of somebody, who may be refused. Without a caller a command comes from the
    /// application itself and is not checked.
    OnBehalf {
        /// Who asked.
        caller: Caller,
        /// What for; neither a batch nor another command on behalf of somebody.
        command: Box<Command>,
    },
    /// Independent commands that share one entry; each succeeds or is refused on its own.
    Batch(Vec<Command>),
}

/// The answer to a [`Command`] of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Of a transaction.
    Txn(TxnResponse),
    /// Of a compaction.
    Compacted {
        /// The store's revision, which a compaction does not advance.
        revision: Revision,
    },
    /// Of a grant.
    LeaseGranted(LeaseGranted),
    /// Of a revocation.
    LeaseRevoked {
        /// The store's revision afterwards: grown by one if a key was deleted.
        revision: Revision,
    },
    /// Of a checkpoint of leases.
    LeaseCheckpointed {
        /// How many of the leases exist.
        known: u64,
    },
    /// Of a change of alarms: those that are raised now.
    Alarms(Vec<Alarm>),
    /// Of the application's own command.
    Custom {
        /// The store's revision afterwards: grown by one if a key changed.
        revision: Revision,
        /// The machine's answer.
        answer: Bytes,
    },
    /// Of a change of users and roles.
    Auth {
        /// The store's revision, which such a change does not advance.
        revision: Revision,
        /// The token of who signed in, otherwise empty.
        token: String,
    },
    /// Of a batch, one for each of its commands.
    Batch(Vec<Outcome>),
}

/// What applying a command gave. A refusal is a normal outcome and the same on every member.
pub type Outcome = Result<Reply, Error>;

/// What a log entry is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// Nothing: a new leader's first entry.
    Blank,
    /// An encoded [`Command`].
    Command(Bytes),
    /// A new membership, opaque.
    Membership(Bytes),
}

/// One committed log entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplyEntry {
    /// Its position.
    pub index: LogIndex,
    /// Term of the leader that appended it, against which fences are checked.
    pub term: Term,
    /// What it is for.
    pub kind: EntryKind,
}
