//! A correct store with one deliberate fault.

use crate::{
    CompareTarget, Error, Event, EventKind, LeaseGranted, LeaseTimeToLive, MemoryStore, Op,
    OpResponse, RangeRequest, RangeResponse, Status, Store, Txn, TxnResponse, WatchBatch,
    WatchRequest, WatchStream,
};
use async_trait::async_trait;
use futures::{StreamExt, stream};
use quorate_types::{LeaseId, Revision};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// What is wrong with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    PutLosesPrevKv,
    VersionStandsStill,
    ComparesAfterOperating,
    MissingValueDiffers,
    AcceptsDuplicateKeys,
    AppliesHalfOfARefusedTxn,
    ReadOnlyTxnAdvances,
    TxnReadsBeforeOperating,
    SplitsTxnIntoRevisions,
    IgnoresFence,
    LosesUpdates,
    CountHonoursLimit,
    LimitIsOneTooMany,
    KeysOnlyReturnsValues,
    IgnoresReadRevision,
    HeaderIsOldRevision,
    CompactionIsOneTooFar,
    CompactsTwice,
    WatchBelowCompactionBeginsLater,
    WatchSkipsDeletions,
    WatchSplitsRevisions,
    WatchLosesPrevKv,
    WatchDeletionKeepsVersion,
    WatchHidesProgress,
    WatchRepeatsBatches,
    WatchReversesARevision,
    WatchBeginsOneLate,
    RevokesInSeveralRevisions,
    KeepsUnknownLeaseAlive,
    LeasesNeverEnd,
    PutKeepsOldLease,
    AcceptsLeaseTwice,
    AcceptsAnyTimeToLive,
    KeepAliveDoesNothing,
    StatusStandsStill,
}

use Fault as F;

/// Every fault and a case that must catch it.
pub(super) const CATALOGUE: &[(Fault, &str)] = &[
    (F::PutLosesPrevKv, "txn::put_answers_with_the_key_as_it_was_if_asked"),
    (F::PutLosesPrevKv, "random::transactions_agree_with_the_reference"),
    (F::VersionStandsStill, "txn::a_put_advances_revision_and_version"),
    (F::ComparesAfterOperating, "compare::conditions_look_at_the_state_before_the_txn"),
    (F::MissingValueDiffers, "compare::a_missing_key_has_no_value_to_compare"),
    (F::AcceptsDuplicateKeys, "txn::one_key_put_twice_is_refused"),
    (F::AcceptsDuplicateKeys, "random::transactions_agree_with_the_reference"),
    (F::AppliesHalfOfARefusedTxn, "txn::an_unknown_lease_refuses_the_whole_txn"),
    (F::AppliesHalfOfARefusedTxn, "random::transactions_agree_with_the_reference"),
    (F::ReadOnlyTxnAdvances, "txn::a_txn_that_only_reads_does_not_advance_the_revision"),
    (F::TxnReadsBeforeOperating, "txn::a_read_sees_earlier_operations_and_no_later_ones"),
    (F::SplitsTxnIntoRevisions, "txn::all_operations_share_one_revision"),
    (F::SplitsTxnIntoRevisions, "random::transactions_agree_with_the_reference"),
    (F::IgnoresFence, "fencing::a_fence_of_another_term_refuses_the_txn"),
    (F::LosesUpdates, "concurrency::no_increment_is_lost"),
    (F::LosesUpdates, "concurrency::one_of_many_creators_wins"),
    (F::CountHonoursLimit, "range::count_ignores_the_limit"),
    (F::LimitIsOneTooMany, "range::the_limit_keeps_the_first_keys_and_says_that_there_are_more"),
    (F::KeysOnlyReturnsValues, "range::keys_only_leaves_out_the_value_and_nothing_else"),
    (F::IgnoresReadRevision, "range::a_read_in_the_past_shows_what_was_then"),
    (F::HeaderIsOldRevision, "range::a_read_in_the_past_reports_the_current_revision"),
    (F::CompactionIsOneTooFar, "compaction::the_compacted_revision_can_be_read_and_older_ones_not"),
    (F::CompactionIsOneTooFar, "random::transactions_with_compactions_agree_with_the_reference"),
    (F::CompactsTwice, "compaction::compacting_the_past_or_the_future_is_refused"),
    (
        F::WatchBelowCompactionBeginsLater,
        "compaction::a_watch_from_a_compacted_revision_is_told_and_ends",
    ),
    (F::WatchSkipsDeletions, "watch::a_watch_from_revision_one_tells_the_whole_history"),
    (F::WatchSkipsDeletions, "random::transactions_agree_with_the_reference"),
    (F::WatchSplitsRevisions, "watch::a_revision_is_never_split"),
    (F::WatchLosesPrevKv, "watch::the_previous_key_is_absent_exactly_for_creations"),
    (F::WatchDeletionKeepsVersion, "watch::a_deletion_carries_only_key_and_revision"),
    (F::WatchHidesProgress, "watch::progress_is_told_for_revisions_that_do_not_touch_the_range"),
    (F::WatchRepeatsBatches, "watch::without_asking_for_progress_no_batch_is_empty"),
    (
        F::WatchReversesARevision,
        "watch::events_of_one_revision_come_in_the_order_of_its_operations",
    ),
    (F::WatchBeginsOneLate, "watch::a_watch_resumes_after_its_last_batch"),
    (F::RevokesInSeveralRevisions, "lease::revoking_deletes_every_key_in_one_revision"),
    (F::RevokesInSeveralRevisions, "random::transactions_with_leases_agree_with_the_reference"),
    (F::KeepsUnknownLeaseAlive, "lease::an_unknown_lease_is_refused_everywhere"),
    (F::LeasesNeverEnd, "lease::an_expired_lease_deletes_its_keys_in_one_revision"),
    (F::PutKeepsOldLease, "lease::a_put_without_a_lease_detaches_the_key"),
    (F::AcceptsLeaseTwice, "lease::an_id_that_exists_is_refused"),
    (F::AcceptsAnyTimeToLive, "lease::a_time_to_live_out_of_range_is_refused"),
    (F::KeepAliveDoesNothing, "lease::a_lease_that_is_kept_alive_does_not_end"),
    (F::StatusStandsStill, "fencing::status_tells_leader_term_and_revision"),
];

/// A memory store with at most one fault.
#[derive(Debug)]
pub(super) struct FaultyStore {
    inner: Arc<MemoryStore>,
    fault: Option<Fault>,
}

impl FaultyStore {
    pub(super) fn new(inner: Arc<MemoryStore>, fault: Option<Fault>) -> Self {
        Self { inner, fault }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// What is wrong with a request before it runs.
    async fn spoil_txn(&self, txn: &mut Txn) -> Result<(), Error> {
        match self.fault {
            Some(F::IgnoresFence) => txn.fence = None,
            Some(F::AcceptsDuplicateKeys) => drop_duplicates(&mut txn.success),
            Some(F::MissingValueDiffers) => {
                txn.compares.retain(|compare| !matches!(compare.target, CompareTarget::Value(_)));
            }
            Some(F::LosesUpdates) => {
                txn.compares.clear();
                // A moment between the check that is missing and the write.
                tokio::task::yield_now().await;
            }
            Some(F::PutKeepsOldLease) => self.keep_leases(&mut txn.success).await?,
            _ => {}
        }
        Ok(())
    }

    async fn keep_leases(&self, ops: &mut [Op]) -> Result<(), Error> {
        for op in ops {
            if let Op::Put(put) = op {
                let found = self.inner.range(RangeRequest::key(put.key.clone())).await?;
                put.lease = found.kvs.first().map_or(put.lease, |kv| kv.lease.max(put.lease));
            }
        }
        Ok(())
    }

    async fn each_alone(&self, txn: &Txn) -> Result<TxnResponse, Error> {
        let mut answer = self.inner.txn(Txn { success: Vec::new(), ..txn.clone() }).await?;
        for op in txn.success.iter().filter(|_| answer.succeeded) {
            let one = self.inner.txn(Txn::ops([op.clone()])).await?;
            answer.revision = one.revision;
            answer.responses.extend(one.responses);
        }
        Ok(answer)
    }

    async fn compare_late(&self, txn: Txn) -> Result<TxnResponse, Error> {
        let done = self.inner.txn(Txn::ops(txn.success)).await?;
        let compares = Txn { compares: txn.compares, ..Txn::default() };
        let succeeded = self.inner.txn(compares).await?.succeeded;
        Ok(TxnResponse { succeeded, ..done })
    }

    async fn read_early(&self, txn: Txn) -> Result<TxnResponse, Error> {
        let reads: Vec<Op> =
            txn.success.iter().filter(|op| matches!(op, Op::Range(_))).cloned().collect();
        let mut early = self.inner.txn(Txn::ops(reads)).await?.responses.into_iter();
        let mut answer = self.inner.txn(txn).await?;
        for response in &mut answer.responses {
            if let OpResponse::Range(found) = response {
                *response = early.next().unwrap_or(OpResponse::Range(found.clone()));
            }
        }
        Ok(answer)
    }

    async fn run(&self, txn: Txn) -> Result<TxnResponse, Error> {
        match self.fault {
            Some(F::SplitsTxnIntoRevisions) => self.each_alone(&txn).await,
            Some(F::ComparesAfterOperating) => self.compare_late(txn).await,
            Some(F::TxnReadsBeforeOperating) => self.read_early(txn).await,
            Some(F::AppliesHalfOfARefusedTxn) => {
                let half = txn.success.first().cloned();
                let result = self.inner.txn(txn).await;
                if let (Err(Error::LeaseNotFound(_)), Some(op)) = (&result, half) {
                    self.inner.txn(Txn::ops([op])).await?;
                }
                result
            }
            Some(F::ReadOnlyTxnAdvances) => {
                let reads = txn.success.iter().all(|op| matches!(op, Op::Range(_)));
                let result = self.inner.txn(txn).await;
                if reads {
                    self.inner.txn(Txn::put("hidden", "1")).await?;
                    self.inner.txn(Txn::delete("hidden")).await?;
                }
                result
            }
            _ => self.inner.txn(txn).await,
        }
    }

    fn spoil_range(&self, request: &RangeRequest, found: &mut RangeResponse) {
        match self.fault {
            Some(F::CountHonoursLimit) => found.count = found.kvs.len() as u64,
            Some(F::HeaderIsOldRevision) if request.revision > Revision::NONE => {
                found.revision = request.revision;
            }
            Some(F::VersionStandsStill) => {
                found.kvs.iter_mut().for_each(|kv| kv.version = 1);
            }
            _ => {}
        }
    }

    fn spoil_event(&self, mut event: Event) -> Option<Event> {
        let deleted = event.kind == EventKind::Delete;
        match self.fault {
            Some(F::WatchSkipsDeletions) if deleted => return None,
            Some(F::WatchLosesPrevKv) => event.prev_kv = None,
            Some(F::WatchDeletionKeepsVersion) if deleted => event.kv.version = 1,
            _ => {}
        }
        Some(event)
    }

    fn spoil_batch(&self, batch: WatchBatch) -> Vec<WatchBatch> {
        let events = batch.events.iter().cloned().filter_map(|event| self.spoil_event(event));
        let mut events: Vec<Event> = events.collect();
        let revision = batch.revision;
        match self.fault {
            Some(F::WatchHidesProgress) if events.is_empty() => Vec::new(),
            Some(F::WatchRepeatsBatches) => vec![batch.clone(), batch],
            Some(F::WatchSplitsRevisions) if events.len() > 1 => {
                let rest = events.split_off(events.len() / 2);
                [events, rest].map(|events| WatchBatch::new(revision, events.into())).into()
            }
            Some(F::WatchReversesARevision) => {
                events.reverse();
                events.sort_by_key(|event| event.kv.mod_revision);
                vec![WatchBatch { revision, events: events.into(), more: batch.more }]
            }
            _ => vec![WatchBatch { revision, events: events.into(), more: batch.more }],
        }
    }
}

fn drop_duplicates(ops: &mut Vec<Op>) {
    let mut seen = BTreeSet::new();
    ops.retain(|op| match op {
        Op::Put(put) => seen.insert(put.key.clone()),
        _ => true,
    });
}

#[async_trait]
impl Store for FaultyStore {
    async fn range(&self, mut request: RangeRequest) -> Result<RangeResponse, Error> {
        let asked = request.clone();
        match self.fault {
            Some(F::LimitIsOneTooMany) if request.limit > 0 => request.limit += 1,
            Some(F::KeysOnlyReturnsValues) => request.keys_only = false,
            Some(F::IgnoresReadRevision) => request.revision = Revision::NONE,
            _ => {}
        }
        let compacted = self.inner.status().compacted;
        if self.has(F::CompactionIsOneTooFar)
            && request.revision > Revision::NONE
            && request.revision == compacted
        {
            return Err(Error::Compacted { requested: compacted, compacted });
        }
        let mut found = self.inner.range(request).await?;
        self.spoil_range(&asked, &mut found);
        Ok(found)
    }

    async fn txn(&self, mut txn: Txn) -> Result<TxnResponse, Error> {
        self.spoil_txn(&mut txn).await?;
        let mut answer = self.run(txn).await?;
        for response in &mut answer.responses {
            if let OpResponse::Put { prev_kv } = response
                && self.has(F::PutLosesPrevKv)
            {
                *prev_kv = None;
            }
        }
        Ok(answer)
    }

    async fn compact(&self, revision: Revision) -> Result<(), Error> {
        match self.inner.compact(revision).await {
            Err(Error::Compacted { .. }) if self.has(F::CompactsTwice) => Ok(()),
            result => result,
        }
    }

    async fn watch(&self, mut request: WatchRequest) -> Result<WatchStream, Error> {
        let from = request.from;
        match self.fault {
            Some(F::WatchBelowCompactionBeginsLater) if from > Revision::NONE => {
                request.from = from.max(self.inner.status().compacted);
            }
            Some(F::WatchBeginsOneLate) if from > Revision(1) => request.from = from.next(),
            _ => {}
        }
        let spoiler = Self { inner: Arc::clone(&self.inner), fault: self.fault };
        let stream = self.inner.watch(request).await?;
        let spoiled = stream.flat_map(move |item| {
            let items = match item {
                Ok(batch) => spoiler.spoil_batch(batch).into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            };
            stream::iter(items)
        });
        Ok(spoiled.boxed())
    }

    async fn lease_grant(&self, id: LeaseId, mut ttl: Duration) -> Result<LeaseGranted, Error> {
        if self.has(F::LeasesNeverEnd) {
            ttl *= 1_000_000;
        }
        match self.inner.lease_grant(id, ttl).await {
            Err(Error::LeaseExists(id)) if self.has(F::AcceptsLeaseTwice) => {
                Ok(LeaseGranted { id, ttl })
            }
            Err(Error::LeaseTtl { .. }) if self.has(F::AcceptsAnyTimeToLive) => {
                self.inner.lease_grant(id, Duration::from_secs(1)).await
            }
            result => result,
        }
    }

    async fn lease_revoke(&self, id: LeaseId) -> Result<(), Error> {
        if self.has(F::RevokesInSeveralRevisions) {
            for key in self.inner.lease_time_to_live(id).await?.keys {
                self.inner.txn(Txn::delete(key)).await?;
            }
        }
        self.inner.lease_revoke(id).await
    }

    async fn lease_keep_alive(&self, id: LeaseId) -> Result<Duration, Error> {
        if self.has(F::KeepAliveDoesNothing) {
            return Ok(self.inner.lease_time_to_live(id).await?.granted);
        }
        match self.inner.lease_keep_alive(id).await {
            Err(Error::LeaseNotFound(_)) if self.has(F::KeepsUnknownLeaseAlive) => {
                Ok(Duration::ZERO)
            }
            result => result,
        }
    }

    async fn lease_time_to_live(&self, id: LeaseId) -> Result<LeaseTimeToLive, Error> {
        self.inner.lease_time_to_live(id).await
    }

    async fn leases(&self) -> Result<Vec<LeaseId>, Error> {
        self.inner.leases().await
    }

    fn status(&self) -> Status {
        let status = self.inner.status();
        let still = self.has(F::StatusStandsStill);
        Status { revision: if still { Revision(1) } else { status.revision }, ..status }
    }

    fn status_watch(&self) -> watch::Receiver<Status> {
        self.inner.status_watch()
    }
}
