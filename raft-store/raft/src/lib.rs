//! Consensus: openraft over our log, our state and our byte formats.
//!
//! Place: between `quorate-log` and `quorate-mvcc` below and `quorate-member` above; the only crate
//! that names openraft. Networks implement [`Transport`] and serve [`Inbound`].
//!
//! Invariants: no openraft type in the public interface, on disk or on the wire; nothing is
//! acknowledged before it is durable on a quorum; nothing is purged from the log before the state
//! that contains it is durable; every failure says whether the request may have happened.

mod alone;
mod backup;
mod births;
mod book;
mod consensus;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
mod hello;
mod inbound;
mod invariants;
mod machine;
mod membership;
mod network;
mod options;
mod proposals;
mod read_index;
mod requests;
mod retention;
mod runtime;
mod scratch;
mod snapshot;
mod state;
mod storage;
mod transition;
mod transport;
mod types;
mod wire;
mod witness;

pub use alone::make_alone;
pub use backup::{Restored, found, restore};
pub use consensus::{Consensus, Leadership, Parts};
pub use error::Error;
pub use inbound::{decode_description, leader_reply};
pub use membership::{ClusterMember, Follower, MembershipChange, MembershipError, Role};
pub use options::{Options, Timing};
pub use requests::Attempt;
pub use retention::Retention;
pub use snapshot::SnapshotTraffic;
pub use transport::{CallError, Inbound, Lane, Method, Peer, Transport};

#[cfg(test)]
mod tests;
