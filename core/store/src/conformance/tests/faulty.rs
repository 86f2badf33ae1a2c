//! A correct store with one deliberate fault.

use crate::{
    CompareTarget, Error, Event, EventKind, KeyRange, LeaseGranted, LeaseTimeToLive, MemoryStore,
    Op, OpResponse, ProgressBell, PutOp, RangeRequest, RangeResponse, RequestId, RevisionFilter,
    Sort, SortTarget, Status, Store, Txn, TxnResponse, WatchBatch, WatchRequest, WatchStream,
};
use async_trait::async_trait;
use futures::{StreamExt, stream};
use quorate_types::{LeaseId, Revision};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
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
    NestedRunsAfterwards,
    NestedHasItsOwnBudget,
    NestedMayRepeatKeys,
    NestedIgnoresFence,
    NestedAlwaysSucceeds,
    NestedAnswersNothing,
    NestedReadsBeforeOperating,
    SortsUpOnly,
    LimitsBeforeSorting,
    SortsWithoutValues,
    SortsOnlyThePresent,
    ReversesTies,
    FilterIgnoresCreation,
    FilterIsOneTooNarrow,
    CountHonoursFilter,
    LimitsBeforeFiltering,
    KeepsNoValue,
    KeepsNoLease,
    CreatesWhatItShouldKeep,
    KeepsDespiteAValue,
    ForgetsRequests,
    RemembersRefusals,
    TakesHalfOfARequestId,
    ForgetsLargeAnswers,
    FencesRepeats,
    WatchIgnoresFilter,
    WatchTellsPrevKvUnasked,
    WatchDoesNotFragment,
    FragmentsDoNotSayMore,
    FragmentsAlways,
    BellIsNotHeard,
    BellIsHeardByAll,
    BellPromisesTooMuch,
    AcceptsTooLarge,
    CompactsAtStrangeRevisions,
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
    (F::NestedRunsAfterwards, "nested::its_conditions_look_at_the_state_before_the_outermost"),
    (F::NestedRunsAfterwards, "nested::everything_shares_one_revision"),
    (F::NestedRunsAfterwards, "nested::an_unknown_lease_deep_inside_refuses_everything"),
    (F::NestedReadsBeforeOperating, "nested::a_nested_read_sees_earlier_operations"),
    (F::NestedRunsAfterwards, "random::transactions_agree_with_the_reference"),
    (F::NestedHasItsOwnBudget, "nested::operations_of_all_levels_are_bounded_together"),
    (F::NestedHasItsOwnBudget, "nested::nesting_too_deep_is_refused"),
    (F::NestedMayRepeatKeys, "nested::writing_a_key_twice_is_refused_across_levels"),
    (F::NestedIgnoresFence, "nested::a_fence_inside_is_held"),
    (F::NestedAlwaysSucceeds, "nested::the_branch_that_its_own_conditions_choose_runs"),
    (F::NestedAlwaysSucceeds, "nested::a_branch_that_does_not_run_has_no_say"),
    (F::NestedAlwaysSucceeds, "random::transactions_agree_with_the_reference"),
    (F::NestedAnswersNothing, "nested::an_answer_tells_the_revision_and_the_branch_of_each_level"),
    (F::NestedAnswersNothing, "nested::a_later_transaction_may_delete_what_an_earlier_one_puts"),
    (F::SortsUpOnly, "order::keys_come_in_the_order_asked_for"),
    (F::SortsUpOnly, "random::transactions_agree_with_the_reference"),
    (F::LimitsBeforeSorting, "order::the_limit_cuts_off_after_sorting"),
    (F::SortsWithoutValues, "order::values_are_compared_even_if_only_keys_are_returned"),
    (F::SortsOnlyThePresent, "order::sorting_works_in_the_past_and_in_transactions"),
    (F::ReversesTies, "order::ties_come_in_byte_order_in_both_directions"),
    (F::FilterIgnoresCreation, "order::filters_bound_the_revisions_of_change_and_creation"),
    (F::FilterIsOneTooNarrow, "order::filters_bound_the_revisions_of_change_and_creation"),
    (F::CountHonoursFilter, "order::what_a_filter_leaves_out_is_counted_all_the_same"),
    (F::LimitsBeforeFiltering, "order::the_limit_counts_what_the_filter_admits"),
    (F::KeepsNoValue, "keep::the_value_is_kept_and_everything_else_is_changed"),
    (F::KeepsNoValue, "keep::both_can_be_kept"),
    (F::KeepsNoLease, "keep::the_lease_is_kept_and_everything_else_is_changed"),
    (F::KeepsNoLease, "keep::both_can_be_kept"),
    (F::CreatesWhatItShouldKeep, "keep::a_key_that_does_not_exist_has_nothing_to_keep"),
    (F::CreatesWhatItShouldKeep, "random::transactions_agree_with_the_reference"),
    (F::KeepsDespiteAValue, "keep::giving_and_keeping_at_once_is_refused"),
    (F::ForgetsRequests, "request::a_repeat_answers_as_the_first_did_and_changes_nothing"),
    (F::ForgetsRequests, "request::repeats_at_the_same_time_are_applied_once"),
    (F::ForgetsRequests, "request::a_nested_name_is_refused"),
    (F::ForgetsRequests, "random::transactions_agree_with_the_reference"),
    (F::RemembersRefusals, "request::a_refusal_is_not_remembered"),
    (F::TakesHalfOfARequestId, "request::requests_of_other_names_are_applied"),
    (
        F::ForgetsLargeAnswers,
        "request::a_large_answer_may_be_forgotten_but_nothing_is_applied_again",
    ),
    (F::FencesRepeats, "request::a_repeat_is_answered_whatever_its_fence"),
    (F::WatchIgnoresFilter, "tell::kinds_that_were_left_out_are_not_told"),
    (F::WatchIgnoresFilter, "tell::with_everything_left_out_only_progress_is_told"),
    (F::WatchTellsPrevKvUnasked, "tell::previous_keys_are_told_only_on_request"),
    (F::WatchDoesNotFragment, "tell::fragments_are_as_small_as_asked_and_say_what_follows"),
    (F::FragmentsDoNotSayMore, "tell::fragments_are_as_small_as_asked_and_say_what_follows"),
    (F::FragmentsAlways, "tell::a_revision_that_fits_is_not_fragmented"),
    (F::BellIsNotHeard, "tell::a_bell_is_answered_after_everything_before_it"),
    (F::BellIsNotHeard, "tell::a_bell_is_answered_again_without_a_change"),
    (F::BellIsHeardByAll, "tell::only_those_who_hear_the_bell_answer"),
    (F::BellPromisesTooMuch, "tell::a_bell_is_answered_after_everything_before_it"),
    (F::AcceptsTooLarge, "limits::everything_in_a_request_counts"),
    (F::AcceptsTooLarge, "limits::a_key_as_large_as_the_request_is_refused_or_kept_whole"),
    (F::CompactsAtStrangeRevisions, "limits::strange_revisions_are_refused_or_read_the_present"),
];

/// A memory store with at most one fault.
#[derive(Debug)]
pub(super) struct FaultyStore {
    inner: Arc<MemoryStore>,
    fault: Option<Fault>,
    refused: Mutex<BTreeMap<RequestId, Error>>,
    /// Rings for everybody as soon as it is heard.
    bell: ProgressBell,
}

impl FaultyStore {
    pub(super) fn new(inner: Arc<MemoryStore>, fault: Option<Fault>) -> Self {
        Self { inner, fault, refused: Mutex::default(), bell: ProgressBell::new() }
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
            _ => self.spoil_steps(txn),
        }
        Ok(())
    }

    /// What is wrong with single operations and names.
    fn spoil_steps(&self, txn: &mut Txn) {
        match self.fault {
            Some(F::NestedIgnoresFence) => {
                each_nested(txn, &mut |nested| nested.fence = None);
            }
            Some(F::NestedAlwaysSucceeds) => {
                each_nested(txn, &mut |nested| nested.compares.clear());
            }
            Some(F::ForgetsRequests) => {
                txn.request_id = None;
                each_nested(txn, &mut |nested| nested.request_id = None);
            }
            Some(F::ForgetsLargeAnswers)
                if txn.success.iter().any(|op| matches!(op, Op::Range(_))) =>
            {
                txn.request_id = None;
            }
            Some(F::FencesRepeats) if txn.fence.is_some() => txn.request_id = None,
            Some(F::TakesHalfOfARequestId) => {
                txn.request_id = txn.request_id.map(|id| RequestId(id.0 & u128::from(u64::MAX)));
            }
            Some(F::KeepsNoValue) => each_put(txn, |put| put.ignore_value = false),
            Some(F::KeepsNoLease) => each_put(txn, |put| put.ignore_lease = false),
            Some(F::KeepsDespiteAValue) => each_put(txn, |put| {
                if put.ignore_value {
                    put.value.clear();
                }
            }),
            Some(F::SortsOnlyThePresent) => {
                for op in &mut txn.success {
                    if let Op::Range(request) = op {
                        request.sort = request.sort.filter(|_| request.revision == Revision::NONE);
                    }
                }
            }
            _ => {}
        }
    }

    /// Nested transactions as transactions of their own.
    async fn nested_afterwards(&self, txn: Txn) -> Result<TxnResponse, Error> {
        let is_nested = |op: &Op| matches!(op, Op::Txn(_));
        let (nested, flat) = txn.success.into_iter().partition::<Vec<_>, _>(is_nested);
        let mut answer = self.inner.txn(Txn { success: flat, ..txn }).await?;
        for op in nested.into_iter().filter(|_| answer.succeeded) {
            let one = self.inner.txn(Txn::ops([op])).await?;
            answer.revision = one.revision;
            answer.responses.extend(one.responses);
        }
        Ok(answer)
    }

    async fn nested_reads_early(&self, txn: Txn) -> Result<TxnResponse, Error> {
        let early = self.inner.range(RangeRequest::new(KeyRange::all())).await?;
        let mut answer = self.inner.txn(txn).await?;
        for response in &mut answer.responses {
            let OpResponse::Txn(nested) = response else { continue };
            for response in &mut nested.responses {
                if let OpResponse::Range(found) = response {
                    found.kvs.clone_from(&early.kvs);
                }
            }
        }
        Ok(answer)
    }

    /// Accepts what must be refused, doing nothing.
    fn accepted(&self) -> Result<TxnResponse, Error> {
        let revision = self.inner.status().revision;
        Ok(TxnResponse { revision, succeeded: true, responses: Vec::new() })
    }

    async fn run_lenient(&self, txn: Txn) -> Result<TxnResponse, Error> {
        let nested = txn.ops_of_both_branches().any(|op| matches!(op, Op::Txn(_)));
        let request = txn.request_id;
        let known = request.and_then(|id| self.refused.lock().unwrap().get(&id).cloned());
        if let Some(error) = known {
            return Err(error);
        }
        let unkept = unkept(&txn);
        match self.inner.txn(txn).await {
            Err(Error::TooManyOps { .. } | Error::Invalid { .. })
                if nested && self.has(F::NestedHasItsOwnBudget) =>
            {
                self.accepted()
            }
            Err(Error::DuplicateKey { .. }) if nested && self.has(F::NestedMayRepeatKeys) => {
                self.accepted()
            }
            Err(Error::TooLarge { .. }) if self.has(F::AcceptsTooLarge) => self.accepted(),
            Err(Error::KeyNotFound { .. }) if self.has(F::CreatesWhatItShouldKeep) => {
                self.inner.txn(unkept).await
            }
            Err(error) if self.has(F::RemembersRefusals) => {
                if let Some(id) = request {
                    self.refused.lock().unwrap().insert(id, error.clone());
                }
                Err(error)
            }
            Ok(mut answer) if self.has(F::NestedAnswersNothing) => {
                for response in &mut answer.responses {
                    if let OpResponse::Txn(nested) = response {
                        nested.revision = answer.revision;
                        nested.responses.clear();
                    }
                }
                Ok(answer)
            }
            result => result,
        }
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
            Some(F::NestedRunsAfterwards) => self.nested_afterwards(txn).await,
            Some(F::NestedReadsBeforeOperating) => self.nested_reads_early(txn).await,
            _ => self.run_lenient(txn).await,
        }
    }

    fn spoil_range(&self, request: &RangeRequest, found: &mut RangeResponse) {
        match self.fault {
            Some(F::CountHonoursLimit) => found.count = found.kvs.len() as u64,
            Some(F::HeaderIsOldRevision) if request.revision > Revision::NONE => {
                found.revision = request.revision;
            }
            Some(F::CountHonoursFilter) => {
                found.count = found.count.min(found.kvs.len() as u64);
            }
            Some(F::LimitsBeforeSorting) => {
                if let Some(sort) = request.sort {
                    found.kvs.sort_by(|a, b| sort.relate(a, b));
                }
            }
            Some(F::LimitsBeforeFiltering) => {
                found.kvs.retain(|kv| request.filter.admits(kv));
            }
            Some(F::SortsWithoutValues) if request.keys_only => {
                found.kvs.iter_mut().for_each(|kv| kv.value.clear());
            }
            Some(F::ReversesTies) if request.sort.is_some_and(|sort| sort.descending) => {
                found.kvs.reverse();
            }
            Some(F::VersionStandsStill) => {
                found.kvs.iter_mut().for_each(|kv| kv.version = 1);
            }
            _ => {}
        }
    }

    fn spoil_order(&self, request: &mut RangeRequest) {
        match self.fault {
            Some(F::SortsUpOnly) => {
                request.sort = request.sort.map(|sort| Sort { descending: false, ..sort });
            }
            Some(F::LimitsBeforeSorting) => request.sort = None,
            Some(F::SortsWithoutValues) if request.keys_only => {
                request.sort = request.sort.filter(|sort| sort.target != SortTarget::Value);
            }
            Some(F::SortsOnlyThePresent) if request.revision > Revision::NONE => {
                request.sort = None;
            }
            Some(F::ReversesTies) => {
                request.sort = request.sort.map(|sort| Sort { descending: false, ..sort });
            }
            Some(F::FilterIgnoresCreation) => {
                request.filter.min_create = Revision::NONE;
                request.filter.max_create = Revision::NONE;
            }
            Some(F::FilterIsOneTooNarrow) if request.filter.max_mod > Revision(1) => {
                request.filter.max_mod = request.filter.max_mod.prev();
            }
            Some(F::LimitsBeforeFiltering) => request.filter = RevisionFilter::default(),
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
            Some(F::BellPromisesTooMuch) if events.is_empty() => {
                vec![WatchBatch::progress(revision.next())]
            }
            Some(F::FragmentsDoNotSayMore) => vec![WatchBatch::new(revision, events.into())],
            Some(F::FragmentsAlways) => WatchBatch::new(revision, events.into()).fragments(1),
            Some(F::WatchReversesARevision) => {
                events.reverse();
                events.sort_by_key(|event| event.kv.mod_revision);
                vec![WatchBatch { revision, events: events.into(), more: batch.more }]
            }
            _ => vec![WatchBatch { revision, events: events.into(), more: batch.more }],
        }
    }
}

fn each_nested(txn: &mut Txn, change: &mut dyn FnMut(&mut Txn)) {
    for op in txn.success.iter_mut().chain(&mut txn.failure) {
        if let Op::Txn(nested) = op {
            change(nested);
            each_nested(nested, change);
        }
    }
}

fn each_put(txn: &mut Txn, change: impl Fn(&mut PutOp)) {
    for op in txn.success.iter_mut().chain(&mut txn.failure) {
        if let Op::Put(put) = op {
            change(put);
        }
    }
}

/// The same transaction, keeping nothing.
fn unkept(txn: &Txn) -> Txn {
    let mut txn = txn.clone();
    each_put(&mut txn, |put| (put.ignore_value, put.ignore_lease) = (false, false));
    txn
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
            _ => self.spoil_order(&mut request),
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
        if self.has(F::CompactsAtStrangeRevisions) && revision <= Revision::NONE {
            return Ok(());
        }
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
            Some(F::WatchIgnoresFilter) => request.without.clear(),
            Some(F::WatchTellsPrevKvUnasked) => request.prev_kv = true,
            Some(F::WatchDoesNotFragment) => request.fragment = 0,
            Some(F::BellIsNotHeard) => request.bell = None,
            Some(F::BellIsHeardByAll) => request.bell = Some(self.bell.clone()),
            _ => {}
        }
        let spoiler = Self::new(Arc::clone(&self.inner), self.fault);
        let stream = self.inner.watch(request).await?;
        if self.has(F::BellIsHeardByAll) {
            self.bell.ring();
        }
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
