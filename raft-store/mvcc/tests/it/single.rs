//! The thinnest store over the state: one member, no log, every proposal is committed at once.

use async_trait::async_trait;
use quorate_mvcc::lease::LeaseKeeper;
use quorate_mvcc::{
    ApplyEntry, Command, EntryKind, LeaseChange, LeaseUpdate, Mvcc, Outcome, Reply,
};
use quorate_seams::{SharedClock, TaskSet};
use quorate_store::{
    Error, KeyRange, LeaseGranted, LeaseTimeToLive, RangeRequest, RangeResponse, Status, Store,
    Txn, TxnResponse, WatchRequest, WatchStream,
};
use quorate_types::limits::{MAX_LEASE_TTL_SECONDS, MAX_TXN_OPS};
use quorate_types::{LeaseId, LogIndex, MemberId, Revision, Term};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, watch};

const MEMBER: MemberId = MemberId(1);
const TERM: Term = Term(5);

/// A store of one member.
#[derive(Debug)]
pub(crate) struct Single {
    core: Arc<Core>,
    status: watch::Sender<Status>,
    _expiry: TaskSet,
}

#[derive(Debug)]
struct Core {
    mvcc: Arc<Mvcc>,
    clock: SharedClock,
    proposing: Mutex<()>,
    keeper: Mutex<LeaseKeeper>,
    rearmed: Notify,
}

impl Single {
    pub(crate) fn new(mvcc: Arc<Mvcc>, clock: SharedClock) -> Arc<Self> {
        let mut keeper = LeaseKeeper::new();
        keeper.promote(mvcc.leases().unwrap(), clock.now(), Duration::ZERO);
        let core = Arc::new(Core {
            mvcc,
            clock,
            proposing: Mutex::new(()),
            keeper: Mutex::new(keeper),
            rearmed: Notify::new(),
        });
        let expiry = TaskSet::new();
        expiry.spawn(Arc::clone(&core).follow());
        expiry.spawn(Arc::clone(&core).expire());
        let status =
            Status { member: MEMBER, leader: Some(MEMBER), term: TERM, ..Status::default() };
        Arc::new(Self { core, status: watch::Sender::new(status), _expiry: expiry })
    }
}

impl Core {
    fn propose(&self, command: &Command) -> Outcome {
        let _one = self.proposing.lock().unwrap();
        let index = self.mvcc.applied().index.map_or(LogIndex(1), |index| LogIndex(index.0 + 1));
        let kind = EntryKind::Command(command.encode().unwrap());
        let entry = ApplyEntry { index, term: TERM, kind };
        let outcome = self.mvcc.apply(vec![entry]).unwrap().remove(0).unwrap();
        // A grant must be renewable by the time it is acknowledged.
        if let Ok(Reply::LeaseGranted(granted)) = &outcome {
            let ttl = i64::try_from(granted.ttl.as_secs()).unwrap();
            self.keeper.lock().unwrap().grant(granted.id, ttl, self.clock.now());
            self.rearmed.notify_one();
        }
        outcome
    }

    async fn follow(self: Arc<Self>) {
        let mut changes = self.mvcc.lease_changes();
        loop {
            let LeaseUpdate::Changes(changes) = changes.next().await else { continue };
            for change in changes {
                let mut keeper = self.keeper.lock().unwrap();
                match change {
                    LeaseChange::Granted { id, ttl_seconds } => {
                        keeper.grant(id, ttl_seconds, self.clock.now());
                    }
                    LeaseChange::Revoked { id } => keeper.revoke(id),
                }
            }
            self.rearmed.notify_one();
        }
    }

    async fn expire(self: Arc<Self>) {
        loop {
            let expired = self.keeper.lock().unwrap().expired(self.clock.now());
            for id in expired {
                // It may have been revoked meanwhile.
                let _ = self.propose(&Command::LeaseRevoke { ids: vec![id] });
                self.keeper.lock().unwrap().revoke(id);
            }
            let deadline = self.keeper.lock().unwrap().next_deadline();
            match deadline {
                Some(deadline) => tokio::select! {
                    () = self.clock.sleep_until(deadline) => {}
                    () = self.rearmed.notified() => {}
                },
                None => self.rearmed.notified().await,
            }
        }
    }
}

#[async_trait]
impl Store for Single {
    async fn range(&self, request: RangeRequest) -> Result<RangeResponse, Error> {
        self.core.mvcc.range(&request)
    }

    async fn txn(&self, txn: Txn) -> Result<TxnResponse, Error> {
        txn.check(MAX_TXN_OPS)?;
        match self.core.propose(&Command::Txn(txn))? {
            Reply::Txn(response) => Ok(response),
            other => panic!("a transaction answers {other:?}"),
        }
    }

    async fn compact(&self, revision: Revision) -> Result<(), Error> {
        self.core.propose(&Command::Compact { revision }).map(|_| ())
    }

    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, Error> {
        match &request.range {
            KeyRange::Key(key) if key.is_empty() => Err(Error::EmptyKey),
            _ => Ok(self.core.mvcc.watch(request)),
        }
    }

    async fn lease_grant(&self, id: LeaseId, ttl: Duration) -> Result<LeaseGranted, Error> {
        let seconds = ttl.as_secs().saturating_add(u64::from(ttl.subsec_nanos() > 0));
        let ttl_seconds = i64::try_from(seconds).unwrap_or(i64::MAX).min(MAX_LEASE_TTL_SECONDS + 1);
        match self.core.propose(&Command::LeaseGrant { id, ttl_seconds })? {
            Reply::LeaseGranted(granted) => Ok(granted),
            other => panic!("a grant answers {other:?}"),
        }
    }

    async fn lease_revoke(&self, id: LeaseId) -> Result<(), Error> {
        self.core.propose(&Command::LeaseRevoke { ids: vec![id] })?;
        self.core.keeper.lock().unwrap().revoke(id);
        Ok(())
    }

    async fn lease_keep_alive(&self, id: LeaseId) -> Result<Duration, Error> {
        let renewed = self.core.keeper.lock().unwrap().renew(id, self.core.clock.now());
        renewed.ok_or(Error::LeaseNotFound(id))
    }

    async fn lease_time_to_live(&self, id: LeaseId) -> Result<LeaseTimeToLive, Error> {
        let keys = self.core.mvcc.lease_keys(id)?;
        let keeper = self.core.keeper.lock().unwrap();
        let found = keeper.granted(id).zip(keeper.remaining(id, self.core.clock.now()));
        let (granted, remaining) = found.ok_or(Error::LeaseNotFound(id))?;
        Ok(LeaseTimeToLive { id, granted, remaining, keys })
    }

    async fn leases(&self) -> Result<Vec<LeaseId>, Error> {
        Ok(self.core.mvcc.leases()?.into_iter().map(|lease| lease.id).collect())
    }

    fn status(&self) -> Status {
        let mvcc = &self.core.mvcc;
        Status { revision: mvcc.revision(), compacted: mvcc.compacted(), ..*self.status.borrow() }
    }

    fn status_watch(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }
}
