//! How a watch is told what it asked for: filters, previous keys, fragments, progress on demand.

use super::case::CaseResult;
use super::watcher::briefs;
use super::{CaseError, Fixture};
use crate::{Event, EventKind, KeyRange, Op, ProgressBell, Txn, WatchRequest};
use quorate_types::Revision;

use EventKind::{Delete, Put};

cases!("tell":
    kinds_that_were_left_out_are_not_told,
    with_everything_left_out_only_progress_is_told,
    previous_keys_are_told_only_on_request,
    fragments_are_as_small_as_asked_and_say_what_follows,
    a_revision_that_fits_is_not_fragmented,
    a_bell_is_answered_after_everything_before_it,
    a_bell_is_answered_again_without_a_change,
    only_those_who_hear_the_bell_answer,
);

async fn write(fixture: &Fixture) -> Result<Revision, CaseError> {
    fixture.put("a", "1").await?;
    fixture.txn(Txn::ops([Op::put("b", "1"), Op::delete("a"), Op::put("c", "1")])).await?;
    fixture.delete("b").await?;
    fixture.put("a", "2").await
}

fn from_the_start() -> WatchRequest {
    WatchRequest::new(KeyRange::all()).from(Revision(1)).with_progress()
}

async fn kinds_that_were_left_out_are_not_told(fixture: &Fixture) -> CaseResult {
    let mut live = fixture.watch(from_the_start().without(Put)).await?;
    let last = write(fixture).await?;
    let deletions = [(Delete, "a".to_owned(), 3), (Delete, "b".to_owned(), 4)];
    ensure_eq!(briefs(&live.until(last).await?), deletions, "deletions while they happen");
    let mut late = fixture.watch(from_the_start().without(Put)).await?;
    ensure_eq!(briefs(&late.until(last).await?), deletions, "deletions afterwards");
    let puts = [("a", 2), ("b", 3), ("c", 3), ("a", 5)];
    let puts = puts.map(|(key, revision)| (Put, key.to_owned(), revision));
    let mut late = fixture.watch(from_the_start().without(Delete)).await?;
    ensure_eq!(briefs(&late.until(last).await?), puts, "puts");
    Ok(())
}

async fn with_everything_left_out_only_progress_is_told(fixture: &Fixture) -> CaseResult {
    let last = write(fixture).await?;
    let mut watch = fixture.watch(from_the_start().without(Put).without(Delete)).await?;
    ensure!(watch.until(last).await?.is_empty(), "events were told");
    Ok(())
}

async fn previous_keys_are_told_only_on_request(fixture: &Fixture) -> CaseResult {
    let mut live = fixture.watch(from_the_start()).await?;
    let last = write(fixture).await?;
    let told = live.until(last).await?;
    let mut late = fixture.watch(from_the_start()).await?;
    ensure_eq!(late.until(last).await?, told, "events told late and early");
    ensure!(told.iter().all(|event| event.prev_kv.is_none()), "previous keys: {told:?}");
    let asked = fixture.watch_all(Revision(1)).await?.until(last).await?;
    let bare: Vec<Event> =
        asked.iter().map(|event| Event { prev_kv: None, ..event.clone() }).collect();
    ensure_eq!(bare, told, "everything but the previous keys");
    ensure_eq!(asked.iter().filter(|event| event.prev_kv.is_some()).count(), 2, "previous keys");
    Ok(())
}

async fn fragments_are_as_small_as_asked_and_say_what_follows(fixture: &Fixture) -> CaseResult {
    let most = 100;
    let request = from_the_start().fragmented(most);
    let mut live = fixture.watch(request.clone()).await?;
    let puts = |round: usize| {
        (0..20).map(move |key| Op::put(format!("k{key:02}"), "x".repeat(7 + key * 6 + round)))
    };
    let mut last = Revision::NONE;
    for round in 0..3 {
        last = fixture.txn(Txn::ops(puts(round))).await?.revision;
    }
    let want = fixture.watch(from_the_start()).await?.until(last).await?;
    for watch in [&mut live, &mut fixture.watch(request).await?] {
        let mut told = Vec::new();
        let mut followed = 0;
        while told.len() < want.len() {
            let batch = watch.next().await?;
            let bytes: usize = batch.events.iter().map(Event::bytes).sum();
            ensure!(bytes <= most || batch.events.len() == 1, "{bytes} bytes in {batch:?}");
            followed += usize::from(batch.more);
            let of_last = told.len() + batch.events.len() == want.len();
            ensure!(!of_last || !batch.more, "more is announced after the last: {batch:?}");
            told.extend(batch.events.iter().cloned());
        }
        ensure_eq!(told, want, "events over all fragments");
        ensure!(followed >= 3, "only {followed} fragments announced another");
    }
    Ok(())
}

async fn a_revision_that_fits_is_not_fragmented(fixture: &Fixture) -> CaseResult {
    let mut watch = fixture.watch(from_the_start().fragmented(1_000_000)).await?;
    let puts = (0..20).map(|key| Op::put(format!("k{key:02}"), "value"));
    let last = fixture.txn(Txn::ops(puts)).await?.revision;
    loop {
        let batch = watch.next().await?;
        ensure!(!batch.more, "a small revision was split: {batch:?}");
        if batch.revision >= last {
            return Ok(());
        }
    }
}

async fn a_bell_is_answered_after_everything_before_it(fixture: &Fixture) -> CaseResult {
    let bell = ProgressBell::new();
    let request = WatchRequest::new(KeyRange::Key("mine".into())).from(Revision(1));
    let mut watch = fixture.watch(request.with_bell(&bell)).await?;
    fixture.put("mine", "1").await?;
    let last = fixture.put("other", "1").await?;
    // A replicated store answers from where its member stands, which may lag.
    fixture.revision().await?;
    bell.ring();
    let mut told = Vec::new();
    let reported = loop {
        let batch = watch.next().await?;
        if batch.events.is_empty() {
            break batch.revision;
        }
        told.extend(briefs(&batch.events));
    };
    ensure_eq!(reported, last, "revision of the report");
    ensure_eq!(told, [(Put, "mine".to_owned(), last.0 - 1)], "events before the report");
    Ok(())
}

async fn a_bell_is_answered_again_without_a_change(fixture: &Fixture) -> CaseResult {
    let bell = ProgressBell::new();
    let last = fixture.put("k", "1").await?;
    let request = WatchRequest::new(KeyRange::all()).with_bell(&bell);
    let mut watch = fixture.watch(request).await?;
    for _ in 0..3 {
        bell.ring();
        let batch = watch.next().await?;
        let got = (batch.revision, batch.events.len());
        ensure_eq!(got, (last, 0), "the answer to a ring");
    }
    let revision = fixture.put("k", "2").await?;
    let batch = watch.next().await?;
    ensure_eq!(briefs(&batch.events), [(Put, "k".to_owned(), revision.0)], "what came after");
    Ok(())
}

async fn only_those_who_hear_the_bell_answer(fixture: &Fixture) -> CaseResult {
    let (heard, other) = (ProgressBell::new(), ProgressBell::new());
    let request = WatchRequest::new(KeyRange::all());
    let mut deaf = fixture.watch(request.clone().with_bell(&other)).await?;
    let mut plain = fixture.watch(request.clone()).await?;
    let mut hearing = fixture.watch(request.with_bell(&heard)).await?;
    heard.ring();
    ensure!(hearing.next().await?.events.is_empty(), "the one that hears it answers");
    for value in ["1", "2", "3"] {
        fixture.put("k", value).await?;
    }
    for watch in [&mut deaf, &mut plain] {
        let mut told = 0;
        while told < 3 {
            let batch = watch.next().await?;
            ensure!(!batch.events.is_empty(), "an answer to a bell that it does not hear");
            told += batch.events.len();
        }
    }
    // Both wait before there is something to tell.
    let waiting = futures::future::join(deaf.next(), plain.next());
    let (told, put) = futures::future::join(waiting, fixture.put("k", "4")).await;
    put?;
    ensure_eq!(told.0?.events.len(), 1, "events told to the one with another bell");
    ensure_eq!(told.1?.events.len(), 1, "events told to the one without a bell");
    Ok(())
}
