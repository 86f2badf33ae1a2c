//! The replicated state of a member: commands in, effects out.
//!
//! Place: between the raft glue, which hands over committed log entries, and the member, which
//! reads, watches and keeps leases. The data model is etcd's; the bytes of revision keys and values
//! are etcd's too, so that [`Mvcc::hash_kv`] can be compared with a real etcd.
//!
//! Invariants: [`Mvcc::apply`] is a pure function of state and entries (no clock, no randomness);
//! every call writes one atomic batch that contains the applied index, and publishes to watchers
//! once, after the write. Reads use snapshots and never block apply; apply never waits for a
//! watcher. The state is derived: it is not synced on the way, the log replays what was lost.
//!
//! ```
//! use quorate_mvcc::{ApplyEntry, Command, EntryKind, MemoryDb, Mvcc, Options};
//! use quorate_store::{RangeRequest, Txn};
//! use quorate_types::{LogIndex, Term};
//! use std::sync::Arc;
//!
//! let mvcc = Mvcc::open(Arc::new(MemoryDb::new()), Options::default())?;
//! let command = Command::Txn(Txn::put("greeting", "hello")).encode()?;
//! let entry =
//!     ApplyEntry { index: LogIndex(1), term: Term(1), kind: EntryKind::Command(command) };
//! mvcc.apply(vec![entry])?;
//! let found = mvcc.range(&RangeRequest::key("greeting"))?;
//! assert_eq!(found.kvs[0].value, "hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod apply;
mod auth;
mod codec;
mod command;
pub mod db;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
mod hash;
mod history;
mod layout;
pub mod lease;
mod lease_changes;
mod machine;
mod meta;
mod mvcc;
mod operations;
mod options;
mod overlay;
mod page;
mod read;
mod space;
mod watch;

pub use codec::{CodecError, decode_outcome, encode_batch, encode_outcome};
pub use command::{Alarm, AlarmKind, Applied, ApplyEntry, Command, EntryKind, Outcome, Reply};
pub use db::{MemoryDb, StateDb};
#[cfg(feature = "rocks")]
pub use db::{RocksDb, RocksOptions};
pub use error::Error;
pub use hash::HashKv;
pub use history::{AuthTables, History, LoadError, Loaded, Loader};
pub use lease::StoredLease;
pub use lease_changes::{LeaseChange, LeaseChanges, LeaseUpdate};
pub use machine::{Machine, MachineEffects, MachineError, MachineView, Machines};
pub use mvcc::Mvcc;
pub use operations::Operations;
pub use options::Options;
