//! Forgetting the past.

use super::case::CaseResult;
use super::fixture::keys;
use super::watcher::briefs;
use super::{CaseError, Fixture};
use crate::{Error, EventKind, KeyRange, Op, RangeRequest, Txn, WatchRequest};
use quorate_types::Revision;

cases!("compaction":
    the_compacted_revision_can_be_read_and_older_ones_not,
    compaction_does_not_touch_the_present,
    compacting_the_past_or_the_future_is_refused,
    a_deleted_key_does_not_come_back,
    a_watch_from_a_compacted_revision_is_told_and_ends,
    a_watch_from_the_compacted_revision_on_misses_nothing,
    a_watch_after_the_compacted_revision_knows_the_previous_keys,
    a_watcher_that_has_seen_everything_goes_on,
    a_txn_that_reads_a_compacted_revision_has_no_effect,
    the_store_can_be_compacted_up_to_now,
    status_tells_the_compacted_revision,
);

/// Compacts, and waits until this member has.
async fn compact(fixture: &Fixture, revision: Revision) -> CaseResult {
    fixture.store.compact(revision).await?;
    fixture.revision().await?;
    Ok(())
}

/// Five revisions of one key, the last one number 6.
async fn five_values(fixture: &Fixture) -> Result<Revision, CaseError> {
    fixture.put_all(&["k"; 5]).await
}

async fn the_compacted_revision_can_be_read_and_older_ones_not(fixture: &Fixture) -> CaseResult {
    let last = five_values(fixture).await?;
    let compacted = Revision(4);
    compact(fixture, compacted).await?;
    for revision in 4..=last.0 {
        let found = fixture.range(RangeRequest::key("k").at(Revision(revision))).await?;
        ensure_eq!(found.kvs[0].mod_revision, Revision(revision), "at revision {revision}");
        ensure_eq!(found.kvs[0].version, revision - 1, "version at revision {revision}");
    }
    for revision in 1..4 {
        let requested = Revision(revision);
        let result = fixture.store.range(RangeRequest::key("k").at(requested)).await;
        let want = Error::Compacted { requested, compacted };
        ensure_eq!(result, Err(want), "at revision {revision}");
    }
    Ok(())
}

async fn compaction_does_not_touch_the_present(fixture: &Fixture) -> CaseResult {
    five_values(fixture).await?;
    fixture.put_all(&["a", "b"]).await?;
    fixture.delete("a").await?;
    let before = fixture.all().await?;
    compact(fixture, Revision(7)).await?;
    ensure_eq!(fixture.all().await?, before, "all keys and the revision");
    fixture.put("k", "6").await?;
    let kv = fixture.existing("k").await?;
    ensure_eq!((kv.version, kv.create_revision), (6, Revision(2)), "version and creation");
    Ok(())
}

async fn compacting_the_past_or_the_future_is_refused(fixture: &Fixture) -> CaseResult {
    let current = five_values(fixture).await?;
    let ahead = fixture.store.compact(current.next()).await;
    let want = Error::FutureRevision { requested: current.next(), current };
    ensure_eq!(ahead, Err(want), "a revision ahead");
    compact(fixture, Revision(4)).await?;
    for revision in [4, 3, 1] {
        let requested = Revision(revision);
        let want = Error::Compacted { requested, compacted: Revision(4) };
        let result = fixture.store.compact(requested).await;
        ensure_eq!(result, Err(want), "revision {revision} after 4");
    }
    compact(fixture, Revision(5)).await
}

async fn a_deleted_key_does_not_come_back(fixture: &Fixture) -> CaseResult {
    fixture.put_all(&["gone", "stays"]).await?;
    let deleted = fixture.delete("gone").await?;
    fixture.put("late", "1").await?;
    compact(fixture, deleted).await?;
    let then = fixture.range(RangeRequest::new(KeyRange::all()).at(deleted)).await?;
    ensure_eq!(keys(&then.kvs), ["stays"], "keys at the deletion");
    ensure_eq!(keys(&fixture.all().await?.kvs), ["late", "stays"], "keys now");
    let revision = fixture.put("gone", "anew").await?;
    let kv = fixture.existing("gone").await?;
    ensure_eq!((kv.version, kv.create_revision), (1, revision), "version and creation");
    Ok(())
}

async fn a_watch_from_a_compacted_revision_is_told_and_ends(fixture: &Fixture) -> CaseResult {
    five_values(fixture).await?;
    let compacted = Revision(4);
    compact(fixture, compacted).await?;
    for from in 1..4 {
        let requested = Revision(from);
        let request = WatchRequest::new(KeyRange::Key("k".into())).from(requested);
        let mut watch = fixture.watch(request).await?;
        let item = watch.item().await?;
        ensure_refused!(
            item.unwrap_or_else(|| Err(Error::Timeout)),
            Error::Compacted { compacted: Revision(4), .. },
            "first item from revision {from}"
        );
        ensure!(watch.item().await?.is_none(), "the watch must end after the error");
    }
    Ok(())
}

async fn a_watch_from_the_compacted_revision_on_misses_nothing(fixture: &Fixture) -> CaseResult {
    fixture.put_all(&["a", "b"]).await?;
    let compacted = fixture.txn(Txn::ops([Op::delete("a"), Op::put("c", "1")])).await?.revision;
    let last = fixture.delete("b").await?;
    compact(fixture, compacted).await?;
    let told = fixture.watch_all(compacted).await?.until(last).await?;
    let want = [
        (EventKind::Delete, "a".to_owned(), compacted.0),
        (EventKind::Put, "c".to_owned(), compacted.0),
        (EventKind::Delete, "b".to_owned(), last.0),
    ];
    ensure_eq!(briefs(&told), want, "events from the compacted revision on");
    Ok(())
}

async fn a_watch_after_the_compacted_revision_knows_the_previous_keys(
    fixture: &Fixture,
) -> CaseResult {
    let compacted = fixture.put_all(&["a", "b"]).await?;
    let before = fixture.all().await?.kvs;
    let last = fixture.txn(Txn::ops([Op::delete("a"), Op::put("b", "2")])).await?.revision;
    compact(fixture, compacted).await?;
    let told = fixture.watch_all(compacted.next()).await?.until(last).await?;
    let prev: Vec<_> = told.into_iter().filter_map(|event| event.prev_kv).collect();
    ensure_eq!(prev, before, "previous keys");
    Ok(())
}

async fn a_watcher_that_has_seen_everything_goes_on(fixture: &Fixture) -> CaseResult {
    let mut watch = fixture.watch_all(Revision(1)).await?;
    let last = five_values(fixture).await?;
    watch.until(last).await?;
    compact(fixture, last).await?;
    let revision = fixture.put("k", "6").await?;
    let told = watch.until(revision).await?;
    ensure_eq!(briefs(&told), [(EventKind::Put, "k".to_owned(), revision.0)], "events after");
    ensure!(told[0].prev_kv.is_some(), "the previous key must be known");
    Ok(())
}

async fn a_txn_that_reads_a_compacted_revision_has_no_effect(fixture: &Fixture) -> CaseResult {
    five_values(fixture).await?;
    compact(fixture, Revision(4)).await?;
    let read = |at| Op::Range(RangeRequest::key("k").at(Revision(at)));
    let error = fixture.refused(Txn::ops([Op::put("a", "1"), read(3)])).await?;
    let want = Error::Compacted { requested: Revision(3), compacted: Revision(4) };
    ensure_eq!(error, want, "a read below the compacted revision");
    fixture.txn(Txn::ops([Op::put("a", "1"), read(4)])).await?;
    Ok(())
}

async fn the_store_can_be_compacted_up_to_now(fixture: &Fixture) -> CaseResult {
    let last = five_values(fixture).await?;
    compact(fixture, last).await?;
    ensure_eq!(fixture.existing("k").await?.version, 5, "version");
    let found = fixture.range(RangeRequest::key("k").at(last)).await?;
    ensure_eq!(found.count, 1, "keys at the compacted revision");
    Ok(())
}

async fn status_tells_the_compacted_revision(fixture: &Fixture) -> CaseResult {
    let last = five_values(fixture).await?;
    compact(fixture, Revision(4)).await?;
    let told = async || {
        let status = fixture.store.status();
        Ok(status.compacted == Revision(4) && status.revision == last)
    };
    fixture.eventually("the status tells current and compacted revision", told).await
}
