//! Sending the state to another member and receiving it.
//!
//! The sender copies its state (hard links), says which files that are, and is told how much of each
//! the receiver has: what arrived before a connection broke, and what lies in the receiver's own
//! state since an earlier snapshot. Only the rest travels.
//!
//! Invariants: every chunk and every file carries a CRC-32C; a file is taken for another one only if
//! name or place, length and checksum of the whole agree; a received directory is complete, verified
//! and synced before it is installed; names from the network never leave the directory.

mod inbox;
mod outgoing;
mod sums;
#[cfg(test)]
mod tests;
mod traffic;
mod writer;

pub(crate) use inbox::{Inbox, receive_in_place};
pub(crate) use outgoing::Outgoing;
pub(crate) use sums::Sums;
pub use traffic::SnapshotTraffic;
pub(crate) use traffic::Traffic;
