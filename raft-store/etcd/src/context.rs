//! What every service needs: the member, its clock, and the header of every answer.

use crate::auth::{AuthOptions, Passwords, TokenKind};
use crate::errors::NO_LEADER;
use crate::proto::etcdserverpb::ResponseHeader;
use crate::snapshot::Slots;
use crate::watch::Encoder;
use quorate_member::Member;
use quorate_seams::SharedClock;
use quorate_store::Store;
use quorate_types::{MemberId, Revision};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tonic::Status;
use tonic::metadata::MetadataMap;

/// A member as clients are told about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// Its name.
    pub name: String,
    /// Where other members reach it.
    pub peer_urls: Vec<String>,
    /// Where clients reach it; empty if this member does not know.
    pub client_urls: Vec<String>,
}

/// Options of the services.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerOptions {
    /// What `MemberList` says about each member; those left out are told by their address alone.
    pub peers: BTreeMap<MemberId, Peer>,
    /// How often a watch that asked for it and has nothing else to tell reports its progress,
    /// 10 minutes.
    pub progress_interval: Duration,
    /// Most compares, and most operations of a branch, in one transaction, 128.
    pub max_txn_ops: usize,
    /// How clients prove who they are, once authentication is switched on.
    pub auth: AuthOptions,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            peers: BTreeMap::new(),
            progress_interval: Duration::from_secs(600),
            max_txn_ops: 128,
            auth: AuthOptions::default(),
        }
    }
}

/// Shared by all services of one listener.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) member: Member,
    pub(crate) clock: SharedClock,
    pub(crate) options: ServerOptions,
    pub(crate) encoder: Encoder,
    pub(crate) passwords: Passwords,
    pub(crate) snapshots: Slots,
    status: tokio::sync::watch::Receiver<quorate_store::Status>,
}

pub(crate) type Context = Arc<Shared>;

impl Shared {
    pub(crate) fn new(member: &Member, clock: SharedClock, options: ServerOptions) -> Context {
        let encoder = Encoder::default();
        let status = member.status_watch();
        if let TokenKind::Simple { ttl } = options.auth.tokens {
            member.core().tokens().set_ttl(ttl);
        }
        let passwords = Passwords::default();
        let (member, snapshots) = (member.clone(), Slots::default());
        Arc::new(Self { member, clock, options, encoder, passwords, snapshots, status })
    }

    /// The header of an answer that is true at a revision.
    pub(crate) fn header(&self, revision: Revision) -> ResponseHeader {
        ResponseHeader {
            cluster_id: self.member.cluster().0,
            member_id: self.member.id().0,
            revision: revision.0,
            raft_term: self.status.borrow().term.0,
        }
    }

    /// The header of an answer that changes nothing.
    pub(crate) fn header_now(&self) -> ResponseHeader {
        self.header(self.member.status().revision)
    }

    /// Refuses a stream whose caller wants a leader when there is none.
    pub(crate) fn require_leader(&self, metadata: &MetadataMap) -> Result<(), Status> {
        let wanted = metadata.get("hasleader").is_some_and(|value| value == "true");
        if wanted && self.status.borrow().leader.is_none() {
            return Err(Status::unavailable(NO_LEADER));
        }
        Ok(())
    }
}
