//! Requests that are sent again.

use super::Fixture;
use super::case::CaseResult;
use super::fixture::put_leased;
use crate::{Compare, Error, KeyRange, Op, RangeRequest, RequestId, Txn};
use quorate_types::{LeaseId, Term};

cases!("request":
    a_repeat_answers_as_the_first_did_and_changes_nothing,
    requests_of_other_names_are_applied,
    a_refusal_is_not_remembered,
    a_repeat_is_answered_whatever_its_fence,
    a_large_answer_may_be_forgotten_but_nothing_is_applied_again,
    repeats_at_the_same_time_are_applied_once,
    a_nested_name_is_refused,
);

fn increment(id: u128) -> Txn {
    Txn::put("k", "v")
        .when(Compare::absent("k"))
        .otherwise([Op::put("k", "w")])
        .identified(RequestId(id))
}

async fn a_repeat_answers_as_the_first_did_and_changes_nothing(fixture: &Fixture) -> CaseResult {
    let first = fixture.txn(increment(1)).await?;
    ensure!(first.succeeded, "the key is absent at first");
    fixture.put("other", "1").await?;
    for _ in 0..3 {
        ensure_eq!(fixture.txn(increment(1)).await?, first, "the answer to a repeat");
    }
    let found = fixture.all().await?;
    ensure_eq!(found.revision, first.revision.next(), "revision");
    ensure_eq!(fixture.existing("k").await?.version, 1, "version");
    Ok(())
}

async fn requests_of_other_names_are_applied(fixture: &Fixture) -> CaseResult {
    for id in [0, 1, 1 << 64, u128::MAX] {
        fixture.txn(increment(id)).await?;
    }
    fixture.put("k", "unnamed").await?;
    fixture.put("k", "unnamed").await?;
    ensure_eq!(fixture.existing("k").await?.version, 6, "version");
    Ok(())
}

async fn a_refusal_is_not_remembered(fixture: &Fixture) -> CaseResult {
    let lease = LeaseId(4711);
    let attach = Txn::ops([put_leased("k", "1", lease)]).identified(RequestId(1));
    let error = fixture.refused(attach.clone()).await?;
    ensure_eq!(error, Error::LeaseNotFound(lease), "before the lease exists");
    fixture.store.lease_grant(lease, std::time::Duration::from_secs(3600)).await?;
    fixture.txn(attach).await?;
    ensure_eq!(fixture.existing("k").await?.lease, lease, "lease of the key");
    Ok(())
}

async fn a_repeat_is_answered_whatever_its_fence(fixture: &Fixture) -> CaseResult {
    let first = fixture.txn(increment(1)).await?;
    let fenced = increment(1).fenced(Some(Term(u64::MAX)));
    ensure_eq!(fixture.txn(fenced).await?, first, "a repeat by a deposed leader");
    Ok(())
}

async fn a_large_answer_may_be_forgotten_but_nothing_is_applied_again(
    fixture: &Fixture,
) -> CaseResult {
    fixture.txn(Txn::put("large", vec![7; 100_000])).await?;
    let read = Op::Range(RangeRequest::new(KeyRange::all()));
    let request = Txn::ops([Op::put("k", "v"), read]).identified(RequestId(1));
    let first = fixture.txn(request.clone()).await?;
    match fixture.store.txn(request).await {
        Ok(again) => ensure_eq!(again, first, "the answer to a repeat"),
        Err(Error::AlreadyApplied { revision }) => {
            ensure_eq!(revision, first.revision, "revision of what was applied");
        }
        Err(error) => return Err(error.into()),
    }
    ensure_eq!(fixture.existing("k").await?.version, 1, "version");
    Ok(())
}

async fn repeats_at_the_same_time_are_applied_once(fixture: &Fixture) -> CaseResult {
    let sent = (0..8).map(|_| fixture.txn(increment(1)));
    let answers = futures::future::try_join_all(sent).await?;
    ensure!(answers.iter().all(|answer| answer == &answers[0]), "answers differ: {answers:?}");
    ensure_eq!(fixture.existing("k").await?.version, 1, "version");
    Ok(())
}

async fn a_nested_name_is_refused(fixture: &Fixture) -> CaseResult {
    let error = fixture.refused(Txn::ops([Op::Txn(increment(1))])).await?;
    ensure!(matches!(error, Error::Invalid { .. }), "got {error}");
    Ok(())
}
