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
    /// After a fragment that is not the last: the revision of its last event.
    within: Option<Option<Revision>>,
}

impl<'a> Watcher<'a> {
    pub(super) fn new(fixture: &'a Fixture, stream: WatchStream, from: Revision) -> Self {
        let seen = if from == Revision::NONE { from } else { from.prev() };
        Self { fixture, stream, seen, within: None }
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
        self.within = batch.more.then(|| batch.events.last().map(|event| event.kv.mod_revision));
        if !batch.more {
            self.seen = batch.revision;
        }
        Ok(batch)
    }

    fn check(&self, batch: &WatchBatch) -> CaseResult {
        // A progress report may repeat what is known.
        let repeats = batch.events.is_empty() && !batch.more && batch.revision == self.seen;
        ensure!(
            batch.revision > self.seen || repeats,
            "a batch of revision {} came after everything up to {} had been delivered: {batch:?}",
            batch.revision,
            self.seen
        );
        // A fragment goes on where the one before it ended.
        let mut last = self.within.flatten().unwrap_or_else(|| self.seen.next());
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
