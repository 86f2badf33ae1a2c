//! Watching: nothing missing, nothing twice, nothing torn.

use super::case::CaseResult;
use super::fixture::put_leased;
use super::watcher::{brief, briefs};
use super::{CaseError, Fixture};
use crate::{Event, EventKind, KeyRange, KeyValue, Op, Txn, WatchRequest};
use quorate_types::Revision;

use EventKind::{Delete, Put};

cases!("watch":
    a_watch_from_revision_one_tells_the_whole_history,
    a_watch_without_a_revision_begins_with_the_next_change,
    a_watch_from_the_future_waits_for_it,
    a_revision_is_never_split,
    events_of_one_revision_come_in_the_order_of_its_operations,
    an_event_carries_the_key_as_it_became_and_as_it_was,
    a_deletion_carries_only_key_and_revision,
    the_previous_key_is_absent_exactly_for_creations,
    only_the_keys_of_the_range_are_told,
    progress_is_told_for_revisions_that_do_not_touch_the_range,
    without_asking_for_progress_no_batch_is_empty,
    a_watch_resumes_after_its_last_batch,
    watchers_do_not_disturb_each_other,
    a_txn_that_changes_nothing_is_not_told,
);

/// Five revisions: two puts, a transaction of three, a deletion, and a creation anew.
async fn write_history(fixture: &Fixture) -> Result<Revision, CaseError> {
    fixture.put("a", "1").await?;
    fixture.put("b", "1").await?;
    let ops = [Op::put("c", "1"), Op::put("a", "2"), Op::delete("b")];
    fixture.txn(Txn::ops(ops)).await?;
    fixture.delete("a").await?;
    fixture.put("a", "3").await
}

fn history() -> Vec<(EventKind, String, i64)> {
    let events = [
        (Put, "a", 2),
        (Put, "b", 3),
        (Put, "c", 4),
        (Put, "a", 4),
        (Delete, "b", 4),
        (Delete, "a", 5),
        (Put, "a", 6),
    ];
    events.map(|(kind, key, revision)| (kind, key.to_owned(), revision)).into()
}

async fn a_watch_from_revision_one_tells_the_whole_history(fixture: &Fixture) -> CaseResult {
    let mut early = fixture.watch_all(Revision(1)).await?;
    let last = write_history(fixture).await?;
    ensure_eq!(briefs(&early.until(last).await?), history(), "a watch opened before");
    let mut late = fixture.watch_all(Revision(1)).await?;
    ensure_eq!(briefs(&late.until(last).await?), history(), "a watch opened after");
    for from in 2..=6 {
        let mut partial = fixture.watch_all(Revision(from)).await?;
        let want: Vec<_> = history().into_iter().filter(|event| event.2 >= from).collect();
        ensure_eq!(briefs(&partial.until(last).await?), want, "a watch from revision {from}");
    }
    Ok(())
}

async fn a_watch_without_a_revision_begins_with_the_next_change(fixture: &Fixture) -> CaseResult {
    fixture.put("k", "1").await?;
    let mut watch = fixture.watch(WatchRequest::new(KeyRange::Key("k".into()))).await?;
    let revision = fixture.put("k", "2").await?;
    let batch = watch.next().await?;
    ensure_eq!(briefs(&batch.events), [(Put, "k".to_owned(), revision.0)], "the first batch");
    Ok(())
}

async fn a_watch_from_the_future_waits_for_it(fixture: &Fixture) -> CaseResult {
    let current = fixture.put("k", "1").await?;
    let from = Revision(current.0 + 3);
    let mut watch = fixture.watch(WatchRequest::new(KeyRange::all()).from(from)).await?;
    for value in ["2", "3", "4", "5"] {
        fixture.put("k", value).await?;
    }
    let mut told = Vec::new();
    while told.len() < 2 {
        told.extend(briefs(&watch.next().await?.events));
    }
    let want = [(Put, "k".to_owned(), from.0), (Put, "k".to_owned(), from.0 + 1)];
    ensure_eq!(told, want, "what a watch from revision {from} tells");
    Ok(())
}

async fn a_revision_is_never_split(fixture: &Fixture) -> CaseResult {
    let mut live = fixture.watch_all(Revision(1)).await?;
    let puts =
        |round: i32| (0..200).map(move |key| Op::put(format!("k{key:03}"), round.to_string()));
    let mut last = Revision::NONE;
    for round in 0..5 {
        last = fixture.txn(Txn::ops(puts(round))).await?.revision;
    }
    // The watcher checks each batch for whole revisions.
    ensure_eq!(live.until(last).await?.len(), 1000, "events told while they happen");
    let mut late = fixture.watch_all(Revision(1)).await?;
    ensure_eq!(late.until(last).await?.len(), 1000, "events told afterwards");
    Ok(())
}

async fn events_of_one_revision_come_in_the_order_of_its_operations(
    fixture: &Fixture,
) -> CaseResult {
    let before = fixture.put_all(&["d/2", "d/1", "d/3"]).await?;
    let mut watch = fixture.watch_all(before.next()).await?;
    let delete = Op::Delete { range: KeyRange::prefix("d/"), prev_kv: false };
    let ops = [Op::put("z", "1"), delete, Op::put("a", "1"), Op::put("m", "1")];
    let revision = fixture.txn(Txn::ops(ops)).await?.revision;
    let events = watch.until(revision).await?;
    let told: Vec<String> = events.iter().map(|event| brief(event).1).collect();
    ensure_eq!(told, ["z", "d/1", "d/2", "d/3", "a", "m"], "keys in order");
    Ok(())
}

async fn an_event_carries_the_key_as_it_became_and_as_it_was(fixture: &Fixture) -> CaseResult {
    let lease = fixture.grant(3600).await?;
    let mut watch = fixture.watch_all(Revision(1)).await?;
    fixture.put("k", "1").await?;
    let first = fixture.existing("k").await?;
    let put = Txn::ops([put_leased("k", "2", lease)]);
    let revision = fixture.txn(put).await?.revision;
    let second = fixture.existing("k").await?;
    let told = watch.until(revision).await?;
    let want = [
        Event { kind: Put, kv: first.clone(), prev_kv: None },
        Event { kind: Put, kv: second, prev_kv: Some(first) },
    ];
    ensure_eq!(told, want, "events of a creation and a change");
    Ok(())
}

async fn a_deletion_carries_only_key_and_revision(fixture: &Fixture) -> CaseResult {
    fixture.put("k", "1").await?;
    let before = fixture.existing("k").await?;
    let revision = fixture.delete("k").await?;
    let told = fixture.watch_all(revision).await?.until(revision).await?;
    let kv = KeyValue { key: "k".into(), mod_revision: revision, ..KeyValue::default() };
    ensure_eq!(told, [Event { kind: Delete, kv, prev_kv: Some(before) }], "the deletion");
    Ok(())
}

async fn the_previous_key_is_absent_exactly_for_creations(fixture: &Fixture) -> CaseResult {
    let last = write_history(fixture).await?;
    let told = fixture.watch_all(Revision(1)).await?.until(last).await?;
    for event in &told {
        let created = event.kind == Put && event.kv.version == 1;
        ensure_eq!(event.prev_kv.is_none(), created, "absence of the previous key in {event:?}");
    }
    ensure_eq!(told.len(), history().len(), "events told");
    Ok(())
}

async fn only_the_keys_of_the_range_are_told(fixture: &Fixture) -> CaseResult {
    let keys = ["a", "p", "p/1", "p/2", "p0", "q"];
    let ops = keys.map(|key| Op::put(key, "1"));
    let last = fixture.txn(Txn::ops(ops)).await?.revision;
    let ranges = [
        (KeyRange::Key("p".into()), vec!["p"]),
        (KeyRange::prefix("p/"), vec!["p/1", "p/2"]),
        (KeyRange::Span("a".into(), "p/2".into()), vec!["a", "p", "p/1"]),
        (KeyRange::From("p0".into()), vec!["p0", "q"]),
        (KeyRange::prefix("none/"), vec![]),
    ];
    for (range, want) in ranges {
        let request = WatchRequest::new(range.clone()).from(Revision(1)).with_progress();
        let told = fixture.watch(request).await?.until(last).await?;
        let told: Vec<String> = told.iter().map(|event| brief(event).1).collect();
        ensure_eq!(told, want, "keys told of {range:?}");
    }
    Ok(())
}

async fn progress_is_told_for_revisions_that_do_not_touch_the_range(
    fixture: &Fixture,
) -> CaseResult {
    let first = fixture.put("mine", "1").await?;
    let request = WatchRequest::new(KeyRange::Key("mine".into())).with_progress();
    let mut watch = fixture.watch(request.from(first.next())).await?;
    for round in 0..3 {
        let revision = fixture.put("other", &round.to_string()).await?;
        let told = watch.until(revision).await?;
        ensure!(told.is_empty(), "events of another key were told: {told:?}");
    }
    let revision = fixture.put("mine", "2").await?;
    let told = watch.until(revision).await?;
    ensure_eq!(briefs(&told), [(Put, "mine".to_owned(), revision.0)], "the key's own event");
    Ok(())
}

async fn without_asking_for_progress_no_batch_is_empty(fixture: &Fixture) -> CaseResult {
    let request = WatchRequest::new(KeyRange::Key("mine".into())).from(Revision(1));
    let mut watch = fixture.watch(request).await?;
    for _ in 0..3 {
        fixture.put("other", "1").await?;
        let revision = fixture.put("mine", "1").await?;
        let batch = watch.next().await?;
        let want = [(Put, "mine".to_owned(), revision.0)];
        ensure_eq!(briefs(&batch.events), want, "the next batch");
    }
    Ok(())
}

async fn a_watch_resumes_after_its_last_batch(fixture: &Fixture) -> CaseResult {
    let last = write_history(fixture).await?;
    let mut told = Vec::new();
    let mut next = Revision(1);
    while next <= last {
        let batch = fixture.watch_all(next).await?.next().await?;
        told.extend(briefs(&batch.events));
        next = batch.revision.next();
    }
    ensure_eq!(told, history(), "events over several watches");
    let revision = fixture.put("z", "1").await?;
    let batch = fixture.watch_all(next).await?.next().await?;
    ensure_eq!(briefs(&batch.events), [(Put, "z".to_owned(), revision.0)], "what came after");
    Ok(())
}

async fn watchers_do_not_disturb_each_other(fixture: &Fixture) -> CaseResult {
    let mut first = fixture.watch_all(Revision(1)).await?;
    let mut second = fixture.watch_all(Revision(1)).await?;
    let dropped = fixture.watch_all(Revision(1)).await?;
    fixture.put("a", "1").await?;
    drop(dropped);
    let last = fixture.put("b", "1").await?;
    let told = first.until(last).await?;
    ensure_eq!(told.len(), 2, "events told to the first");
    ensure_eq!(second.until(last).await?, told, "events told to the second");
    Ok(())
}

async fn a_txn_that_changes_nothing_is_not_told(fixture: &Fixture) -> CaseResult {
    // Without progress reports: the state before the first change may be one.
    let request = WatchRequest::new(KeyRange::all()).from(Revision(1));
    let mut watch = fixture.watch(request).await?;
    fixture.txn(Txn::delete("missing")).await?;
    fixture.txn(Txn::default()).await?;
    let revision = fixture.put("k", "1").await?;
    let batch = watch.next().await?;
    ensure_eq!(batch.revision, revision, "revision of the first batch");
    ensure_eq!(batch.events.len(), 1, "events of the first batch");
    Ok(())
}
