//! Order and filters of reads.

use super::Fixture;
use super::case::CaseResult;
use super::fixture::keys;
use crate::{KeyRange, Op, OpResponse, RangeRequest, RevisionFilter, SortTarget, Txn};
use quorate_types::Revision;

cases!("order":
    keys_come_in_the_order_asked_for,
    ties_come_in_byte_order_in_both_directions,
    the_limit_cuts_off_after_sorting,
    sorting_works_in_the_past_and_in_transactions,
    values_are_compared_even_if_only_keys_are_returned,
    filters_bound_the_revisions_of_change_and_creation,
    what_a_filter_leaves_out_is_counted_all_the_same,
    the_limit_counts_what_the_filter_admits,
);

fn all() -> RangeRequest {
    RangeRequest::new(KeyRange::all())
}

/// Four keys whose orders differ by every target.
async fn write(fixture: &Fixture) -> Result<(), super::CaseError> {
    for (key, value) in [("b", "1"), ("c", "9"), ("a", "5"), ("c", "8"), ("d", "3"), ("b", "4")] {
        fixture.put(key, value).await?;
    }
    fixture.put("c", "2").await?;
    Ok(())
}

async fn keys_come_in_the_order_asked_for(fixture: &Fixture) -> CaseResult {
    write(fixture).await?;
    let table = [
        (SortTarget::Key, "abcd", "dcba"),
        (SortTarget::Version, "adbc", "cbad"),
        (SortTarget::CreateRevision, "bcad", "dacb"),
        (SortTarget::ModRevision, "adbc", "cbda"),
        (SortTarget::Value, "cdba", "abdc"),
    ];
    for (target, up, down) in table {
        for (descending, want) in [(false, up), (true, down)] {
            let found = fixture.range(all().sorted(target, descending)).await?;
            let what = if descending { "down" } else { "up" };
            ensure_eq!(keys(&found.kvs).concat(), want, "by {target:?} {what}");
            ensure_eq!((found.count, found.more), (4, false), "count and more");
        }
    }
    Ok(())
}

async fn ties_come_in_byte_order_in_both_directions(fixture: &Fixture) -> CaseResult {
    fixture.put_all(&["c", "a", "d", "b"]).await?;
    for descending in [false, true] {
        let found = fixture.range(all().sorted(SortTarget::Value, descending)).await?;
        ensure_eq!(keys(&found.kvs), ["a", "b", "c", "d"], "equal values");
    }
    Ok(())
}

async fn the_limit_cuts_off_after_sorting(fixture: &Fixture) -> CaseResult {
    write(fixture).await?;
    for (limit, want, more) in
        [(1, "c", true), (3, "cbd", true), (4, "cbda", false), (9, "cbda", false)]
    {
        let request = all().sorted(SortTarget::ModRevision, true).limit(limit);
        let found = fixture.range(request).await?;
        let got = (keys(&found.kvs).concat(), found.more, found.count);
        ensure_eq!(got, (want.to_owned(), more, 4), "limit {limit}");
    }
    Ok(())
}

async fn sorting_works_in_the_past_and_in_transactions(fixture: &Fixture) -> CaseResult {
    write(fixture).await?;
    let past = all().at(Revision(5)).sorted(SortTarget::Value, true);
    let found = fixture.range(past.clone()).await?;
    ensure_eq!(keys(&found.kvs).concat(), "cab", "at revision 5");
    let now = all().sorted(SortTarget::ModRevision, true).limit(2);
    let txn = Txn::ops([Op::put("a", "7"), Op::Range(now), Op::Range(past)]);
    let answer = fixture.txn(txn).await?;
    let mut seen = Vec::new();
    for response in &answer.responses {
        if let OpResponse::Range(found) = response {
            seen.push(keys(&found.kvs).concat());
        }
    }
    ensure_eq!(seen, ["ac", "cab"], "in a transaction, after a put");
    Ok(())
}

async fn values_are_compared_even_if_only_keys_are_returned(fixture: &Fixture) -> CaseResult {
    write(fixture).await?;
    let found = fixture.range(all().sorted(SortTarget::Value, true).keys_only()).await?;
    ensure_eq!(keys(&found.kvs).concat(), "abdc", "order");
    ensure!(found.kvs.iter().all(|kv| kv.value.is_empty()), "values came along: {found:?}");
    Ok(())
}

fn filter(min_mod: i64, max_mod: i64, min_create: i64, max_create: i64) -> RevisionFilter {
    let [min_mod, max_mod, min_create, max_create] =
        [min_mod, max_mod, min_create, max_create].map(Revision);
    RevisionFilter { min_mod, max_mod, min_create, max_create }
}

async fn filters_bound_the_revisions_of_change_and_creation(fixture: &Fixture) -> CaseResult {
    // Created and changed: a 4 4, b 2 7, c 3 8, d 6 6.
    write(fixture).await?;
    let table = [
        (filter(0, 0, 0, 0), "abcd"),
        (filter(6, 0, 0, 0), "bcd"),
        (filter(0, 6, 0, 0), "ad"),
        (filter(6, 7, 0, 0), "bd"),
        (filter(0, 0, 3, 0), "acd"),
        (filter(0, 0, 0, 3), "bc"),
        (filter(0, 0, 3, 4), "ac"),
        (filter(8, 0, 0, 3), "c"),
        (filter(9, 0, 0, 0), ""),
        (filter(7, 6, 0, 0), ""),
    ];
    for (filter, want) in table {
        let found = fixture.range(all().filtered(filter)).await?;
        ensure_eq!(keys(&found.kvs).concat(), want, "keys by {filter:?}");
    }
    Ok(())
}

async fn what_a_filter_leaves_out_is_counted_all_the_same(fixture: &Fixture) -> CaseResult {
    write(fixture).await?;
    let found = fixture.range(all().filtered(filter(8, 0, 0, 0))).await?;
    ensure_eq!((found.kvs.len(), found.count, found.more), (1, 4, false), "keys, count and more");
    let counted = fixture.range(all().filtered(filter(8, 0, 0, 0)).count_only()).await?;
    ensure_eq!((counted.kvs.len(), counted.count), (0, 4), "only counted");
    Ok(())
}

async fn the_limit_counts_what_the_filter_admits(fixture: &Fixture) -> CaseResult {
    write(fixture).await?;
    for (limit, want, more) in [(1, "b", true), (2, "bc", true), (3, "bcd", false)] {
        let found = fixture.range(all().filtered(filter(6, 0, 0, 0)).limit(limit)).await?;
        ensure_eq!(
            (keys(&found.kvs).concat(), found.more),
            (want.to_owned(), more),
            "limit {limit}"
        );
    }
    Ok(())
}
