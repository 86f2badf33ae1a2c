//! Many writers and readers at once.

use super::case::CaseResult;
use super::{CaseError, Fixture};
use crate::{Compare, Error, KeyRange, Op, RangeRequest, SharedStore, Txn};
use quorate_seams::{Task, spawn};
use quorate_types::Revision;
use std::collections::BTreeSet;
use std::sync::Arc;

cases!("concurrency":
    no_increment_is_lost,
    one_of_many_creators_wins,
    every_write_has_a_revision_of_its_own,
    what_is_written_together_is_seen_together,
    a_reader_sees_what_was_acknowledged_before,
    a_watcher_sees_every_concurrent_write_once,
);

const WRITERS: usize = 6;

/// Starts one task per writer.
fn start<T, F>(fixture: &Fixture, work: impl Fn(usize, SharedStore) -> F) -> Vec<Task<F::Output>>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Error>> + Send + 'static,
{
    (0..WRITERS).map(|writer| spawn(work(writer, Arc::clone(&fixture.store)))).collect()
}

/// Waits for all tasks.
async fn finish<T>(
    fixture: &Fixture,
    tasks: Vec<Task<Result<T, Error>>>,
) -> Result<Vec<T>, CaseError> {
    let mut results = Vec::new();
    for task in tasks {
        let result = fixture.patiently("a concurrent writer", task.join()).await?;
        let result = result.ok_or_else(|| CaseError::Panicked("a concurrent writer".to_owned()))?;
        results.push(result?);
    }
    Ok(results)
}

/// Adds one to a counter by compare and swap.
async fn increment(store: &SharedStore) -> Result<(), Error> {
    loop {
        let found = store.range(RangeRequest::key("counter")).await?.kvs.pop().unwrap_or_default();
        let count = String::from_utf8_lossy(&found.value).parse::<u64>().unwrap_or(0);
        let swap = Txn::put("counter", (count + 1).to_string())
            .when(Compare::mod_revision("counter", found.mod_revision));
        if store.txn(swap).await?.succeeded {
            return Ok(());
        }
    }
}

async fn no_increment_is_lost(fixture: &Fixture) -> CaseResult {
    let tasks = start(fixture, |_, store| async move {
        for _ in 0..10 {
            increment(&store).await?;
        }
        Ok(())
    });
    finish(fixture, tasks).await?;
    let counter = fixture.existing("counter").await?;
    let total = WRITERS * 10;
    ensure_eq!(&*counter.value, total.to_string().as_bytes(), "the counter");
    ensure_eq!(counter.version, i64::try_from(total).unwrap_or(0), "changes of the counter");
    Ok(())
}

async fn one_of_many_creators_wins(fixture: &Fixture) -> CaseResult {
    for round in 0..10 {
        let tasks = start(fixture, |writer, store| async move {
            let key = format!("lock{round}");
            let create = Txn::put(key.clone(), writer.to_string()).when(Compare::absent(key));
            Ok(store.txn(create).await?.succeeded.then_some(writer))
        });
        let winners: Vec<usize> = finish(fixture, tasks).await?.into_iter().flatten().collect();
        ensure_eq!(winners.len(), 1, "winners of round {round}");
        let owner = fixture.existing(&format!("lock{round}")).await?.value;
        ensure_eq!(&*owner, winners[0].to_string().as_bytes(), "owner of round {round}");
    }
    Ok(())
}

/// Every writer puts a key of its own ten times and gives the revisions it was told.
async fn write_much(fixture: &Fixture) -> Result<Vec<Vec<Revision>>, CaseError> {
    let tasks = start(fixture, |writer, store| async move {
        let mut told = Vec::new();
        for round in 0..10 {
            let put = Txn::put(format!("writer{writer}"), format!("{round}"));
            told.push(store.txn(put).await?.revision);
        }
        Ok(told)
    });
    finish(fixture, tasks).await
}

async fn every_write_has_a_revision_of_its_own(fixture: &Fixture) -> CaseResult {
    let told = write_much(fixture).await?;
    for (writer, revisions) in told.iter().enumerate() {
        ensure!(revisions.is_sorted(), "revisions of writer {writer} in order: {revisions:?}");
    }
    let all: BTreeSet<i64> = told.iter().flatten().map(|revision| revision.0).collect();
    let last = 1 + i64::try_from(WRITERS * 10).unwrap_or(0);
    ensure_eq!(all, (2..=last).collect(), "all revisions, without gap or repetition");
    Ok(())
}

async fn what_is_written_together_is_seen_together(fixture: &Fixture) -> CaseResult {
    let tasks = start(fixture, |writer, store| async move {
        for round in 0..10 {
            let value = format!("{writer}.{round}");
            let ops = [Op::put("pair/a", value.clone()), Op::put("pair/b", value)];
            store.txn(Txn::ops(ops)).await?;
            let seen = store.range(RangeRequest::prefix("pair/")).await?.kvs;
            if seen.len() != 2 || seen[0].value != seen[1].value {
                return Ok(Some(seen));
            }
        }
        Ok(None)
    });
    let torn: Vec<_> = finish(fixture, tasks).await?.into_iter().flatten().collect();
    ensure!(torn.is_empty(), "pairs were seen apart: {torn:?}");
    Ok(())
}

async fn a_reader_sees_what_was_acknowledged_before(fixture: &Fixture) -> CaseResult {
    let tasks = start(fixture, |writer, store| async move {
        let key = format!("own{writer}");
        for round in 0..10 {
            let written = store.txn(Txn::put(key.clone(), round.to_string())).await?.revision;
            let found = store.range(RangeRequest::key(key.clone())).await?;
            let seen = found.kvs.first().map(|kv| kv.mod_revision);
            if found.revision < written || seen != Some(written) {
                return Ok(Some((written, found)));
            }
        }
        Ok(None)
    });
    let stale: Vec<_> = finish(fixture, tasks).await?.into_iter().flatten().collect();
    ensure!(stale.is_empty(), "linearizable reads were stale: {stale:?}");
    Ok(())
}

async fn a_watcher_sees_every_concurrent_write_once(fixture: &Fixture) -> CaseResult {
    let mut watch = fixture.watch_all(Revision(1)).await?;
    let told = write_much(fixture).await?;
    let last = told.iter().flatten().max().copied().unwrap_or_default();
    let events = watch.until(last).await?;
    let seen: Vec<i64> = events.iter().map(|event| event.kv.mod_revision.0).collect();
    ensure_eq!(seen, (2..=last.0).collect::<Vec<_>>(), "revisions seen, in order");
    let request = RangeRequest::new(KeyRange::prefix("writer"));
    ensure_eq!(fixture.range(request).await?.count, WRITERS as u64, "keys");
    Ok(())
}
