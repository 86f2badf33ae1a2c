//! The contract.

use crate::{
    Error, LeaseGranted, LeaseTimeToLive, RangeRequest, RangeResponse, Txn, TxnResponse,
    WatchRequest, WatchStream,
};
use async_trait::async_trait;
use quorate_types::{LeaseId, MemberId, Revision, Term};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Where a store stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Revision this handle's member has applied.
    pub revision: Revision,
    /// Oldest revision that can still be read; [`Revision::NONE`] before the first compaction.
    pub compacted: Revision,
    /// The member behind this handle.
    pub member: MemberId,
    /// The leader, as far as the member knows.
    pub leader: Option<MemberId>,
    /// The member's term.
    pub term: Term,
}

impl Status {
    /// The term under which this member leads; `None` while it does not. Writes fenced with it are
    /// void once another leader has been elected.
    #[must_use]
    pub fn leading(&self) -> Option<Term> {
        (self.leader == Some(self.member)).then_some(self.term)
    }
}

/// A revisioned key space with transactions, watches and leases.
///
/// Cancelling a write by dropping its future leaves its outcome unknown; dropping any other future
/// has no effect.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug + 'static {
    /// Reads a range.
    ///
    /// # Errors
    /// [`Error::Compacted`], [`Error::FutureRevision`], or the store is not available.
    async fn range(&self, request: RangeRequest) -> Result<RangeResponse, Error>;

    /// Runs a transaction.
    ///
    /// # Errors
    /// Refused before anything happened ([`Error::certainty`] says so), or unknown.
    async fn txn(&self, txn: Txn) -> Result<TxnResponse, Error>;

    /// Forgets everything that was overwritten or deleted before or at a revision. Reads at exactly
    /// that revision still work. Compacting twice at the same revision is refused as
    /// [`Error::Compacted`] (etcd's rule).
    ///
    /// # Errors
    /// [`Error::Compacted`], [`Error::FutureRevision`], or as for [`Store::txn`].
    async fn compact(&self, revision: Revision) -> Result<(), Error>;

    /// Watches a range from what this handle's member has applied.
    ///
    /// # Errors
    /// The store is not available; [`Error::Compacted`] comes as the first item of the stream.
    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, Error>;

    /// Grants a lease; with [`LeaseId::NONE`] the store chooses the id.
    ///
    /// # Errors
    /// [`Error::LeaseExists`], [`Error::LeaseTtl`], or as for [`Store::txn`].
    async fn lease_grant(&self, id: LeaseId, ttl: Duration) -> Result<LeaseGranted, Error>;

    /// Ends a lease and deletes its keys in one revision.
    ///
    /// # Errors
    /// [`Error::LeaseNotFound`], or as for [`Store::txn`].
    async fn lease_revoke(&self, id: LeaseId) -> Result<(), Error>;

    /// Renews a lease for its whole time to live, which is returned. Kept in the leader's memory,
    /// never in the log.
    ///
    /// # Errors
    /// [`Error::LeaseNotFound`], or the leader cannot be reached.
    async fn lease_keep_alive(&self, id: LeaseId) -> Result<Duration, Error>;

    /// Asks what is left of a lease.
    ///
    /// # Errors
    /// [`Error::LeaseNotFound`], or the leader cannot be reached.
    async fn lease_time_to_live(&self, id: LeaseId) -> Result<LeaseTimeToLive, Error>;

    /// All leases, sorted.
    ///
    /// # Errors
    /// The store is not available.
    async fn leases(&self) -> Result<Vec<LeaseId>, Error>;

    /// Where the store stands now, from this member's point of view; costs nothing.
    fn status(&self) -> Status;

    /// Follows leadership: the value changes when leader or term do. The revision in it may lag.
    fn status_watch(&self) -> watch::Receiver<Status>;
}

/// A store that components share.
pub type SharedStore = Arc<dyn Store>;
