//! The one place that fixes openraft's type parameters.
//!
//! Invariants: `leader_id_std`, so that a log id is (term, index) as in etcd; no type of openraft
//! leaves this crate.

use bytes::Bytes;
use openraft::impls::leader_id_std;
use quorate_mvcc::Outcome;
use std::fmt;

openraft::declare_raft_types!(
    /// The types that consensus runs with.
    pub(crate) TypeConfig:
        D = Proposal,
        R = Answer,
        NodeId = u64,
        Node = Node,
        Term = u64,
        LeaderId = leader_id_std::LeaderId<u64, u64>,
        AsyncRuntime = crate::runtime::SeamsRuntime,
);

pub(crate) type Raft = openraft::Raft<TypeConfig, crate::machine::StateMachine>;
pub(crate) type LogId = openraft::type_config::alias::LogIdOf<TypeConfig>;
pub(crate) type Vote = openraft::type_config::alias::VoteOf<TypeConfig>;
pub(crate) type Entry = openraft::type_config::alias::EntryOf<TypeConfig>;
pub(crate) type Payload = openraft::EntryPayload<Proposal, u64, Node>;
pub(crate) type Membership = openraft::Membership<u64, Node>;
pub(crate) type StoredMembership = openraft::type_config::alias::StoredMembershipOf<TypeConfig>;
pub(crate) type SnapshotMeta = openraft::type_config::alias::SnapshotMetaOf<TypeConfig>;
pub(crate) type Snapshot =
    openraft::type_config::alias::SnapshotOf<TypeConfig, crate::machine::SnapshotData>;

/// A log id from its two numbers.
pub(crate) fn log_id(term: u64, index: u64) -> LogId {
    LogId::new(openraft::vote::leader_id_std::CommittedLeaderId::new(term), index)
}

/// An encoded command on its way into the log: the payload of its entry, as log and followers get
/// it, so that it is copied once however far it goes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Proposal {
    payload: Bytes,
}

impl Proposal {
    /// The byte before every command, which tells it from other entries.
    pub(crate) const KIND: u8 = 1;

    /// One command.
    pub(crate) fn of(command: &[u8]) -> Self {
        Self { payload: [&[Self::KIND], command].concat().into() }
    }

    /// A payload that begins with [`Proposal::KIND`].
    pub(crate) fn from_payload(payload: Bytes) -> Self {
        debug_assert_eq!(payload.first(), Some(&Self::KIND), "a command's payload");
        Self { payload }
    }

    pub(crate) fn payload(&self) -> &Bytes {
        &self.payload
    }

    pub(crate) fn command(&self) -> Bytes {
        self.payload.slice(1..)
    }
}

impl fmt::Debug for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "command of {} bytes", self.payload.len() - 1)
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What applying an entry gave; `None` for blank and membership entries.
#[derive(Clone, Debug)]
pub(crate) struct Answer(pub(crate) Option<Outcome>);

/// What the membership records about a member besides its id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Node {
    /// Addresses for member-to-member traffic: `host:port`, or URLs separated by commas.
    pub(crate) addr: String,
    /// Its name; empty until it has told it.
    pub(crate) name: String,
    /// Where clients reach it; empty until it has told.
    pub(crate) client_urls: Vec<String>,
    /// Whether it is to have a vote once it has caught up.
    pub(crate) joining: bool,
    /// The birth of its log; 0 until the leader has recorded it. See `births`.
    pub(crate) birth: u64,
}

impl Node {
    /// A member that has told nothing yet.
    pub(crate) fn at(addr: impl Into<String>) -> Self {
        Self { addr: addr.into(), ..Self::default() }
    }
}
