//! One actor per pod: it looks, decides, journals, acts and reports.
//!
//! Place: started by the supervisor for every pod bound to this node and for every orphan; the only
//! caller of the executor for its pod. The decisions are [`crate::machine`]'s.
//!
//! Invariants: the journal holds a decision's record before any of its actions begins; a status is
//! handed to the writer, never waited for; an error of the executor or the disk delays and repeats,
//! it never skips.

mod act;
mod actor;
mod bring_up;
mod doorbell;
mod plan;
mod sources;

pub(crate) use actor::{PodActor, Start, Wanted};
pub(crate) use doorbell::Doorbell;
pub(crate) use plan::grace_seconds;
pub(crate) use sources::CachedSources;
