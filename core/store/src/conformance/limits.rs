//! What is too small, too many or too large.

use super::Fixture;
use super::case::CaseResult;
use crate::{
    Compare, CompareOp, CompareTarget, Error, KeyRange, Op, RangeRequest, Txn, WatchRequest,
};
use bytes::Bytes;
use quorate_types::Revision;
use quorate_types::limits::{MAX_REQUEST_BYTES, MAX_TXN_OPS};

cases!("limits":
    an_empty_key_is_refused_everywhere,
    as_many_operations_as_allowed_are_accepted,
    one_operation_too_many_is_refused,
    a_value_as_large_as_allowed_is_kept_whole,
    a_request_too_large_is_refused,
    everything_in_a_request_counts,
    a_key_as_large_as_the_request_is_refused_or_kept_whole,
    strange_revisions_are_refused_or_read_the_present,
);

async fn an_empty_key_is_refused_everywhere(fixture: &Fixture) -> CaseResult {
    let empty = || KeyRange::Key(Bytes::new());
    let read = fixture.store.range(RangeRequest::new(empty())).await;
    ensure_eq!(read, Err(Error::EmptyKey), "a read");
    let watch = fixture.store.watch(WatchRequest::new(empty())).await.map(|_| ());
    ensure_eq!(watch, Err(Error::EmptyKey), "a watch");
    let compare =
        Compare { range: empty(), op: CompareOp::Equal, target: CompareTarget::Version(0) };
    let txns = [
        Txn::ops([Op::put("a", "1"), Op::put("", "1")]),
        Txn::ops([Op::put("a", "1"), Op::delete("")]),
        Txn::ops([Op::put("a", "1"), Op::Range(RangeRequest::new(empty()))]),
        Txn::put("a", "1").when(compare),
        Txn::put("a", "1").otherwise([Op::put("", "1")]),
    ];
    for txn in txns {
        ensure_eq!(fixture.refused(txn.clone()).await?, Error::EmptyKey, "{txn:?}");
    }
    Ok(())
}

fn puts(count: usize) -> impl Iterator<Item = Op> {
    (0..count).map(|number| Op::put(format!("k{number}"), "v"))
}

async fn as_many_operations_as_allowed_are_accepted(fixture: &Fixture) -> CaseResult {
    let answer = fixture.txn(Txn::ops(puts(MAX_TXN_OPS))).await?;
    ensure_eq!(answer.responses.len(), MAX_TXN_OPS, "answers");
    let found = fixture.all().await?;
    ensure_eq!(found.count, MAX_TXN_OPS as u64, "keys");
    ensure_eq!(found.revision, answer.revision, "revision");
    Ok(())
}

async fn one_operation_too_many_is_refused(fixture: &Fixture) -> CaseResult {
    let compares = Txn {
        compares: (0..=MAX_TXN_OPS).map(|number| Compare::absent(format!("k{number}"))).collect(),
        ..Txn::default()
    };
    let txns = [
        Txn::ops(puts(MAX_TXN_OPS + 1)),
        Txn::default().otherwise(puts(MAX_TXN_OPS + 1)),
        compares,
    ];
    for txn in txns {
        let error = fixture.refused(txn).await?;
        let want = Error::TooManyOps { given: MAX_TXN_OPS + 1, limit: MAX_TXN_OPS };
        ensure_eq!(error, want, "one too many");
    }
    Ok(())
}

async fn a_value_as_large_as_allowed_is_kept_whole(fixture: &Fixture) -> CaseResult {
    let value: Bytes = (0..=255_u8).cycle().take(MAX_REQUEST_BYTES - 1).collect();
    fixture.txn(Txn::put("k", value.clone())).await?;
    ensure!(fixture.existing("k").await?.value == value, "the value came back changed");
    Ok(())
}

async fn a_request_too_large_is_refused(fixture: &Fixture) -> CaseResult {
    let half = Bytes::from(vec![7; MAX_REQUEST_BYTES / 2]);
    let ops = [Op::put("a", half.clone()), Op::put("b", half)];
    let error = fixture.refused(Txn::ops(ops)).await?;
    let bytes = MAX_REQUEST_BYTES + 2 + Txn::STEP_BYTES;
    let want = Error::TooLarge { bytes, limit: MAX_REQUEST_BYTES };
    ensure_eq!(error, want, "two halves and two keys");
    Ok(())
}

/// A request is as large as everything in it: range ends, compared values, nested transactions.
async fn everything_in_a_request_counts(fixture: &Fixture) -> CaseResult {
    let large = || Bytes::from(vec![b'z'; MAX_REQUEST_BYTES]);
    let span = || KeyRange::Span("a".into(), large());
    let target = CompareTarget::Value(large());
    let compare = Compare { range: KeyRange::Key("k".into()), op: CompareOp::Equal, target };
    let txns = [
        Txn::default().when(compare),
        Txn::ops([Op::Delete { range: span(), prev_kv: false }]),
        Txn::ops([Op::Range(RangeRequest::new(span()))]),
        Txn::ops([Op::Txn(Txn::default().otherwise([Op::put("k", large())]))]),
    ];
    for txn in txns {
        let error = fixture.refused(txn).await?;
        ensure!(matches!(error, Error::TooLarge { .. }), "got {error}");
    }
    Ok(())
}

async fn a_key_as_large_as_the_request_is_refused_or_kept_whole(fixture: &Fixture) -> CaseResult {
    let key: Bytes = vec![0; MAX_REQUEST_BYTES + 1].into();
    let error = fixture.refused(Txn::put(key, "")).await?;
    ensure!(matches!(error, Error::TooLarge { .. }), "one byte too many: {error}");
    // Zeros are what an encoding of keys may have to escape.
    let key: Bytes = vec![0; 100_000].into();
    fixture.txn(Txn::put(key.clone(), "v")).await?;
    let found = fixture.all().await?;
    ensure!(found.kvs.len() == 1 && found.kvs[0].key == key, "a large key came back changed");
    let past = fixture.range(RangeRequest::key(key).at(found.revision)).await?;
    ensure_eq!(past.count, 1, "a large key at its revision");
    Ok(())
}

/// Negative revisions read the present, as in etcd; what they cannot mean is refused.
async fn strange_revisions_are_refused_or_read_the_present(fixture: &Fixture) -> CaseResult {
    fixture.txn(Txn::put("k", "v")).await?;
    for revision in [i64::MIN, -1, 0] {
        let found = fixture.range(RangeRequest::key("k").at(Revision(revision))).await?;
        ensure_eq!(found.count, 1, "a read at revision {revision}");
        let result = fixture.store.compact(Revision(revision)).await;
        ensure_refused!(result, Error::Compacted { .. }, "compacting at revision {revision}");
    }
    let far = Revision(i64::MAX);
    let read = fixture.store.range(RangeRequest::key("k").at(far)).await;
    ensure_refused!(read, Error::FutureRevision { .. }, "a read at the last revision of all");
    let result = fixture.store.compact(far).await;
    ensure_refused!(result, Error::FutureRevision { .. }, "compacting at the last revision of all");
    for from in [i64::MIN, -1] {
        let request = WatchRequest::new(KeyRange::all()).from(Revision(from));
        let mut watch = fixture.watch(request).await?;
        let item = watch.item().await?.unwrap_or(Err(Error::Timeout));
        ensure_refused!(item, Error::Compacted { .. }, "a watch from revision {from}");
    }
    // Nothing to tell for a long time, and no panic.
    let request = WatchRequest::new(KeyRange::all()).from(far);
    drop(fixture.watch(request).await?);
    Ok(())
}
