//! The segmented raft log: one vectored write and one `fdatasync` per group.
//!
//! Place: below the raft glue, which maps openraft's log store onto it; this crate knows no openraft
//! type. Above it lies only the [`quorate_seams::Disk`] seam, so that the same code runs on a
//! simulated disk that tears and forgets.
//!
//! Invariants: nothing is acknowledged before it is synced; the first failed write or sync ends the
//! acknowledgements for good; the log proves itself whole when it is opened, or refuses.
//!
//! ```
//! use quorate_log::{Entry, Identity, LogId, Options, RaftLog};
//! use quorate_seams::SimDisk;
//! use quorate_types::{ClusterId, LogIndex, MemberId, Term};
//! use std::{path::Path, sync::mpsc};
//! let identity = Identity { cluster: ClusterId(7), member: MemberId(1) };
//! let disk = SimDisk::new();
//! let log = RaftLog::open(disk.shared(), Path::new("/log"), identity, Options::default())?;
//! let id = LogId { term: Term(1), index: LogIndex(1) };
//! let (done, durable) = mpsc::channel();
//! let entry = Entry { id, payload: "hello".into() };
//! log.append(vec![entry.clone()], Box::new(move |result| drop(done.send(result))))?;
//! assert_eq!(log.read(1..2)?, [entry], "readable at once");
//! durable.recv()??;
//! log.close();
//! let log = RaftLog::open(disk.shared(), Path::new("/log"), identity, Options::default())?;
//! assert_eq!(log.state().last, Some(id));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
pub mod format;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
mod log;
mod recovery;
mod segments;
mod shared;
mod types;
mod view;
mod writer;

pub use error::Error;
pub use log::RaftLog;
pub use types::{
    Done, Entry, Identity, LogId, LogState, MAX_CALL_BYTES, MAX_QUEUED_BYTES, Options, Stats,
};
