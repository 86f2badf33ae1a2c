//! openraft's state machine over [`Mvcc`].
//!
//! Invariants: everything committed that one call brings is applied in large batches, answered, and
//! announced to readers in that order. A snapshot is the state itself: building one makes the state
//! durable, which is what lets the log be purged; a copy is made only when one is sent.

use crate::scratch::{Scratch, ScratchDir};
use crate::state::State;
use crate::types::{
    Answer, Entry, LogId, Payload, Snapshot, SnapshotMeta, StoredMembership, TypeConfig, log_id,
};
use crate::wire::{decode_membership, encode_membership};
use futures::{Stream, StreamExt};
use openraft::OptionalSend;
use openraft::storage::{ApplyResponder, EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use quorate_mvcc::{Applied, ApplyEntry, EntryKind};
use quorate_seams::{bug, spawn_blocking};
use quorate_types::{LogIndex, Term};
use std::io;
use std::sync::Arc;
use tokio::sync::{Notify, watch};

/// Most entries and bytes in one batch of the state.
const BATCH_ENTRIES: usize = 4096;
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// The state as openraft sees it.
#[derive(Debug)]
pub(crate) struct StateMachine {
    state: State,
    scratch: Scratch,
    applied: watch::Sender<Option<LogIndex>>,
    durable: Arc<Notify>,
}

impl StateMachine {
    /// A state machine, and the index that it has applied.
    pub(crate) fn new(state: State, scratch: Scratch) -> (Self, watch::Receiver<Option<LogIndex>>) {
        let (applied, seen) = watch::channel(state.applied().index);
        (Self { state, scratch, applied, durable: Arc::default() }, seen)
    }

    /// How far the state is.
    pub(crate) fn applied(&self) -> Applied {
        self.state.applied()
    }

    /// Told whenever the state has been made durable.
    pub(crate) fn durable(&self) -> Arc<Notify> {
        Arc::clone(&self.durable)
    }

    fn apply_batch(&self, batch: &mut Batch) -> Result<(), io::Error> {
        let Some(last) = batch.entries.last().map(|entry| entry.index) else {
            return Ok(());
        };
        let mut entries = std::mem::take(&mut batch.entries);
        if bug("raft-loses-an-entry-of-a-batch") && entries.len() > 3 {
            entries[2].kind = EntryKind::Blank;
        }
        let outcomes = self.state.apply(entries).map_err(io::Error::other)?;
        for (responder, outcome) in batch.responders.drain(..).zip(outcomes) {
            if let Some(responder) = responder {
                responder.send(Answer(outcome));
            }
        }
        batch.bytes = 0;
        self.applied.send_replace(Some(last));
        Ok(())
    }
}

#[derive(Default)]
struct Batch {
    entries: Vec<ApplyEntry>,
    responders: Vec<Option<ApplyResponder<TypeConfig>>>,
    bytes: usize,
}

impl Batch {
    fn push(&mut self, entry: Entry, responder: Option<ApplyResponder<TypeConfig>>) {
        let kind = match entry.payload {
            Payload::Blank => EntryKind::Blank,
            Payload::Normal(proposal) => EntryKind::Command(proposal.command()),
            Payload::Membership(membership) => {
                let stored = StoredMembership::new(Some(entry.log_id), membership);
                EntryKind::Membership(encode_membership(&stored))
            }
        };
        self.bytes += match &kind {
            EntryKind::Command(command) => command.len(),
            _ => 0,
        };
        self.responders.push(responder);
        self.entries.push(ApplyEntry {
            index: LogIndex(entry.log_id.index),
            term: Term(entry.log_id.leader_id.term),
            kind,
        });
    }

    fn is_full(&self) -> bool {
        self.entries.len() >= BATCH_ENTRIES || self.bytes >= BATCH_BYTES
    }
}

pub(crate) fn applied_id(applied: &Applied) -> Option<LogId> {
    applied.index.map(|index| log_id(applied.term.0, index.0))
}

pub(crate) fn snapshot_meta(applied: &Applied) -> Result<SnapshotMeta, io::Error> {
    Ok(SnapshotMeta {
        last_log_id: applied_id(applied),
        last_membership: decode_membership(&applied.membership)?,
    })
}

/// What stands behind a snapshot.
#[derive(Debug)]
pub(crate) enum SnapshotData {
    /// The live state; whoever sends it copies it first.
    Live(State),
    /// A complete copy that another member sent.
    Received(ScratchDir),
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotData = SnapshotData;
    type SnapshotBuilder = Flush;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), io::Error> {
        let applied = self.state.applied();
        Ok((applied_id(&applied), decode_membership(&applied.membership)?))
    }

    async fn apply<S>(&mut self, mut entries: S) -> Result<(), io::Error>
    where
        S: Stream<Item = Result<EntryResponder<TypeConfig>, io::Error>> + Unpin + OptionalSend,
    {
        let mut batch = Batch::default();
        while let Some(item) = entries.next().await {
            let (entry, responder) = item?;
            batch.push(entry, responder);
            if batch.is_full() {
                self.apply_batch(&mut batch)?;
            }
        }
        self.apply_batch(&mut batch)
    }

    async fn get_snapshot_builder(&mut self) -> Self::SnapshotBuilder {
        Flush { state: self.state.clone(), durable: self.durable() }
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        snapshot: SnapshotData,
    ) -> Result<(), io::Error> {
        let (state, scratch) = (self.state.clone(), self.scratch.clone());
        let installed = spawn_blocking(move || install(&state, &scratch, snapshot)).await;
        let applied = installed.ok_or_else(|| io::Error::other("installing panicked"))??;
        if applied_id(&applied) < meta.last_log_id {
            let found = applied.index.map_or(-1, |index| i64::try_from(index.0).unwrap_or(-1));
            return Err(io::Error::other(format!(
                "the snapshot ends at log index {found}, before what it was announced with"
            )));
        }
        self.applied.send_replace(applied.index);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, io::Error> {
        let applied = self.state.applied();
        if applied.index.is_none() {
            return Ok(None);
        }
        let snapshot = SnapshotData::Live(self.state.clone());
        Ok(Some(Snapshot { meta: snapshot_meta(&applied)?, snapshot }))
    }
}

fn install(state: &State, scratch: &Scratch, snapshot: SnapshotData) -> Result<Applied, io::Error> {
    let copy = match snapshot {
        SnapshotData::Received(copy) => copy,
        SnapshotData::Live(source) => {
            let copy = scratch.dir("install")?;
            source.checkpoint(&copy.join("state")).map_err(io::Error::other)?;
            copy
        }
    };
    state.install(&copy.join("state")).map_err(io::Error::other)
}

/// Builds a snapshot by making the live state durable.
#[derive(Debug)]
pub(crate) struct Flush {
    state: State,
    durable: Arc<Notify>,
}

impl RaftSnapshotBuilder<TypeConfig> for Flush {
    type SnapshotData = SnapshotData;

    async fn build_snapshot(&mut self) -> Result<Snapshot, io::Error> {
        // What is applied while the flush runs is durable too, or not yet: both are fine.
        let applied = self.state.applied();
        let state = self.state.clone();
        let flush = move || {
            if bug("raft-purges-what-is-not-durable") {
                return Ok(state.durable_index());
            }
            state.flush()
        };
        let flushed = spawn_blocking(flush).await;
        flushed
            .ok_or_else(|| io::Error::other("flushing the state panicked"))?
            .map_err(io::Error::other)?;
        self.durable.notify_one();
        let snapshot = SnapshotData::Live(self.state.clone());
        Ok(Snapshot { meta: snapshot_meta(&applied)?, snapshot })
    }
}
