//! A watch under test; checks with every batch what must hold for all batches.

use super::case::CaseResult;
use super::{CaseError, Fixture};
use crate::{Error, Event, EventKind, WatchBatch, WatchStream};
use futures::StreamExt;
use quorate_seams::timeout;
use quorate_types::Revision;
use std::time::Duration;

/// A watch and how far it has come.
pub(super) struct Watcher<'a> {
    fixture: &'a Fixture,
    stream: WatchStream,
    /// Everything up to and including this has been delivered or was not asked for.
    seen: Revision,
}

impl<'a> Watcher<'a> {
    pub(super) fn new(fixture: &'a Fixture, stream: WatchStream, from: Revision) -> Self {
        let seen = if from == Revision::NONE { from } else { from.prev() };
        Self { fixture, stream, seen }
    }

    /// The next item of the stream, whatever it is; `None` at its end.
    pub(super) async fn item(&mut self) -> Result<Option<Result<WatchBatch, Error>>, CaseError> {
        self.fixture.patiently("the next item of a watch", self.stream.next()).await
    }

    /// The next batch.
    pub(super) async fn next(&mut self) -> Result<WatchBatch, CaseError> {
        let item = self.item().await?;
        self.checked(item)
    }

    /// The next batch, while time passes.
    pub(super) async fn next_in_time(&mut self) -> Result<WatchBatch, CaseError> {
        let fixture = self.fixture;
        let moment = Duration::from_millis(10);
        let waiting = async {
            loop {
                if let Some(item) = timeout(&*fixture.real, moment, self.stream.next()).await {
                    return item;
                }
                fixture.let_time_pass().await;
            }
        };
        let item = fixture.patiently("a batch after time has passed", waiting).await?;
        self.checked(item)
    }

    /// All events up to a revision; the watch must ask for progress.
    pub(super) async fn until(&mut self, revision: Revision) -> Result<Vec<Event>, CaseError> {
        let mut events = Vec::new();
        while self.seen < revision {
            events.extend(self.next().await?.events.iter().cloned());
        }
        Ok(events)
    }

    fn checked(
        &mut self,
        item: Option<Result<WatchBatch, Error>>,
    ) -> Result<WatchBatch, CaseError> {
        let batch = item.ok_or_else(|| CaseError::Wrong("the watch ended".to_owned()))??;
        self.check(&batch)?;
        self.seen = batch.revision;
        Ok(batch)
    }

    fn check(&self, batch: &WatchBatch) -> CaseResult {
        ensure!(
            batch.revision > self.seen,
            "a batch of revision {} came after everything up to {} had been delivered: {batch:?}",
            batch.revision,
            self.seen
        );
        let mut last = self.seen.next();
        for event in batch.events.iter() {
            let revision = event.kv.mod_revision;
            ensure!(
                last <= revision && revision <= batch.revision,
                "event of revision {revision} out of order in a batch from {last} to {}: {event:?}",
                batch.revision
            );
            last = revision;
        }
        Ok(())
    }
}

/// An event in short: kind, key and revision.
pub(super) fn brief(event: &Event) -> (EventKind, String, i64) {
    let key = String::from_utf8_lossy(&event.kv.key).into_owned();
    (event.kind, key, event.kv.mod_revision.0)
}

/// Events in short.
pub(super) fn briefs(events: &[Event]) -> Vec<(EventKind, String, i64)> {
    events.iter().map(brief).collect()
}
