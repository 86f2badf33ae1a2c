//! Transactions in transactions.

use super::case::CaseResult;
use super::fixture::{keys, put_leased};
use super::{CaseError, Fixture};
use crate::{Compare, Error, KeyRange, Op, OpResponse, RangeRequest, Txn, TxnResponse};
use quorate_types::limits::{MAX_TXN_DEPTH, MAX_TXN_OPS};
use quorate_types::{LeaseId, Revision, Term};

cases!("nested":
    the_branch_that_its_own_conditions_choose_runs,
    its_conditions_look_at_the_state_before_the_outermost,
    everything_shares_one_revision,
    a_nested_read_sees_earlier_operations,
    an_answer_tells_the_revision_and_the_branch_of_each_level,
    a_branch_that_does_not_run_has_no_say,
    an_unknown_lease_deep_inside_refuses_everything,
    writing_a_key_twice_is_refused_across_levels,
    branches_that_exclude_each_other_may_write_the_same_key,
    a_later_transaction_may_delete_what_an_earlier_one_puts,
    operations_of_all_levels_are_bounded_together,
    nesting_too_deep_is_refused,
    a_fence_inside_is_held,
);

fn nested(txn: Txn) -> Op {
    Op::Txn(txn)
}

fn inner(response: &TxnResponse, at: usize) -> Result<&TxnResponse, CaseError> {
    match response.responses.get(at) {
        Some(OpResponse::Txn(inner)) => Ok(inner),
        other => Err(CaseError::Wrong(format!("answer {at} is of no transaction: {other:?}"))),
    }
}

async fn the_branch_that_its_own_conditions_choose_runs(fixture: &Fixture) -> CaseResult {
    fixture.put("there", "1").await?;
    let choose = |key: &'static str, then: &'static str, other: &'static str| {
        let txn = Txn::put(then, "1").when(Compare::present(key));
        nested(txn.otherwise([Op::put(other, "1")]))
    };
    let txn = Txn::ops([choose("there", "a", "b"), choose("missing", "c", "d")]);
    let answer = fixture.txn(txn.otherwise([choose("there", "e", "f")])).await?;
    ensure!(answer.succeeded, "the outermost has no condition");
    ensure!(inner(&answer, 0)?.succeeded && !inner(&answer, 1)?.succeeded, "{answer:?}");
    ensure_eq!(keys(&fixture.all().await?.kvs), ["a", "d", "there"], "keys written");
    Ok(())
}

async fn its_conditions_look_at_the_state_before_the_outermost(fixture: &Fixture) -> CaseResult {
    let seen = Txn::put("seen", "1").when(Compare::present("k")).otherwise([Op::put("not", "1")]);
    let answer = fixture.txn(Txn::ops([Op::put("k", "1"), nested(seen)])).await?;
    ensure!(!inner(&answer, 1)?.succeeded, "a condition saw a put of its own transaction");
    ensure_eq!(keys(&fixture.all().await?.kvs), ["k", "not"], "keys written");
    Ok(())
}

async fn everything_shares_one_revision(fixture: &Fixture) -> CaseResult {
    let before = fixture.put("old", "1").await?;
    let deep = nested(Txn::ops([Op::put("b", "1"), nested(Txn::put("c", "1"))]));
    let ops = [Op::put("a", "1"), deep, nested(Txn::delete("old"))];
    let revision = fixture.txn(Txn::ops(ops)).await?.revision;
    ensure_eq!(revision, before.next(), "revision of the transaction");
    let found = fixture.all().await?;
    ensure_eq!((keys(&found.kvs).concat(), found.revision), ("abc".to_owned(), revision), "state");
    ensure!(found.kvs.iter().all(|kv| kv.mod_revision == revision), "{found:?}");
    let told = fixture.watch_all(revision).await?.until(revision).await?;
    let told: Vec<_> = told.iter().map(|event| event.kv.key.clone()).collect();
    ensure_eq!(told, ["a", "b", "c", "old"], "events in the order of the operations");
    Ok(())
}

async fn a_nested_read_sees_earlier_operations(fixture: &Fixture) -> CaseResult {
    fixture.put("gone", "1").await?;
    let read = || Op::Range(RangeRequest::new(KeyRange::all()));
    let inside = nested(Txn::ops([read(), nested(Txn::delete("gone")), read()]));
    let answer = fixture.txn(Txn::ops([Op::put("a", "1"), inside])).await?;
    let seen: Vec<Vec<String>> = inner(&answer, 1)?
        .responses
        .iter()
        .filter_map(|response| match response {
            OpResponse::Range(found) => Some(keys(&found.kvs)),
            _ => None,
        })
        .collect();
    ensure_eq!(seen, [vec!["a", "gone"], vec!["a"]], "what the two reads see");
    Ok(())
}

async fn an_answer_tells_the_revision_and_the_branch_of_each_level(
    fixture: &Fixture,
) -> CaseResult {
    let before = fixture.put("k", "1").await?;
    let ops = [nested(Txn::default()), Op::put("k", "2"), nested(Txn::default())];
    let answer = fixture.txn(Txn::ops(ops)).await?;
    let idle = |revision| TxnResponse { revision, succeeded: true, responses: Vec::new() };
    ensure_eq!(inner(&answer, 0)?, &idle(before), "before the put");
    ensure_eq!(inner(&answer, 2)?, &idle(before.next()), "after the put");
    Ok(())
}

async fn a_branch_that_does_not_run_has_no_say(fixture: &Fixture) -> CaseResult {
    let doomed = nested(Txn::ops([put_leased("k", "1", LeaseId(987_654_321))]));
    let never = nested(Txn::ops([doomed]).when(Compare::present("missing")));
    fixture.txn(Txn::ops([Op::put("a", "1"), never])).await?;
    ensure_eq!(keys(&fixture.all().await?.kvs), ["a"], "keys written");
    Ok(())
}

async fn an_unknown_lease_deep_inside_refuses_everything(fixture: &Fixture) -> CaseResult {
    fixture.put("b", "0").await?;
    let lease = LeaseId(987_654_321);
    let deep = nested(Txn::ops([nested(Txn::ops([put_leased("c", "1", lease)]))]));
    let error = fixture.refused(Txn::ops([Op::put("a", "1"), Op::delete("b"), deep])).await?;
    ensure_eq!(error, Error::LeaseNotFound(lease), "a put with an unknown lease");
    Ok(())
}

async fn writing_a_key_twice_is_refused_across_levels(fixture: &Fixture) -> CaseResult {
    fixture.put("k", "0").await?;
    let put = || Op::put("k", "1");
    let then = |op| nested(Txn::ops([op]));
    let other = |op| nested(Txn::default().otherwise([op]));
    let span = || KeyRange::Span("a".into(), "z".into());
    let delete_all = || Op::Delete { range: span(), prev_kv: false };
    let refused = [
        [put(), then(put())],
        [other(put()), put()],
        [then(put()), other(put())],
        [delete_all(), then(put())],
        [then(put()), delete_all()],
        [other(delete_all()), then(put())],
        [then(nested(Txn::ops([put()]))), put()],
    ];
    for ops in refused {
        let error = fixture.refused(Txn::ops(ops.clone())).await?;
        ensure_eq!(error, Error::DuplicateKey { key: "k".to_owned() }, "{ops:?}");
    }
    Ok(())
}

async fn branches_that_exclude_each_other_may_write_the_same_key(fixture: &Fixture) -> CaseResult {
    let either = Txn::put("k", "then").when(Compare::absent("k"));
    let either = nested(either.otherwise([Op::put("k", "else")]));
    for want in ["then", "else"] {
        fixture.txn(Txn::ops([either.clone()])).await?;
        ensure_eq!(&*fixture.existing("k").await?.value, want.as_bytes(), "value");
    }
    Ok(())
}

/// etcd's rule, as strange as it is: the other way round is refused.
async fn a_later_transaction_may_delete_what_an_earlier_one_puts(fixture: &Fixture) -> CaseResult {
    let ops = [nested(Txn::put("k", "1")), nested(Txn::delete("k"))];
    let before = fixture.put("k", "0").await?;
    let old = fixture.existing("k").await?;
    let answer = fixture.txn(Txn::ops(ops)).await?;
    let want = OpResponse::Delete { deleted: 1, prev_kvs: Vec::new() };
    ensure_eq!(inner(&answer, 1)?.responses, [want], "answer of the deletion");
    ensure_eq!(answer.revision, before.next(), "revision");
    ensure_eq!(fixture.key("k").await?, None, "the key");
    let told = fixture.watch_all(answer.revision).await?.until(answer.revision).await?;
    let previous: Vec<_> = told.iter().map(|event| event.prev_kv.clone()).collect();
    let put = told.first().map(|event| event.kv.clone());
    ensure_eq!(previous, [Some(old), put], "previous keys of the put and the deletion");
    // Neither the value before nor the one between comes back when the past is forgotten.
    let last = fixture.put_all(&["a", "b"]).await?;
    fixture.store.compact(last).await?;
    fixture.put_all(&["a", "b"]).await?;
    for revision in last.0..=last.0 + 2 {
        let found =
            fixture.range(RangeRequest::new(KeyRange::all()).at(Revision(revision))).await?;
        ensure_eq!(keys(&found.kvs), ["a", "b"], "keys at revision {revision}");
    }
    Ok(())
}

async fn operations_of_all_levels_are_bounded_together(fixture: &Fixture) -> CaseResult {
    let puts = |count: usize| (0..count).map(|number| Op::put(format!("k{number}"), "v"));
    let around = |inner: usize| Txn::ops([Op::delete("a"), nested(Txn::ops(puts(inner)))]);
    let error = fixture.refused(around(MAX_TXN_OPS - 1)).await?;
    let want = Error::TooManyOps { given: MAX_TXN_OPS - 1, limit: MAX_TXN_OPS - 2 };
    ensure_eq!(error, want, "one operation too many inside");
    fixture.txn(around(MAX_TXN_OPS - 2)).await?;
    Ok(())
}

async fn nesting_too_deep_is_refused(fixture: &Fixture) -> CaseResult {
    let deep = |depth: usize| (1..depth).fold(Txn::put("k", "v"), |txn, _| Txn::ops([nested(txn)]));
    for depth in [MAX_TXN_DEPTH + 1, MAX_TXN_DEPTH + 100] {
        let error = fixture.refused(deep(depth)).await?;
        ensure!(matches!(error, Error::Invalid { .. }), "{depth} levels: {error}");
    }
    fixture.txn(deep(MAX_TXN_DEPTH)).await?;
    fixture.existing("k").await?;
    Ok(())
}

async fn a_fence_inside_is_held(fixture: &Fixture) -> CaseResult {
    let written = Term(u64::MAX);
    let fenced = nested(Txn::put("k", "1").fenced(Some(written)));
    let error = fixture.refused(Txn::ops([Op::put("a", "1"), fenced])).await?;
    let held = matches!(&error, Error::Fenced { written: told, .. } if *told == written);
    ensure!(held, "a nested write fenced with term {written}: got {error}");
    Ok(())
}
