//! The store contract: range, transaction, watch and lease over a revisioned key space.
//!
//! Place: the border between the control plane and any store. `raft-store/member` implements it
//! in-process, [`MemoryStore`] is the reference that says what is right, and `conformance` holds
//! every implementation to it.
//!
//! Invariants: the data model is etcd's (one revision per changing transaction, versions per key,
//! compares evaluated on the state before the transaction). Every failure says whether the request
//! may have happened ([`Error::certainty`]); nothing is retried behind the caller's back.
//!
//! ```
//! use quorate_store::{MemoryStore, RangeRequest, Store, Txn};
//! # futures::executor::block_on(async {
//! let store = MemoryStore::new(quorate_seams::ManualClock::new());
//! store.txn(Txn::put("greeting", "hello")).await?;
//! let found = store.range(RangeRequest::key("greeting")).await?;
//! assert_eq!(found.kvs[0].value, "hello");
//! # Ok::<(), quorate_store::Error>(()) }).unwrap();
//! ```

mod auth;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod error;
mod kv;
mod lease;
mod memory;
mod range;
mod shape;
mod store;
mod txn;
mod watch;

pub use auth::AuthError;
pub use error::{Certainty, Error};
pub use kv::KeyValue;
pub use lease::{LeaseGranted, LeaseTimeToLive};
pub use memory::MemoryStore;
pub use range::{
    Consistency, KeyRange, RangeRequest, RangeResponse, RevisionFilter, Sort, SortTarget,
};
pub use store::{SharedStore, Status, Store};
pub use txn::{
    Compare, CompareOp, CompareTarget, Op, OpResponse, PutOp, RequestId, Txn, TxnResponse,
};
pub use watch::{Event, EventKind, ProgressBell, WatchBatch, WatchRequest, WatchStream};
