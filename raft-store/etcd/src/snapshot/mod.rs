//! Moving in and out of etcd: snapshots that an etcd can be restored from, and new clusters from an
//! etcd's snapshot or data directory.
//!
//! Place: between [`quorate_bolt`], which knows the file's format, and the state, which tells and
//! takes in etcd's own bytes; this module knows which buckets an etcd keeps what in (`schema`).
//!
//! Invariants: the history is moved whole, so that `HashKV` is equal before and after. A snapshot is
//! one moment's state, its memory is bounded, and nothing waits for its reader. Of a foreign file
//! nothing is believed; what is wrong with it is an error that says where.

mod error;
mod export;
mod file;
mod import;
mod schema;
mod stream;
mod wal;

pub use error::Error;
pub use file::{SnapshotFile, SnapshotStatus};
pub use import::{Imported, import};
pub(crate) use stream::{Slots, stream};
