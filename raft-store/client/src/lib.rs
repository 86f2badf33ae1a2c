//! The store contract over the network: a running etcd, ours or a stock one, as a [`Store`].
//!
//! Place: beside `raft-store/member`, which is the same contract in the caller's process. A control
//! plane takes either. The wire is spoken by the crate [`etcd_client`], which is re-exported: connect
//! with it (addresses, users, TLS), then hand the client over.
//!
//! Invariants: nothing is repeated behind the caller's back, and a failure of unknown outcome says so.
//! Everything the store holds lies under [`Options::root`], so one etcd may serve others beside it.
//! What etcd has no word for is made of what it has:
//!
//! - A *fence* ([`quorate_store::Txn::fence`]) is a comparison with the key of an election among the
//!   handles of one root; their terms are the revisions at which that key was created.
//! - A *name* ([`quorate_store::Txn::request_id`]) is a key that is written with the transaction and
//!   forgotten after an hour or two.
//!
//! ```no_run
//! use quorate_client::{EtcdStore, Options, etcd_client::Client};
//! use quorate_store::{RangeRequest, Store, Txn};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::connect(["127.0.0.1:2379"], None).await?;
//! let store = EtcdStore::new(client, Options::default()).await?;
//! store.txn(Txn::put("greeting", "hello")).await?;
//! let found = store.range(RangeRequest::key("greeting")).await?;
//! assert_eq!(found.kvs[0].value, "hello");
//! # Ok(()) }
//! ```
//!
//! [`Store`]: quorate_store::Store

mod errors;
mod keyspace;
mod leader;
mod leases;
mod named;
mod options;
mod request;
mod response;
mod standing;
mod store;
mod watch;

pub use etcd_client;
pub use options::Options;
pub use store::EtcdStore;
