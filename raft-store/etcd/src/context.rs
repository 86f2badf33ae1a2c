//! What every service needs: the member, its clock, and the header of every answer.

use crate::calls::{Ledger, Rules};
use crate::descriptors::Descriptors;
use crate::http::CheckCounts;
use crate::metrics::{Counts, count};
use crate::proto::etcdserverpb::ResponseHeader;
use crate::watch::Encoder;
use quorate_member::Member;
use quorate_seams::SharedClock;
use quorate_store::Store;
use quorate_types::{MemberId, Revision};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

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
    /// The version of etcd that clients are told, [`crate::ETCD_VERSION`]; clients look at it before
    /// they use a feature, and tools of another version may want another one.
    pub version: String,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            peers: BTreeMap::new(),
            progress_interval: Duration::from_secs(600),
            max_txn_ops: 128,
            version: crate::ETCD_VERSION.to_owned(),
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
    pub(crate) descriptors: Descriptors,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) counts: Counts,
    pub(crate) checks: Vec<CheckCounts>,
    status: tokio::sync::watch::Receiver<quorate_store::Status>,
}

pub(crate) type Context = Arc<Shared>;

impl Shared {
    pub(crate) fn new(member: &Member, clock: SharedClock, options: ServerOptions) -> Context {
        let encoder = Encoder::default();
        let status = member.status_watch();
        let descriptors = Descriptors::load();
        let ledger = Arc::new(Ledger::new(&descriptors, SharedClock::clone(&clock)));
        let election = member.timing().election_min;
        let rules = Arc::new(Rules::new(member, SharedClock::clone(&clock), election));
        let (counts, checks) = (Counts::default(), crate::http::check_counts());
        let member = member.clone();
        Arc::new(Self {
            member,
            clock,
            options,
            encoder,
            descriptors,
            ledger,
            rules,
            counts,
            checks,
            status,
        })
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

    /// Counts leaders that come after another or after none (etcd's rule), while it is polled.
    pub(crate) async fn follow_leaders(self: Arc<Self>) {
        let mut status = self.status.clone();
        let mut last = None;
        loop {
            let leader = status.borrow_and_update().leader;
            if leader.is_some() && leader != last {
                count(&self.counts.leader_changes);
            }
            last = leader;
            if status.changed().await.is_err() {
                return;
            }
        }
    }
}
