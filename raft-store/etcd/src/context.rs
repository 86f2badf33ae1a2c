//! What every service needs: the member, its clock, and the header of every answer.

use crate::auth::{AuthOptions, Passwords, TokenKind};
use crate::calls::{Ledger, Rules};
use crate::descriptors::Descriptors;
use crate::http::CheckCounts;
use crate::metrics::{Counts, count};
use crate::proto::etcdserverpb::ResponseHeader;
use crate::snapshot::Slots;
use crate::watch::Encoder;
use quorate_member::Member;
use quorate_seams::SharedClock;
use quorate_store::Store;
use quorate_types::Revision;
use std::sync::Arc;
use std::time::Duration;

/// Options of the services.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerOptions {
    /// How often a watch that asked for it and has nothing else to tell reports its progress,
    /// 10 minutes.
    pub progress_interval: Duration,
    /// Most compares, and most operations of a branch, in one transaction, 128.
    pub max_txn_ops: usize,
    /// Most bytes of a request, 1.5 MiB.
    pub max_request_bytes: usize,
    /// Most requests and streams that a connection has open at a time; unlimited.
    pub max_streams: u32,
    /// Silence after which a client is asked for a sign of life, and the time that it has to give one:
    /// two hours and 20 seconds. `None` to never ask.
    pub keep_alive: Option<(Duration, Duration)>,
    /// Whether changes of members that would cost the majority are refused.
    pub strict_reconfig: bool,
    /// Whether JSON is served under `/v3/`.
    pub gateway: bool,
    /// The version of etcd that clients are told, [`crate::ETCD_VERSION`]; clients look at it before
    /// they use a feature, and tools of another version may want another one.
    pub version: String,
    /// How clients prove who they are, once authentication is switched on.
    pub auth: AuthOptions,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            progress_interval: Duration::from_secs(600),
            max_txn_ops: 128,
            max_request_bytes: quorate_types::limits::MAX_REQUEST_BYTES,
            max_streams: u32::MAX,
            keep_alive: Some((Duration::from_secs(7200), Duration::from_secs(20))),
            strict_reconfig: true,
            gateway: true,
            version: crate::ETCD_VERSION.to_owned(),
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
    pub(crate) descriptors: Descriptors,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) counts: Counts,
    pub(crate) checks: Vec<CheckCounts>,
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
        let descriptors = Descriptors::load();
        let ledger = Arc::new(Ledger::new(&descriptors, SharedClock::clone(&clock)));
        let election = member.timing().election_min;
        let rules = Arc::new(Rules::new(member, SharedClock::clone(&clock), election));
        let (counts, checks) = (Counts::default(), crate::http::check_counts());
        let (member, snapshots) = (member.clone(), Slots::default());
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
            passwords,
            snapshots,
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
