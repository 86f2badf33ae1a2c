//! The state machine: committed entries in, one batch of writes and its effects out.
//!
//! Place: called by [`crate::Mvcc::apply`], which writes the batch and publishes the effects.
//!
//! Invariants: a pure function of view and entries. A refused command leaves no trace: everything
//! is checked before the first effect. Entries at or below the applied index are skipped, so that
//! replaying a log is harmless.

mod alarm;
mod auth;
mod compact;
mod custom;
mod lease;
mod request;
#[cfg(test)]
mod tests;
mod txn;
mod write;

pub(crate) use lease::attached;

use crate::auth::AuthEffects;
use crate::db::{Batch, Family, View};
use crate::meta::Meta;
use crate::overlay::Overlay;
use crate::{ApplyEntry, Command, EntryKind, Error, LeaseChange, Machines, Outcome, Reply};
use quorate_auth::AuthState;
use quorate_store::Event;
use quorate_types::{LogIndex, Revision, Term};
use std::sync::Arc;

/// What applying a batch of entries leads to.
pub(crate) struct Effects {
    pub(crate) batch: Batch,
    pub(crate) meta: Meta,
    pub(crate) outcomes: Vec<Option<Outcome>>,
    pub(crate) revisions: Vec<(Revision, Vec<Event>)>,
    pub(crate) leases: Vec<LeaseChange>,
    pub(crate) auth: AuthEffects,
}

/// Applies entries to a view that stands at `meta` and holds the users of `auth`; `sweep` bounds the work done for compaction.
pub(crate) fn apply<'a>(
    view: &'a dyn View,
    meta: Meta,
    auth: Arc<AuthState>,
    entries: Vec<ApplyEntry>,
    machines: &'a Machines,
    sweep: usize,
) -> Result<Effects, Error> {
    let mut machine = Machine {
        state: Overlay::new(view),
        meta,
        machines,
        revisions: Vec::new(),
        leases: Vec::new(),
        auth,
        auth_effects: AuthEffects::default(),
        entry: Position::default(),
    };
    let outcomes =
        entries.into_iter().map(|entry| machine.entry(entry)).collect::<Result<_, _>>()?;
    machine.sweep(sweep)?;
    let (key, value) = machine.meta.encode();
    machine.state.put(Family::Meta, key, value);
    Ok(Effects {
        batch: machine.state.into_batch(),
        meta: machine.meta,
        outcomes,
        revisions: machine.revisions,
        leases: machine.leases,
        auth: machine.auth_effects,
    })
}

/// The entry that is being applied.
#[derive(Clone, Copy, Default)]
struct Position {
    index: LogIndex,
    term: Term,
}

struct Machine<'a> {
    state: Overlay<'a>,
    meta: Meta,
    machines: &'a Machines,
    revisions: Vec<(Revision, Vec<Event>)>,
    leases: Vec<LeaseChange>,
    auth: Arc<AuthState>,
    auth_effects: AuthEffects,
    entry: Position,
}

impl Machine<'_> {
    fn entry(&mut self, entry: ApplyEntry) -> Result<Option<Outcome>, Error> {
        if self.meta.applied.index.is_some_and(|applied| entry.index <= applied) {
            return Ok(None);
        }
        self.meta.applied.index = Some(entry.index);
        self.meta.applied.term = entry.term;
        self.entry = Position { index: entry.index, term: entry.term };
        match entry.kind {
            EntryKind::Blank => Ok(None),
            EntryKind::Membership(membership) => {
                self.meta.applied.membership = membership;
                Ok(None)
            }
            EntryKind::Command(bytes) => {
                let command = Command::decode(bytes)
                    .map_err(|source| Error::Command { index: entry.index, source })?;
                self.command(command).map(Some)
            }
        }
    }

    fn command(&mut self, command: Command) -> Result<Outcome, Error> {
        match command {
            Command::Txn(txn) => self.txn(txn),
            Command::Compact { revision } => Ok(self.compact(revision)),
            Command::LeaseGrant { id, ttl_seconds } => self.lease_grant(id, ttl_seconds),
            Command::LeaseRevoke { ids } => self.lease_revoke(&ids),
            Command::LeaseCheckpoint { remaining } => self.lease_checkpoint(&remaining),
            Command::Alarm { raise, alarm } => Ok(self.alarm(raise, alarm)),
            Command::Custom { machine, body } => self.custom(&machine, body),
            Command::Auth(change) => Ok(self.change_auth(&change)),
            Command::OnBehalf { caller, command } => self.on_behalf(&caller, *command),
            Command::Batch(commands) => {
                let outcomes = commands.into_iter().map(|command| self.command(command));
                Ok(Ok(Reply::Batch(outcomes.collect::<Result<_, _>>()?)))
            }
        }
    }
}
