//! One member of the replicated store: log, state, consensus and network, assembled in-process.
//!
//! Place: the top of the store. Implements [`quorate_store::Store`]; the gRPC services of etcd and
//! the control plane are its users.
//!
//! Invariants: an acknowledged write is durable on a quorum and survives any crash of fewer; a
//! failure says whether the request may have happened; a data directory that is not this member's,
//! or is damaged, is refused and left as it is.
//!
//! ```no_run
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

mod backup;
mod custom;
mod data_dir;
mod error;
mod integrity;
mod leases;
mod member;
mod membership;
mod options;
mod service;
mod space;
mod status;
mod store;
mod sweep;
mod watching;

pub use backup::{Restore, restore};
pub use custom::Executed;
pub use error::Error;
pub use integrity::Integrity;
pub use member::Member;
pub use options::MemberOptions;
pub use quorate_mvcc::{
    Alarm, AlarmKind, HashKv, Machine, MachineEffects, MachineError, MachineView,
};
pub use quorate_raft::{ClusterMember, MembershipError, Role, Timing};
