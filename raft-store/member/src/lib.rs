//! One member of the replicated store: log, state, consensus and network, assembled in-process.
//!
//! Place: the top of the store. Implements [`quorate_store::Store`]; the gRPC services of etcd and
//! the control plane are its users.
//!
//! Invariants: an acknowledged write is durable on a quorum and survives any crash of fewer; a
//! failure says whether the request may have happened; a data directory that is not this member's,
//! or is damaged, is refused and left as it is.
//!
//! Without the feature `node` there is only [`Core`], the same store without sockets, directory and
//! RocksDB, for simulations and for who brings these himself.
//!
#![cfg_attr(feature = "node", doc = "```no_run")]
#![cfg_attr(not(feature = "node"), doc = "```ignore")]
//! use quorate_member::{Member, MemberOptions};
//! use quorate_seams::Seams;
//! use quorate_store::{RangeRequest, Store, Txn};
//! use quorate_types::{ClusterId, MemberId};
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let listen = "127.0.0.1:0".parse()?;
//! let options = MemberOptions::new(ClusterId(7), MemberId(1), "/var/lib/quorate", listen);
//! let member = Member::start(options, Seams::system()).await?;
//! member.txn(Txn::put("greeting", "hello")).await?;
//! assert_eq!(member.range(RangeRequest::key("greeting")).await?.kvs[0].value, "hello");
//! member.shutdown().await?;
//! # Ok(()) }
//! ```

#[cfg(feature = "node")]
mod alone;
mod authorized;
#[cfg(feature = "node")]
mod backup;
mod custom;
#[cfg(feature = "node")]
mod data_dir;
#[cfg(feature = "node")]
mod delegate;
#[cfg(feature = "node")]
mod error;
mod identity;
mod integrity;
mod leases;
#[cfg(feature = "node")]
mod member;
mod member_core;
mod membership;
mod metrics;
#[cfg(feature = "node")]
mod options;
mod service;
mod space;
mod status;
mod store;
mod sweep;
mod watching;

#[cfg(feature = "node")]
pub use alone::force_new_cluster;
pub use authorized::Authorized;
#[cfg(feature = "node")]
pub use backup::{LoadFailure, Restore, restore, restore_with};
pub use custom::Executed;
#[cfg(feature = "node")]
pub use data_dir::owner;
#[cfg(feature = "node")]
pub use error::Error;
pub use integrity::Integrity;
#[cfg(feature = "node")]
pub use member::Member;
pub use member_core::Core;
pub use metrics::{Histogram, Metrics, Requests};
#[cfg(feature = "node")]
pub use options::{MemberOptions, PeerSockets};
pub use quorate_mvcc::{
    Alarm, AlarmKind, AuthTables, HashKv, History, LoadError, Loaded, Loader, Machine,
    MachineEffects, MachineError, MachineView, Operations, StoredLease,
};
pub use quorate_raft::{
    ClusterMember, Follower, MembershipError, Retention, Role, SnapshotTraffic, Timing,
};

/// Sockets and TLS of members and clients.
#[cfg(feature = "node")]
pub mod net {
    pub use quorate_transport::{
        Caller, ClientTls, KeepAlive, ListenError, ServerTls, Serving, Socket, Sockets, TlsError,
        TlsOptions, TlsVersion, Url, UrlError, describe, self_signed, serve,
    };
}
