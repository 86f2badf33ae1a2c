//! What transactions do, answer, and refuse.

use super::Fixture;
use super::case::CaseResult;
use super::fixture::{keys, put_leased, put_with_prev};
use crate::{Compare, Error, KeyRange, Op, OpResponse, RangeRequest, Txn};
use quorate_types::{LeaseId, Revision};

cases!("txn":
    a_put_advances_revision_and_version,
    a_put_of_the_same_value_is_a_change,
    put_answers_with_the_key_as_it_was_if_asked,
    a_key_that_is_created_again_starts_anew,
    delete_answers_with_the_keys_as_they_were_if_asked,
    deleting_nothing_changes_nothing,
    all_operations_share_one_revision,
    a_txn_that_only_reads_does_not_advance_the_revision,
    an_empty_txn_succeeds_without_effect,
    a_read_sees_earlier_operations_and_no_later_ones,
    a_read_after_a_change_reports_the_revision_of_the_txn,
    a_read_in_a_txn_can_look_at_the_past,
    one_key_put_twice_is_refused,
    a_put_that_overlaps_a_deletion_is_refused_in_either_order,
    a_deletion_without_an_end_may_delete_what_is_put_before_it,
    deletions_may_overlap,
    both_branches_may_write_the_same_key,
    an_unknown_lease_refuses_the_whole_txn,
    a_read_ahead_of_the_store_refuses_the_whole_txn,
    a_branch_that_does_not_run_is_not_held_against_the_state,
);

async fn a_put_advances_revision_and_version(fixture: &Fixture) -> CaseResult {
    for step in 1..=3 {
        let revision = fixture.put("k", &step.to_string()).await?;
        ensure_eq!(revision, Revision(1 + step), "revision of put {step}");
        let kv = fixture.existing("k").await?;
        ensure_eq!(&*kv.value, step.to_string().as_bytes(), "value after put {step}");
        ensure_eq!(kv.version, step, "version after put {step}");
        ensure_eq!(kv.mod_revision, revision, "mod revision after put {step}");
        ensure_eq!(kv.create_revision, Revision(2), "create revision after put {step}");
        ensure_eq!(kv.lease, LeaseId::NONE, "lease after put {step}");
    }
    Ok(())
}

async fn a_put_of_the_same_value_is_a_change(fixture: &Fixture) -> CaseResult {
    let first = fixture.put("k", "same").await?;
    let second = fixture.put("k", "same").await?;
    ensure_eq!(second, first.next(), "revision of the second put");
    ensure_eq!(fixture.existing("k").await?.version, 2, "version");
    Ok(())
}

async fn put_answers_with_the_key_as_it_was_if_asked(fixture: &Fixture) -> CaseResult {
    let created = fixture.txn(Txn::ops([put_with_prev("k", "1")])).await?;
    ensure_eq!(created.responses, [OpResponse::Put { prev_kv: None }], "answer of a creation");
    let before = fixture.existing("k").await?;
    let changed = fixture.txn(Txn::ops([put_with_prev("k", "2")])).await?;
    let want = OpResponse::Put { prev_kv: Some(before) };
    ensure_eq!(changed.responses, [want], "answer of a change");
    let unasked = fixture.txn(Txn::put("k", "3")).await?;
    ensure_eq!(unasked.responses, [OpResponse::Put { prev_kv: None }], "answer without asking");
    Ok(())
}

async fn a_key_that_is_created_again_starts_anew(fixture: &Fixture) -> CaseResult {
    fixture.put("k", "1").await?;
    fixture.put("k", "2").await?;
    fixture.delete("k").await?;
    ensure_eq!(fixture.key("k").await?, None, "the deleted key");
    let revision = fixture.put("k", "3").await?;
    let kv = fixture.existing("k").await?;
    ensure_eq!((kv.version, kv.create_revision), (1, revision), "version and create revision");
    Ok(())
}

async fn delete_answers_with_the_keys_as_they_were_if_asked(fixture: &Fixture) -> CaseResult {
    fixture.put_all(&["a", "b", "c", "d"]).await?;
    let before = fixture.all().await?.kvs;
    let delete = |range, prev_kv| Txn::ops([Op::Delete { range, prev_kv }]);
    let asked = fixture.txn(delete(KeyRange::Span("a".into(), "c".into()), true)).await?;
    let want = OpResponse::Delete { deleted: 2, prev_kvs: before[..2].to_vec() };
    ensure_eq!(asked.responses, [want], "answer of a deletion");
    let unasked = fixture.txn(delete(KeyRange::From("d".into()), false)).await?;
    let want = OpResponse::Delete { deleted: 1, prev_kvs: Vec::new() };
    ensure_eq!(unasked.responses, [want], "answer without asking");
    ensure_eq!(keys(&fixture.all().await?.kvs), ["c"], "keys left");
    Ok(())
}

async fn deleting_nothing_changes_nothing(fixture: &Fixture) -> CaseResult {
    let revision = fixture.put("k", "1").await?;
    let answer = fixture.txn(Txn::delete("missing")).await?;
    let want = OpResponse::Delete { deleted: 0, prev_kvs: Vec::new() };
    ensure_eq!(answer.responses, [want], "answer of deleting nothing");
    ensure_eq!(answer.revision, revision, "revision of the answer");
    ensure_eq!(fixture.revision().await?, revision, "revision of the store");
    Ok(())
}

async fn all_operations_share_one_revision(fixture: &Fixture) -> CaseResult {
    let before = fixture.put_all(&["gone", "old"]).await?;
    let ops = [Op::put("new", "1"), Op::delete("gone"), Op::put("old", "2")];
    let answer = fixture.txn(Txn::ops(ops)).await?;
    ensure!(answer.succeeded, "a transaction without compares succeeds");
    ensure_eq!(answer.revision, before.next(), "revision of the transaction");
    ensure_eq!(answer.responses.len(), 3, "answers");
    let found = fixture.all().await?;
    ensure_eq!(found.revision, answer.revision, "revision of the store");
    ensure_eq!(keys(&found.kvs), ["new", "old"], "keys");
    for kv in &found.kvs {
        ensure_eq!(kv.mod_revision, answer.revision, "mod revision of {:?}", kv.key);
    }
    let past = fixture.range(RangeRequest::new(KeyRange::all()).at(before)).await?;
    ensure_eq!(keys(&past.kvs), ["gone", "old"], "keys before the transaction");
    Ok(())
}

async fn a_txn_that_only_reads_does_not_advance_the_revision(fixture: &Fixture) -> CaseResult {
    let revision = fixture.put("k", "1").await?;
    let answer = fixture.txn(Txn::ops([Op::Range(RangeRequest::key("k"))])).await?;
    ensure_eq!(answer.revision, revision, "revision of the answer");
    let OpResponse::Range(found) = &answer.responses[0] else {
        return Err(super::CaseError::Wrong(format!("not the answer of a read: {answer:?}")));
    };
    ensure_eq!(found.revision, revision, "revision of the read");
    ensure_eq!(found.kvs, [fixture.existing("k").await?], "keys of the read");
    ensure_eq!(fixture.revision().await?, revision, "revision of the store");
    Ok(())
}

async fn an_empty_txn_succeeds_without_effect(fixture: &Fixture) -> CaseResult {
    let revision = fixture.put("k", "1").await?;
    let answer = fixture.txn(Txn::default()).await?;
    ensure!(answer.succeeded && answer.responses.is_empty(), "answer: {answer:?}");
    ensure_eq!(answer.revision, revision, "revision of the answer");
    Ok(())
}

async fn a_read_sees_earlier_operations_and_no_later_ones(fixture: &Fixture) -> CaseResult {
    fixture.put_all(&["a", "b"]).await?;
    let read = || Op::Range(RangeRequest::new(KeyRange::all()));
    let ops =
        [read(), Op::put("c", "1"), read(), Op::delete("a"), read(), Op::put("b", "2"), read()];
    let answer = fixture.txn(Txn::ops(ops)).await?;
    let mut seen = Vec::new();
    for response in &answer.responses {
        if let OpResponse::Range(found) = response {
            seen.push(keys(&found.kvs).join(" "));
            let kvs = found.kvs.iter().filter(|kv| kv.mod_revision > answer.revision);
            ensure_eq!(kvs.count(), 0, "keys of a later revision");
        }
    }
    ensure_eq!(seen, ["a b", "a b c", "b c", "b c"], "what the four reads see");
    let Some(OpResponse::Range(last)) = answer.responses.last() else {
        return Err(super::CaseError::Wrong("the last answer is no read".to_owned()));
    };
    let versions: Vec<i64> = last.kvs.iter().map(|kv| kv.version).collect();
    ensure_eq!(versions, [2, 1], "versions in the last read");
    Ok(())
}

async fn a_read_after_a_change_reports_the_revision_of_the_txn(fixture: &Fixture) -> CaseResult {
    let before = fixture.put("a", "1").await?;
    let read = || Op::Range(RangeRequest::key("a"));
    let answer = fixture.txn(Txn::ops([read(), Op::put("b", "1"), read()])).await?;
    let revision = |at: usize| match &answer.responses[at] {
        OpResponse::Range(found) => Some(found.revision),
        _ => None,
    };
    ensure_eq!(revision(0), Some(before), "revision of the read before the put");
    ensure_eq!(revision(2), Some(before.next()), "revision of the read after the put");
    Ok(())
}

async fn a_read_in_a_txn_can_look_at_the_past(fixture: &Fixture) -> CaseResult {
    let past = fixture.put("k", "1").await?;
    fixture.put("k", "2").await?;
    let ops = [Op::put("k", "3"), Op::Range(RangeRequest::key("k").at(past))];
    let answer = fixture.txn(Txn::ops(ops)).await?;
    let Some(OpResponse::Range(found)) = answer.responses.last() else {
        return Err(super::CaseError::Wrong(format!("not the answer of a read: {answer:?}")));
    };
    ensure_eq!(&*found.kvs[0].value, b"1", "the value at revision {past}");
    Ok(())
}

async fn one_key_put_twice_is_refused(fixture: &Fixture) -> CaseResult {
    fixture.put("a", "0").await?;
    let twice = || [Op::put("a", "1"), Op::put("b", "1"), Op::put("a", "2")];
    let error = fixture.refused(Txn::ops(twice())).await?;
    ensure_eq!(error, Error::DuplicateKey { key: "a".to_owned() }, "one key put twice");
    let idle = fixture.refused(Txn::default().otherwise(twice())).await?;
    ensure!(matches!(idle, Error::DuplicateKey { .. }), "in a branch that does not run: {idle}");
    Ok(())
}

async fn a_put_that_overlaps_a_deletion_is_refused_in_either_order(
    fixture: &Fixture,
) -> CaseResult {
    fixture.put_all(&["a", "b"]).await?;
    let delete = |range: KeyRange| Op::Delete { range, prev_kv: false };
    let span = || KeyRange::Span("a".into(), "c".into());
    let refused = [
        [Op::put("b", "1"), delete(span())],
        [delete(span()), Op::put("b", "1")],
        [Op::put("b", "1"), Op::delete("b")],
        [delete(KeyRange::Span("a".into(), "z".into())), Op::put("new", "1")],
    ];
    for ops in refused {
        let error = fixture.refused(Txn::ops(ops.clone())).await?;
        ensure!(matches!(error, Error::DuplicateKey { .. }), "{ops:?}: got {error}");
    }
    fixture.txn(Txn::ops([Op::put("c", "1"), delete(span())])).await?;
    ensure_eq!(keys(&fixture.all().await?.kvs), ["c"], "keys beside the end of a deleted span");
    Ok(())
}

/// etcd's rule, as strange as it is: what has no end is not looked at.
async fn a_deletion_without_an_end_may_delete_what_is_put_before_it(
    fixture: &Fixture,
) -> CaseResult {
    fixture.put_all(&["a", "b"]).await?;
    let all = || Op::Delete { range: KeyRange::all(), prev_kv: false };
    let answer = fixture.txn(Txn::ops([Op::put("c", "1"), all()])).await?;
    let want = OpResponse::Delete { deleted: 3, prev_kvs: Vec::new() };
    ensure_eq!(answer.responses.last(), Some(&want), "answer of the deletion");
    ensure_eq!(fixture.all().await?.kvs, [], "keys after the deletion");
    let answer = fixture.txn(Txn::ops([all(), Op::put("c", "1")])).await?;
    let kv = fixture.existing("c").await?;
    ensure_eq!((kv.version, kv.create_revision), (1, answer.revision), "a key put after it");
    Ok(())
}

async fn deletions_may_overlap(fixture: &Fixture) -> CaseResult {
    let before = fixture.put_all(&["a", "b", "c"]).await?;
    let span = KeyRange::Span("a".into(), "c".into());
    let ops = [Op::delete("b"), Op::Delete { range: span, prev_kv: true }, Op::delete("b")];
    let answer = fixture.txn(Txn::ops(ops)).await?;
    let mut counts = Vec::new();
    for response in &answer.responses {
        if let OpResponse::Delete { deleted, .. } = response {
            counts.push(*deleted);
        }
    }
    ensure_eq!(counts, [1, 1, 0], "keys deleted by each operation");
    ensure_eq!(answer.revision, before.next(), "revision");
    Ok(())
}

async fn both_branches_may_write_the_same_key(fixture: &Fixture) -> CaseResult {
    let txn = Txn::put("k", "then").when(Compare::absent("k")).otherwise([Op::put("k", "else")]);
    ensure!(fixture.txn(txn.clone()).await?.succeeded, "the key is absent at first");
    ensure_eq!(&*fixture.existing("k").await?.value, b"then", "value after the first");
    ensure!(!fixture.txn(txn).await?.succeeded, "the key is present then");
    ensure_eq!(&*fixture.existing("k").await?.value, b"else", "value after the second");
    Ok(())
}

async fn an_unknown_lease_refuses_the_whole_txn(fixture: &Fixture) -> CaseResult {
    fixture.put("b", "0").await?;
    let lease = LeaseId(987_654_321);
    let ops = [Op::put("a", "1"), Op::delete("b"), put_leased("c", "1", lease), Op::put("d", "1")];
    let error = fixture.refused(Txn::ops(ops)).await?;
    ensure_eq!(error, Error::LeaseNotFound(lease), "a put with an unknown lease");
    Ok(())
}

async fn a_read_ahead_of_the_store_refuses_the_whole_txn(fixture: &Fixture) -> CaseResult {
    let current = fixture.put("a", "0").await?;
    let ahead = Op::Range(RangeRequest::key("a").at(current.next()));
    let error = fixture.refused(Txn::ops([Op::put("b", "1"), ahead])).await?;
    let want = Error::FutureRevision { requested: current.next(), current };
    ensure_eq!(error, want, "a read at the revision of its own transaction");
    Ok(())
}

async fn a_branch_that_does_not_run_is_not_held_against_the_state(fixture: &Fixture) -> CaseResult {
    let doomed = [put_leased("k", "1", LeaseId(987_654_321))];
    let answer = fixture.txn(Txn::put("k", "2").otherwise(doomed)).await?;
    ensure!(answer.succeeded, "the branch that runs is fine");
    ensure_eq!(&*fixture.existing("k").await?.value, b"2", "value");
    Ok(())
}
