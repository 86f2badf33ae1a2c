//! Reading ranges now and in the past.

use super::Fixture;
use super::case::CaseResult;
use super::fixture::keys;
use crate::{Error, KeyRange, Op, RangeRequest, Txn};
use bytes::Bytes;
use quorate_types::Revision;

cases!("range":
    a_fresh_store_is_empty_at_revision_one,
    a_missing_key_is_an_empty_answer_at_the_current_revision,
    keys_come_in_byte_order_and_only_those_of_the_range,
    any_bytes_make_a_key_and_a_value,
    the_limit_keeps_the_first_keys_and_says_that_there_are_more,
    count_ignores_the_limit,
    keys_only_leaves_out_the_value_and_nothing_else,
    count_only_returns_no_keys,
    a_read_in_the_past_shows_what_was_then,
    a_read_in_the_past_reports_the_current_revision,
    a_revision_in_the_future_is_refused,
    a_serializable_read_comes_to_see_every_write,
);

async fn a_fresh_store_is_empty_at_revision_one(fixture: &Fixture) -> CaseResult {
    let found = fixture.all().await?;
    ensure_eq!(found.revision, Revision(1), "revision of a fresh store");
    ensure_eq!(found.count, 0, "keys of a fresh store");
    ensure_eq!(fixture.store.status().compacted, Revision::NONE, "compacted revision at first");
    Ok(())
}

async fn a_missing_key_is_an_empty_answer_at_the_current_revision(fixture: &Fixture) -> CaseResult {
    let revision = fixture.put("a", "1").await?;
    let found = fixture.range(RangeRequest::key("b")).await?;
    ensure!(found.kvs.is_empty() && found.count == 0 && !found.more, "not empty: {found:?}");
    ensure_eq!(found.revision, revision, "revision of the answer");
    Ok(())
}

async fn keys_come_in_byte_order_and_only_those_of_the_range(fixture: &Fixture) -> CaseResult {
    fixture.put_all(&["b/2", "a", "c", "b/1", "b", "b0", "b/"]).await?;
    let ranges = [
        (KeyRange::all(), vec!["a", "b", "b/", "b/1", "b/2", "b0", "c"]),
        (KeyRange::prefix("b/"), vec!["b/", "b/1", "b/2"]),
        (KeyRange::prefix(""), vec!["a", "b", "b/", "b/1", "b/2", "b0", "c"]),
        (KeyRange::Span("b".into(), "b/2".into()), vec!["b", "b/", "b/1"]),
        (KeyRange::Span("c".into(), "a".into()), vec![]),
        (KeyRange::Span("b".into(), "b".into()), vec![]),
        (KeyRange::From("b/2".into()), vec!["b/2", "b0", "c"]),
        (KeyRange::Key("b/1".into()), vec!["b/1"]),
        (KeyRange::Key("b/3".into()), vec![]),
    ];
    for (range, want) in ranges {
        let found = fixture.range(RangeRequest::new(range.clone())).await?;
        ensure_eq!(keys(&found.kvs), want, "keys of {range:?}");
        ensure_eq!(found.count, want.len() as u64, "count of {range:?}");
    }
    Ok(())
}

async fn any_bytes_make_a_key_and_a_value(fixture: &Fixture) -> CaseResult {
    let all: Vec<Bytes> =
        [&[0_u8][..], &[0, 0], &[0, 255], &[1], &[254, 255], &[255], &[255, 0], &[255, 255]]
            .map(Bytes::copy_from_slice)
            .into();
    let puts = all.iter().rev().map(|key| Op::put(key.clone(), key.clone()));
    fixture.txn(Txn::ops(puts)).await?;
    fixture.txn(Txn::put("empty", Bytes::new())).await?;
    let found = fixture.all().await?;
    let got: Vec<Bytes> =
        found.kvs.iter().filter(|kv| kv.key == kv.value).map(|kv| kv.key.clone()).collect();
    ensure_eq!(got, all, "keys of arbitrary bytes");
    ensure_eq!(fixture.existing("empty").await?.value, Bytes::new(), "an empty value");
    let high = fixture.range(RangeRequest::prefix(&[255_u8][..])).await?;
    ensure_eq!(high.count, 3, "keys with the prefix 0xff");
    let nul = fixture.range(RangeRequest::key(&[0_u8][..])).await?;
    ensure_eq!(nul.count, 1, "the key of one zero byte is that key alone");
    Ok(())
}

async fn the_limit_keeps_the_first_keys_and_says_that_there_are_more(
    fixture: &Fixture,
) -> CaseResult {
    fixture.put_all(&["c", "a", "d", "b"]).await?;
    let all = KeyRange::all();
    let table = [(1, 1, true), (3, 3, true), (4, 4, false), (5, 4, false), (0, 4, false)];
    for (limit, returned, more) in table {
        let found = fixture.range(RangeRequest::new(all.clone()).limit(limit)).await?;
        ensure_eq!(keys(&found.kvs), ["a", "b", "c", "d"][..returned], "keys by limit {limit}");
        ensure_eq!(found.more, more, "more by limit {limit}");
    }
    Ok(())
}

async fn count_ignores_the_limit(fixture: &Fixture) -> CaseResult {
    fixture.put_all(&["k1", "k2", "k3", "l"]).await?;
    let found = fixture.range(RangeRequest::prefix("k").limit(1)).await?;
    ensure_eq!((found.kvs.len(), found.count), (1, 3), "keys returned and counted");
    Ok(())
}

async fn keys_only_leaves_out_the_value_and_nothing_else(fixture: &Fixture) -> CaseResult {
    fixture.put("k", "1").await?;
    fixture.put("k", "2").await?;
    let mut whole = fixture.existing("k").await?;
    let request = RangeRequest { keys_only: true, ..RangeRequest::key("k") };
    let mut found = fixture.range(request).await?;
    whole.value = Bytes::new();
    ensure_eq!(found.kvs.pop(), Some(whole), "the key without its value");
    ensure_eq!(found.count, 1, "count");
    Ok(())
}

async fn count_only_returns_no_keys(fixture: &Fixture) -> CaseResult {
    fixture.put_all(&["a", "b", "c"]).await?;
    let request = RangeRequest { count_only: true, ..RangeRequest::new(KeyRange::all()) };
    let found = fixture.range(request).await?;
    ensure_eq!((found.kvs.len(), found.count, found.more), (0, 3, false), "keys, count and more");
    Ok(())
}

async fn a_read_in_the_past_shows_what_was_then(fixture: &Fixture) -> CaseResult {
    let created = fixture.put("k", "1").await?;
    let changed = fixture.put("k", "2").await?;
    let deleted = fixture.delete("k").await?;
    fixture.put("k", "3").await?;
    let table = [
        (created.prev(), None),
        (created, Some(("1", created, 1))),
        (changed, Some(("2", changed, 2))),
        (deleted, None),
    ];
    for (revision, want) in table {
        let found = fixture.range(RangeRequest::key("k").at(revision)).await?;
        let got = found.kvs.first().map(|kv| (&*kv.value, kv.mod_revision, kv.version));
        let want = want.map(|(value, at, version)| (value.as_bytes(), at, version));
        ensure_eq!(got, want, "value, revision and version at revision {revision}");
        ensure_eq!(found.count, u64::from(want.is_some()), "count at revision {revision}");
    }
    Ok(())
}

async fn a_read_in_the_past_reports_the_current_revision(fixture: &Fixture) -> CaseResult {
    let first = fixture.put("k", "1").await?;
    let last = fixture.put("k", "2").await?;
    let found = fixture.range(RangeRequest::key("k").at(first)).await?;
    ensure_eq!(found.revision, last, "revision of the answer");
    Ok(())
}

async fn a_revision_in_the_future_is_refused(fixture: &Fixture) -> CaseResult {
    let current = fixture.put("k", "1").await?;
    fixture.range(RangeRequest::key("k").at(current)).await?;
    let ahead = fixture.store.range(RangeRequest::key("k").at(current.next())).await;
    let want = Error::FutureRevision { requested: current.next(), current };
    ensure_eq!(ahead, Err(want), "a read ahead of the store");
    Ok(())
}

async fn a_serializable_read_comes_to_see_every_write(fixture: &Fixture) -> CaseResult {
    let revision = fixture.put("k", "1").await?;
    let read = async || {
        let found = fixture.range(RangeRequest::key("k").serializable()).await?;
        Ok(found.revision >= revision && found.count == 1)
    };
    fixture.eventually("a serializable read of an acknowledged write", read).await
}
